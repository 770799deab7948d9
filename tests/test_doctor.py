"""The doctor finds what is well and what is not, and survives what crashes."""

import re
from pathlib import Path

import pytest

from fibertwin import doctor, jit

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(jit.FLAGS_VARIABLE, "-O0")


def test_all_is_well_where_the_tests_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    for name in ("Python", "C compiler", "JIT cache", "DOLFINx", "PETSc", "2 ranks", "gmsh", "rendering", "numpy"):
        assert name in said
    assert said.endswith("all is well\n")


def test_a_crash_is_a_finding() -> None:
    check = doctor._probe("rendering", "import os; os.abort()", "get a better driver")
    assert check == doctor.Check("rendering", False, "crashed (SIGABRT)", "get a better driver")


def test_an_error_is_told_by_its_last_line() -> None:
    check = doctor._probe("gmsh", "import no_such_library", "pip install it")
    assert not check.ok
    assert check.detail == "ModuleNotFoundError: No module named 'no_such_library'"


def test_silence_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    assert doctor._probe("rendering", "import time; time.sleep(60)", "").detail == "no answer within 0.5 s"


def test_what_a_killed_compile_left_is_cleared() -> None:
    folder = Path(jit.options()["cache_dir"])
    source = folder / "libffcx_forms_1.c"
    assert jit._claim(source)
    source.touch()
    assert "cleared" not in doctor._cache().detail  # FFCx's mark is there and so is the lock
    jit._release()
    assert "cleared what 1 killed compiles left" in doctor._cache().detail
    assert not source.exists()


def test_an_unwritable_cache_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    check = doctor._cache()
    assert not check.ok
    assert jit.CACHE_VARIABLE in check.remedy


def test_a_missing_or_misused_compiler_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "no-such-compiler does not run" in doctor._compiler().detail
    monkeypatch.delenv("CC")
    monkeypatch.setenv(jit.FLAGS_VARIABLE, "-no-such-flag")
    check = doctor._compiler()
    assert not check.ok
    assert jit.FLAGS_VARIABLE in check.remedy


def test_two_ranks_are_not_started_under_mpirun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    assert "already" in doctor._two_ranks().detail


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    check = doctor._group("imaging", ["numpy", "no-such-package"])
    assert not check.ok
    assert "no-such-package missing" in check.detail
    assert check.remedy == "pip install 'fibertwin[imaging]'"
    text = doctor.table([check])
    assert text.startswith("BAD  packages, imaging")
    assert "try: pip install 'fibertwin[imaging]'" in text


def test_doctor_and_bootstrap_name_the_same_packages() -> None:
    script = (ROOT / "tools" / "bootstrap").read_text()
    assert re.findall(r"lib\w+\.so\.\d+=([\w-]+)", script) == doctor.GRAPHICS_PACKAGES.split()
