"""The cache of compiled forms against killed, concurrent and foreign compiles. The compiles are real."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fibertwin import jit
from fibertwin.errors import InputError

PROGRAM = """
import fibertwin.stack
from fibertwin import jit
from mpi4py import MPI
import ufl
from dolfinx import fem, mesh
line = mesh.create_unit_interval(MPI.COMM_SELF, 2)
value = fem.Constant(line, 3.0)
form = fem.form(value * ufl.dx(line), jit_options=jit.options())
print(fem.assemble_scalar(form))
"""

COMPILER = """#!/bin/sh
case "$*" in *" -c "*) echo compiled >>"{log}"; sleep {seconds};; esac
exec {compiler} "$@"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that this process and those it starts use."""
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(jit.FLAGS_VARIABLE, "-O0")
    return tmp_path / "cache"


class Compiler:
    """A C compiler that takes its time and keeps count."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.path, self.log = folder / "slow-cc", folder / "compiles"
        self.log.touch()
        real = shutil.which("cc") or shutil.which("gcc")
        self.path.write_text(COMPILER.format(log=self.log, seconds=seconds, compiler=real))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> int:
        return len(self.log.read_text().split())

    def start(self) -> "subprocess.Popen[str]":
        """A process of its own group that compiles the program's form."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"CC": str(self.path)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.fixture
def started() -> Iterator[Callable[[Compiler], "subprocess.Popen[str]"]]:
    """Start a compile; whatever is left of it at the end of the test is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(compiler: Compiler) -> "subprocess.Popen[str]":
        processes.append(compiler.start())
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def answer(process: "subprocess.Popen[str]") -> str:
    return process.communicate(timeout=60)[0].strip()


def test_a_killed_compile_is_cleared_by_the_next_run(cache: Path, tmp_path: Path, started: Any) -> None:
    slow = Compiler(tmp_path, seconds=600)
    victim = started(slow)
    wait_until(lambda: slow.calls == 1)
    folder = jit.cache_folder()
    assert [owner.split(" on ")[0] for owner in jit.half_made(folder).values()] == [f"process {victim.pid}"]
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert len(jit.half_made(folder)) == 1

    (tmp_path / "next").mkdir()
    assert answer(started(Compiler(tmp_path / "next", seconds=0))) == "3.0"
    assert jit.half_made(folder) == {}


def test_a_live_compile_is_waited_for_not_stolen(cache: Path, tmp_path: Path, started: Any) -> None:
    compiler = Compiler(tmp_path, seconds=4)
    first = started(compiler)
    wait_until(lambda: compiler.calls == 1)
    second = started(compiler)
    assert jit.clear_dead(jit.cache_folder()) == []
    assert (answer(first), answer(second)) == ("3.0", "3.0")
    assert compiler.calls == 1


def test_a_waiting_process_takes_over_from_a_killed_one(cache: Path, tmp_path: Path, started: Any) -> None:
    slow = Compiler(tmp_path, seconds=600)
    victim = started(slow)
    wait_until(lambda: slow.calls == 1)
    (tmp_path / "next").mkdir()
    heir = started(Compiler(tmp_path / "next", seconds=0))
    time.sleep(2)  # long enough for it to be waiting
    os.killpg(victim.pid, signal.SIGKILL)
    assert answer(heir) == "3.0"


def test_cold_processes_compile_once(cache: Path, tmp_path: Path, started: Any) -> None:
    compiler = Compiler(tmp_path, seconds=1)
    many = [started(compiler) for _ in range(6)]
    assert [answer(process) for process in many] == ["3.0"] * 6
    assert compiler.calls == 1


def test_an_emptied_library_is_compiled_again(cache: Path, tmp_path: Path, started: Any) -> None:
    compiler = Compiler(tmp_path, seconds=0)
    answer(started(compiler))
    (library,) = jit.cache_folder().glob("*.so")
    library.write_bytes(b"")
    assert answer(started(compiler)) == "3.0"
    assert compiler.calls == 2


def test_a_compile_of_another_machine_is_given_time(cache: Path) -> None:
    folder = jit.cache_folder()
    folder.mkdir(parents=True)
    source = folder / "libffcx_forms_1.c"
    source.touch()
    source.with_suffix(".lock").write_text("process 1 on another-machine")
    assert jit.half_made(folder) == {source.stem: "process 1 on another-machine"}
    assert jit.clear_dead(folder) == []
    long_ago = time.time() - jit.FOREIGN_GRACE - 1
    os.utime(source, (long_ago, long_ago))
    assert jit.clear_dead(folder) == [source.stem]
    assert jit.half_made(folder) == {}
    assert jit.clear_dead(folder) == []


