"""The verbs that need no solve, the exit codes, and how ranks leave together."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fibertwin import cli, log
from fibertwin.case.starter import STARTER
from fibertwin.case.toml import dump

from .small import CASE, write_scan
from .test_bad_input import launched


def test_init_writes_a_starter_and_leaves_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.toml"
    assert cli.main(["init", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == STARTER
    path.write_text("mine")
    assert cli.main(["init", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


def test_the_starter_lacks_nothing_but_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.toml"
    path.write_text(STARTER, encoding="utf-8")
    assert cli.main(["check", str(path)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("fibertwin: 3 problems\n")
    assert errors.count("does not exist") == 3


def test_schema_is_json_for_editors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["required"]) == {"anatomy", "materials", "supports"}
    assert cli.main(["schema", "-o", str(tmp_path / "case.json")]) == 0
    assert json.loads((tmp_path / "case.json").read_text(encoding="utf-8")) == schema


def test_schema_into_a_missing_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "-o", str(tmp_path / "no" / "case.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_report_of_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "summary.json" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["chek"], ["run", "case.toml"], ["check"], ["--what"]])
def test_a_wrong_command_line_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: fibertwin" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("fibertwin 0.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("materials.white.energies.1.k1=3 mm", ("materials.white.energies[1].k1", "length", '"3 mm"')),
        ('materials.white.energies[1].k1="3 mm"', ("materials.white.energies[1].k1", "length")),
        ("solve.quadrature_degre=3", ("solve.quadrature_degre", "did you mean quadrature_degree?")),
        ("solve.quadrature_degree=30", ("solve.quadrature_degree", "at most 10")),
        ("materials.white.energies.7.k1=3 kPa", ("materials.white.energies.7.k1", "from 0 to 1")),
        ("title", ("--set", "KEY=VALUE")),
        ("a..b=3", ("a..b", "not the name of a place")),
    ],
)
def test_what_is_set_is_checked_like_the_file(
    change: str, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scan(tmp_path)
    (tmp_path / "case.toml").write_text(dump(CASE), encoding="utf-8")
    assert cli.main(["check", str(tmp_path / "case.toml"), "--set", change]) == 2
    errors = capsys.readouterr().err
    for word in words:
        assert word in errors


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom fibertwin import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pydantic', 'pint', 'dolfinx', 'mpi4py', 'rich', 'ufl', 'pyvista'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_init_needs_no_mpi(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom fibertwin import cli\n"
        f"assert cli.main(['init', {str(tmp_path / 'case.toml')!r}]) == 0\n"
        "assert not {'dolfinx', 'mpi4py'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


LEAVING = """
import sys
from fibertwin import cli
from fibertwin.errors import InputError, Problem, SolveError
cli.GRACE = 1.0
def work(comm):
    if {when}:
        raise {error}
    comm.Barrier()
sys.exit(cli._on_every_rank(work, False))
"""


@pytest.mark.parametrize(
    ("when", "error", "code", "said"),
    [
        ("True", "SolveError('at load level 0.5 a cell turned inside out')", 3, "fibertwin: at load level 0.5"),
        ("comm.rank == 1", "InputError(Problem('here', 'is wrong'))", 2, "fibertwin: here: is wrong"),
        ("comm.rank == 1", "RuntimeError('a defect')", 1, "RuntimeError: a defect"),
    ],
)
def test_ranks_leave_together_with_one_message(when: str, error: str, code: int, said: str, tmp_path: Path) -> None:
    script = tmp_path / "leave.py"
    script.write_text(LEAVING.format(when=when, error=error))
    mpirun = Path(sys.executable).with_name("mpirun")
    command = [str(mpirun), "-n", "2", sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.count(said) == 1


def test_a_wrong_command_line_is_told_once_on_two_ranks() -> None:
    done = launched(2, "chek")
    assert done.returncode == 2
    assert done.stderr.count("invalid choice") == 1


def test_progress_speaks_line_by_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(0)
    with log.progress("solve", 2.0) as bar:
        bar.reached(1.0, "4 iterations")
        bar.reached(1.0, "again")
        bar.reached(1.1)
        bar.reached(1.2)
        bar.reached(1.22)
        bar.reached(2.0)
    with log.progress("solve", 2.0, rank=1) as bar:
        bar.reached(1.0)
    assert capsys.readouterr().err.splitlines() == [
        "solve  50 %  4 iterations",
        "solve  50 %  again",
        "solve  60 %",
        "solve 100 %",
    ]


def test_only_rank_0_speaks_and_details_only_on_wish(capsys: pytest.CaptureFixture[str]) -> None:
    for rank, verbose in ((0, False), (0, True), (1, True)):
        log.configure(rank, verbose=verbose)
        log.logger.info("told")
        log.logger.debug("detail")
        log.logger.warning("beware")
    log.configure(0)
    assert capsys.readouterr().err.splitlines() == ["told", "warning: beware", "told", "detail", "warning: beware"]


def test_a_bar_is_drawn_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with log.progress("solve", 2.0) as bar:
        bar.reached(2.0, "done so far")
    assert "done so far" in capsys.readouterr().err


def test_the_starter_is_toml_with_every_section() -> None:
    sections = {"title", "diffusion", "anatomy", "surfaces", "materials", "supports", "loads", "solve", "output"}
    assert set(tomllib.loads(STARTER)) == sections


def test_petsc_options_may_start_with_a_dash() -> None:
    parse = cli._parser().parse_args
    for options in ("-snes_monitor", "-snes_monitor -ksp_rtol 1e-8", ""):
        assert parse(cli._joined(["run", "a.toml", "--petsc", options, "-o", "out"])).petsc == options
    assert parse(cli._joined(["run", "a.toml", "--petsc=-x", "-o", "out"])).petsc == "-x"


def test_the_page_names_every_verb_and_option() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    (verbs,) = [action.choices for action in cli._parser()._subparsers._group_actions]
    for name, parser in verbs.items():
        assert f"fibertwin {name}" in page
        for option in parser._option_string_actions:
            assert option in ("-h", "--help") or f"{option}" in page


def test_stopping_by_hand_leaves_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_doctor", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "fibertwin: stopped\n"


def test_a_reader_that_has_gone_ends_the_output_in_silence():
    program = "import sys; from fibertwin.cli import main; sys.exit(main(['schema']))"
    command = f'{sys.executable} -c "{program}"; echo $? >&2'
    done = subprocess.run(["sh", "-c", f"{{ {command}; }} | true"], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["141"]


def test_streamlines_need_results(tmp_path, capsys):
    assert cli.main(["streamlines", str(tmp_path)]) == 2
    assert "holds no fields" in capsys.readouterr().err
