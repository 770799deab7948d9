"""The verb ``warm``: compile on a login node what a case will need, so that a job's ranks only load it."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin import jit

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.case import Case

EXAMPLE = """examples:
  fibertwin warm case.toml                        nothing is solved; the body is built, as its forms depend on it
  FIBERTWIN_CFLAGS="-O2 -march=x86-64-v3 -g0" fibertwin warm case.toml      for nodes with other CPUs than this one
"""


@dataclass(frozen=True)
class Warmed:
    """What compiling ahead came to, on rank 0.

    Attributes:
        compiled: forms and kernels that were compiled.
        found: those that were in the cache already.
        seconds: wall time, the body's among it.
        folder: where they are.
    """

    compiled: tuple[str, ...]
    found: tuple[str, ...]
    seconds: float
    folder: Path

    @property
    def sentence(self) -> str:
        """What was done, for a person."""
        needed = len(self.compiled) + len(self.found)
        flags = " ".join(jit.compiler_flags())
        if self.compiled:
            kinds = ", ".join(f"{kind} {count}" for kind, count in _kinds(self.compiled).items())
            done = f"compiled {len(self.compiled)} of {needed} modules in {self.seconds:.1f} s ({kinds})"
        else:
            done = f"all {needed} modules were compiled already: nothing was left to do"
        return f"{done}\ncache: {self.folder} ({flags})"


def _kinds(names: tuple[str, ...]) -> dict[str, int]:
    """How many of each kind there are, by the kind that FFCx puts into a module's name."""
    words = [name.removeprefix("libffcx_").partition("_")[0] for name in names]
    return {word: words.count(word) for word in sorted(set(words))}


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    from fibertwin.cli import _add_case

    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "warm", help="compile what a case will need, and solve nothing", epilog=EXAMPLE, formatter_class=plain
    )
    _add_case(verb)
    verb.add_argument("--petsc", default="", metavar="OPTIONS", help="PETSc options that the run will have")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Compile, then tell what and where."""
    from fibertwin.cli import _on_every_rank, _read

    def work(comm: "MPI.Comm") -> None:
        warmed = warm(_read(arguments, comm), comm, petsc=arguments.petsc)
        if comm.rank == 0:
            print(warmed.sentence, flush=True)

    return _on_every_rank(work, arguments.verbose)


def warm(case: "Case", comm: "MPI.Comm", *, petsc: str = "") -> Warmed:
    """Build a case's body and compile all that its run compiles. Collective.

    Args:
        case: the case.
        comm: the ranks; one is as good as many.
        petsc: PETSc options that go before those of the case.

    Raises:
        InputError: on every rank, something is wrong with the input or the cache can't be written.
    """
    from fibertwin import solver, stages

    start = time.perf_counter()
    stepping, options = case.solve.stepping, f"{case.solve.petsc} {petsc}"
    jit.options()  # an unwritable cache is told before the body is built
    with jit.watched() as seen, _scratch(comm) as folder:
        anatomy, fibers = stages.body(case, stages.tensors(case, folder, comm), comm)
        patient = stages.problem(case, anatomy, fibers)
        solver.warm(patient, stepping, petsc=options)
        if case.output.compare_isotropic and fibers is not None:
            solver.warm(stages.isotropic(patient), stepping, petsc=options, fibers=fibers)
    seconds = time.perf_counter() - start
    return Warmed(tuple(sorted(seen.compiled)), tuple(sorted(seen.found)), seconds, jit.cache_folder())


@contextmanager
def _scratch(comm: "MPI.Comm") -> Iterator[Path]:
    """A folder that every rank sees, removed at the end. Collective."""
    from fibertwin.parallel import on_root

    held: list[tempfile.TemporaryDirectory[str]] = []

    def make() -> Path:
        held.append(tempfile.TemporaryDirectory(dir=jit.cache_root(), prefix="warm-"))
        return Path(held[0].name)

    folder = on_root(comm, make)
    try:
        yield folder
    finally:
        for one in held:
            one.cleanup()
