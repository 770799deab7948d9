"""What a run shows of a solve on its way: curves over the load, and states for ParaView."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fibertwin import summary
from fibertwin.case import Case
from fibertwin.kept import FILES, Kept
from fibertwin.parallel import on_root
from fibertwin.solver import Collection, Fields, Problem, Solution, Step, fields, functions, write_fields
from fibertwin.whole import whole

if TYPE_CHECKING:
    from fibertwin.meshes import FiberField
    from fibertwin.solver.equations import Unknowns


class Watched:
    """What is written of a solve in every equilibrium and at its end. Everything on it is collective.

    Args:
        case: the case.
        problem: what is solved.
        fibers: the fabric along which strain and stress are measured.
        kept: what the run keeps.
        solve: the solve's name.
    """

    def __init__(self, case: Case, problem: Problem, fibers: "FiberField | None", kept: Kept, solve: str) -> None:
        self.solve = solve
        self._case, self._problem, self._fibers, self._comm = case, problem, fibers, kept.comm
        self._history, self._fields = kept.out / FILES[solve].history, kept.out / FILES[solve].fields
        self._end = case.solve.stepping.end
        self._states = None
        if "pvd" in case.output.formats:
            former = kept.former(solve)
            self._states = Collection(self._fields.with_suffix(".pvd"), kept.comm, self._end, former)

    def __call__(self, unknowns: "Unknowns", steps: tuple[Step, ...]) -> None:
        """Add an equilibrium to the curves, and its fields to the states where the case asks for them."""
        on_root(self._comm, lambda: write_history(steps, self._end, self._history))
        if self._states is not None and self._case.output.series.due(steps):
            measured = fields(self._problem, unknowns, self._fibers)
            self._states.add(steps, functions(unknowns, measured, self._fibers))

    def end(self, solution: Solution, measured: Fields) -> None:
        """Write the fields of the last equilibrium."""
        steps = solution.outcome.steps
        on_root(self._comm, lambda: write_history(steps, self._end, self._history))
        if self._states is not None and not self._states.holds(steps):
            self._states.add(steps, functions(solution.unknowns, measured, self._fibers))
        if "vtx" in self._case.output.formats:
            write_fields(solution, measured, self._fields.with_suffix(".bp"), self._fibers)


def write_history(steps: Sequence[Step], end: float, path: Path) -> None:
    """Write a line for every equilibrium: forces of supports, volumes and pressures of cavities, energies.

    Args:
        steps: increments; waypoints among them, and those of another problem, are left out.
        end: time (s) at which the load level is 1.
        path: the ``.csv`` file.

    Raises:
        SolveError: it cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    for number, step in enumerate(steps, start=1):
        if step.balance is None:
            continue
        row = {"increment": number, "load": step.level, "time_s": f"{step.level * end:.12g}"}
        for name, force in step.balance.reactions.items():
            row |= {f"{name}_{axis}_mN": value for axis, value in zip("xyz", force, strict=True)}
        for name, state in step.cavities.items():
            row |= {f"{name}_{quantity}": value for quantity, value in summary.cavity(state).items()}
        row |= {"stored_energy_uJ": step.balance.stored_energy, "external_work_uJ": step.balance.external_work}
        if not text.tell():
            table.writerow(row)
        table.writerow(row.values())
    with whole(path, synced=False) as stream:
        stream.write(text.getvalue().encode())