def test_waiting_ends_with_the_owner_s_name(cache: Path) -> None:
    folder = jit.cache_folder()
    folder.mkdir(parents=True)
    source = folder / "libffcx_forms_1.c"
    source.touch()
    source.with_suffix(".lock").write_text("process 1 on another-machine")
    with pytest.raises(TimeoutError, match="process 1 on another-machine has been compiling"):
        jit._wait_for(source, 0.1)


@pytest.mark.mpi
def test_cold_ranks_share_one_compile(comm: Any, shared_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ufl
    from dolfinx import fem, mesh

    monkeypatch.setenv(jit.CACHE_VARIABLE, str(shared_path))
    cube = mesh.create_unit_cube(comm, 3, 3, 3)
    value = fem.Constant(cube, 2.0)
    options = jit.options()
    total = comm.allreduce(fem.assemble_scalar(fem.form(value * ufl.dx, jit_options=options)))
    assert total == pytest.approx(2.0, abs=1e-14)
    assert len(list(Path(options["cache_dir"]).glob("*.so"))) == 1

    value.value = 5.0  # a parameter's new value compiles nothing
    total = comm.allreduce(fem.assemble_scalar(fem.form(value * ufl.dx, jit_options=jit.options())))
    assert total == pytest.approx(5.0, abs=1e-14)
    assert len(list(Path(options["cache_dir"]).glob("*.so"))) == 1


def test_options_are_what_dolfinx_takes(cache: Path) -> None:
    import dolfinx.jit

    options = jit.options()
    assert set(options) <= set(dolfinx.jit.DOLFINX_DEFAULT_JIT_OPTIONS)
    assert options["timeout"] >= 600
    assert options["cffi_extra_compile_args"] == ["-O0"]
    assert Path(options["cache_dir"]).is_relative_to(cache / "jit")


def test_ffcx_offers_the_place_where_the_lock_is_taken(cache: Path) -> None:
    from ffcx.codegeneration import jit as ffcx_jit

    jit.options()
    assert ffcx_jit.get_cached_module.__wrapped__.__code__.co_varnames[:4] == (
        "module_name",
        "object_names",
        "cache_dir",
        "timeout",
    )


@pytest.mark.parametrize(("flags", "apart"), [("-O3 -march=native", True), ("-O3 -march=x86-64-v3", False)])
def test_native_code_is_kept_apart_by_cpu(
    cache: Path, monkeypatch: pytest.MonkeyPatch, flags: str, apart: bool
) -> None:
    plain = jit.cache_folder()
    monkeypatch.setenv(jit.FLAGS_VARIABLE, flags)
    assert jit.compiler_flags() == flags.split()
    here = jit.cache_folder()
    assert here != plain
    monkeypatch.setattr(jit, "_cpu", lambda: "another CPU")
    jit._key.cache_clear()
    elsewhere = jit.cache_folder()
    jit._key.cache_clear()
    assert (elsewhere != here) == apart


def test_native_code_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(jit.FLAGS_VARIABLE, raising=False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert jit.compiler_flags() == ["-O2", "-march=native", "-g0"]
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert jit.compiler_flags() == ["-O2", "-g0"]


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(jit.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit.cache_root() == tmp_path / "fibertwin"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert jit.cache_root() == Path.home() / ".cache" / "fibertwin"
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "own"))
    assert jit.cache_root() == tmp_path / "own"


def test_an_unwritable_cache_names_folder_and_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError) as caught:
        jit.options()
    assert str(tmp_path / "file" / "cache") in str(caught.value)
    assert jit.CACHE_VARIABLE in str(caught.value)


def test_a_module_of_one_s_own_is_compiled_once(cache: Path) -> None:
    sources = []

    def source() -> str:
        sources.append("int three(void) { return 3; }")
        return sources[0]

    for _ in range(2):
        lib, _ = jit.module("libffcx_three", source, ["int three(void);"], [])
        assert lib.three() == 3
    assert len(sources) == 1


def test_what_is_asked_for_is_taken_down(cache: Path) -> None:
    def ask(name: str) -> None:
        jit.module(name, lambda: "int three(void) { return 3; }", ["int three(void);"], [])

    ask("libffcx_before")
    with jit.watched() as seen:
        for name in ("libffcx_before", "libffcx_new", "libffcx_new"):
            ask(name)
    ask("libffcx_after")
    assert (seen.found, seen.compiled) == ({"libffcx_before"}, {"libffcx_new"})


def test_a_module_without_a_source_keeps_nobody_waiting(cache: Path) -> None:
    def source() -> str:
        raise NotImplementedError("Bessel functions have no value here")

    for _ in range(2):
        with pytest.raises(NotImplementedError):
            jit.module("libffcx_none", source, ["int none(void);"], [])
    assert not jit.half_made(jit.cache_folder())
