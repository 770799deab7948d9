"""The verb ``converge``: one case on finer and finer meshes, and how far its result is from its limit."""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.convergence import GridConvergence, grid_convergence
from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.case import Case

EXAMPLE = """examples:
  fibertwin converge case.toml -o out --quantity displacement_mm.max
  mpirun -n 4 fibertwin converge case.toml -o out --levels 4 --quantity a.b --quantity c.d
quantities are places in summary.json, as out/level-1/summary.json has them
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "converge", help="run a case at h, h/2, h/4 and extrapolate", epilog=EXAMPLE, formatter_class=plain
    )
    verb.add_argument("case", type=Path, metavar="CASE", help="the case file; its mesh is the coarsest")
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder for each level in it")
    verb.add_argument("--levels", type=int, default=3, help="meshes, each with edges shorter by the ratio (3)")
    verb.add_argument("--ratio", type=float, default=2.0, help="of the edges from one mesh to the next (2)")
    verb.add_argument(
        "--quantity",
        action="append",
        required=True,
        metavar="PLACE",
        dest="quantities",
        help="in summary.json",
    )
    verb.add_argument("--petsc", default="", metavar="OPTIONS", help="PETSc options")
    verb.add_argument("--json", action="store_true", help="print JSON instead of text")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Run all levels, then tell order, limit and index of each quantity."""
    if arguments.levels < 3:
        raise InputError(Problem("--levels", "too few to observe an order", str(arguments.levels), "3 or more"))
    if not arguments.ratio > 1:
        raise InputError(Problem("--ratio", "must be above 1", str(arguments.ratio), "2, or at least 1.3"))
    from mpi4py import MPI

    import fibertwin.stack  # noqa: F401 (before MPI is loaded)
    from fibertwin.case import Case

    comm = MPI.COMM_WORLD
    case = Case.read(arguments.case, comm=comm)
    cases = levels_of(case, arguments.levels, arguments.ratio)
    values, sizes = run_levels(cases, arguments.quantities, arguments.output, comm, arguments.petsc)
    results = {name: grid_convergence(found, sizes) for name, found in values.items()}
    if comm.rank == 0:
        print(json.dumps(_as_dict(results), indent=1) if arguments.json else told(results))
    return 0


def levels_of(case: "Case", levels: int, ratio: float) -> list["Case"]:
    """The same case on finer and finer meshes, its own first.

    Args:
        case: whose mesh is the coarsest.
        levels: how many meshes.
        ratio: of edge lengths from one to the next.

    Raises:
        InputError: its mesh can't be made finer.
    """
    anatomy = case.to_dict()["anatomy"]
    return [case.replace(refined(anatomy, ratio**level)) for level in range(levels)]


def run_levels(
    cases: Sequence["Case"], quantities: Sequence[str], out: Path, comm: "MPI.Comm", petsc: str = ""
) -> tuple[dict[str, list[float]], list[float]]:
    """Run cases one after the other and pick quantities from their summaries. Collective.

    Args:
        cases: to run.
        quantities: places in summary.json.
        out: folder in which each case gets one.
        comm: the ranks.
        petsc: PETSc options.

    Returns:
        The values by quantity, and each mesh's size: the edge of a cube as large as its mean cell (mm).

    Raises:
        InputError: a summary has no such quantity; told after the first case.
    """
    from fibertwin import pipeline
    from fibertwin.parallel import on_root

    values: dict[str, list[float]] = {name: [] for name in quantities}
    sizes = []
    for number, case in enumerate(cases, start=1):
        folder = out / f"level-{number}"
        on_root(comm, partial(folder.mkdir, parents=True, exist_ok=True))
        solution = pipeline.run(case, folder, comm, petsc=petsc)
        quality = solution.problem.anatomy.quality
        sizes.append((quality.volume / quality.cells) ** (1 / 3))
        summary = on_root(comm, partial(_summary_in, folder))
        for name, found in values.items():
            found.append(value_at(summary, name))
    return values, sizes


def _summary_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def refined(anatomy: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """The changes to a case that make its mesh finer by a factor.

    Args:
        anatomy: its table ``anatomy``.
        factor: by which edges get shorter.

    Raises:
        InputError: the anatomy has neither ``edge`` nor ``cells``: its mesh comes from a file.
    """
    if anatomy.get("edge") is not None:
        changes: dict[str, Any] = {"anatomy.edge": shorter(anatomy["edge"], factor)}
        if anatomy.get("finer"):
            changes["anatomy.finer"] = [{**f, "edge": shorter(f["edge"], factor)} for f in anatomy["finer"]]
        return changes
    if anatomy.get("cells") is not None:
        return {"anatomy.cells": [round(n * factor) for n in anatomy["cells"]]}
    got, wanted = str(anatomy.get("type")), "an anatomy with edge or cells"
    raise InputError(Problem("anatomy", "its mesh can't be made finer", got, wanted, "mesh it anew at several sizes"))


def shorter(length: str | float, factor: float) -> str | float:
    """A length as a case file has it, divided."""
    if isinstance(length, str):
        number, unit = length.split()
        return f"{float(number) / factor!r} {unit}"
    return length / factor


def value_at(summary: Mapping[str, Any], place: str) -> float:
    """The number at a place such as ``a.b.0`` in a summary.

    Raises:
        InputError: there is none.
    """
    node: Any = summary
    for part in place.split("."):
        keys = [
            str(k) for k in (node if isinstance(node, Mapping) else range(len(node)) if isinstance(node, list) else ())
        ]
        if part not in keys:
            known = ", ".join(keys) or "nothing"
            raise InputError(Problem("--quantity", "is no number in summary.json", place, f"at {part}: {known}"))
        node = node[part] if isinstance(node, Mapping) else node[int(part)]
    if isinstance(node, bool) or not isinstance(node, (int, float)):
        known = ", ".join(node) if isinstance(node, Mapping) else str(node)
        raise InputError(Problem("--quantity", "is no number in summary.json", place, f"one of: {known}"))
    return float(node)


def _keys(node: object) -> list[str]:
    if isinstance(node, Mapping):
        return list(node)
    return [str(k) for k in range(len(node))] if isinstance(node, list) else []


def told(results: Mapping[str, GridConvergence]) -> str:
    """A line or two for each quantity."""
    lines = []
    for name, result in results.items():
        values = ", ".join(f"{v:.6g}" for v in result.values)
        lines += [f"{name}: {values} (finest first)", f"  {result}"]
    return "\n".join(lines)


def _as_dict(results: Mapping[str, GridConvergence]) -> dict[str, Any]:
    return {name: {k: _finite(v) for k, v in vars(result).items()} for name, result in results.items()}


def _finite(value: object) -> object:
    """JSON knows no NaN."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and value != value else value
