"""Numbers of the laws that vary through the tissue, looked up at the quadrature points."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import annotated_types as bounds_of
import numpy as np
from numpy.typing import NDArray

from fibertwin.constitutive import Formula, FromImage, FromMesh, Material, Varying, kappa_from_fa
from fibertwin.constitutive.parameters import Parametric, annotation
from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong
from fibertwin.parallel import on_root, together
from fibertwin.units import Unit, UnitError, quoted

from .formula import FormulaError, parse

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.meshes import FiberField
    from fibertwin.meshes.scalar_fields import LookedUp

    from .problem import Problem

type Array = NDArray[np.float64]

OF_SCAN = ("FA", "MD", "kappa")
"""Names in a formula that stand for the diffusion tensors: FA, mean diffusivity (mm²/s), dispersion κ of FA."""

VARIABLES = (*OF_SCAN, "x", "y", "z")
"""All names in a formula; the coordinates in RAS+ mm."""


@dataclass(frozen=True, eq=False)
class _Values(Varying):
    """Numbers that have been looked up.

    Attributes:
        values: (cells, q) in the parameter's unit; NaN in cells of other regions.
    """

    values: Array

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def check(varying: Varying, unit: Unit) -> list[Wrong]:
    """What can be said against a source of numbers without opening its file.

    Args:
        varying: where the numbers come from.
        unit: unit of the parameter.

    Returns:
        the problems, each at a key of the source's table.
    """
    problems = []
    try:
        _factor(getattr(varying, "unit", ""), unit)
    except UnitError as error:
        problems.append(
            Wrong("unit", error.what, wanted=f"a unit of {unit.measures}, such as {unit.name or 'percent'}")
        )
    if isinstance(varying, FromMesh):
        try:
            _factor(varying.length_unit, Unit("mm"))
        except UnitError as error:
            problems.append(Wrong("length_unit", error.what, wanted="a unit of length: mm, cm, m …"))
    if isinstance(varying, Formula):
        try:
            parse(varying.formula, VARIABLES)
        except FormulaError as error:
            problems.append(Wrong("formula", error.what, wanted=error.wanted))
    return problems


def needs_scan(varying: object) -> bool:
    """Whether a formula looks at the diffusion tensors."""
    return isinstance(varying, Formula) and not parse(varying.formula, VARIABLES).names.isdisjoint(OF_SCAN)


def examine(materials: Mapping[str, Material]) -> None:
    """Open the files of all parameters that vary, so that a wrong one is found before a body is made. Not collective.

    Raises:
        InputError: with every file that cannot be read, or has no such field.
    """
    from fibertwin.meshes.images import read_image
    from fibertwin.meshes.scalar_fields import read_mesh_field

    problems: list[Wrong] = []
    for region, material in materials.items():
        for term in material.terms:
            for name, value in term.parameters.items():
                try:
                    if isinstance(value, FromImage):
                        read_image(value.image)
                    if isinstance(value, FromMesh):
                        read_mesh_field(value.file, value.field)
                except InputError as error:
                    where = f"materials.{region}: {name}"
                    problems += [replace(problem, where=f"{where}: {problem.where}") for problem in error.problems]
    if problems:
        raise InputError(problems)


def resolve(
    varying: Varying,
    law: type[Parametric],
    name: str,
    points: Array,
    fibers: "FiberField | None",
    comm: "MPI.Comm",
    where: str,
    cells: NDArray[np.integer[Any]] | None = None,
) -> Array:
    """The values of a parameter that varies. Collective.

    Args:
        varying: where they come from.
        law: class of the law that has the parameter.
        name: name of the parameter, ``mu`` or ``mu.0``.
        points: quadrature points (cells, q, 3) of this rank's cells (mm).
        fibers: the scan at these points, for formulas that look at it.
        comm: communicator of the mesh.
        where: place of the parameter in the case file, for messages.
        cells: local cells that need values, if not all.

    Returns:
        (cells, q) in the law's unit; NaN in cells that need none.

    Raises:
        InputError: on every rank, if a file cannot be read, points lie outside, or a value is not finite or out of the
            parameter's bounds.
    """
    if isinstance(varying, _Values):
        return varying.values
    unit, bounds = annotation(law, name)
    problems = check(varying, unit)
    if problems:
        raise InputError([replace(problem, where=f"{where}.{problem.where}") for problem in problems])
    chosen = np.arange(len(points)) if cells is None else cells
    picked = points[chosen]
    if isinstance(varying, Formula):
        raw, outside = _of_formula(varying, picked, fibers, chosen, where), np.zeros(picked.shape[:2], dtype=bool)
    else:
        found = _looked_up(varying, picked.reshape(-1, 3), comm, where)
        raw, outside = found.values.reshape(picked.shape[:2]), found.outside.reshape(picked.shape[:2])
    numbers = raw * _factor(getattr(varying, "unit", ""), unit)
    _require(numbers, outside, bounds, unit, comm, f"{where} ({source_of(varying)})")
    values = np.full(points.shape[:2], np.nan)
    values[chosen] = numbers
    return values


def looked_up(problem: "Problem") -> "Problem":
    """The problem with every parameter that varies looked up where the mesh lies now. Collective if any does.

    Who moves the nodes of the mesh afterwards keeps the values of each quadrature point.

    Raises:
        InputError: as ``resolve``.
    """
    from fibertwin.meshes import quadrature_points

    given = [
        value for material in problem.materials.values() for term in material.parameters for value in term.values()
    ]
    if not any(isinstance(value, Varying) for value in given):
        return problem
    points, _ = quadrature_points(problem.anatomy.mesh, problem.quadrature_degree)
    tags = problem.anatomy.cell_tags
    materials = dict(problem.materials)
    for region, material in materials.items():
        if region in problem.anatomy.regions:
            cells = tags.indices[tags.values == problem.anatomy.regions[region]]
            materials[region] = _with_values(material, problem, points, cells, f"materials.{region}")
    return replace(problem, materials=materials)


def _with_values(
    material: Material, problem: "Problem", points: Array, cells: NDArray[np.int32], where: str
) -> Material:
    def of(term: Any, place: str) -> Any:
        def value(name: str, given: Any) -> Any:
            if isinstance(given, tuple):
                return tuple(value(f"{name}.{i}", part) for i, part in enumerate(given))
            if not isinstance(given, Varying):
                return given
            comm = problem.anatomy.mesh.comm
            return _Values(resolve(given, type(term), name, points, problem.fibers, comm, f"{place}.{name}", cells))

        return replace(term, **{f.name: value(f.name, getattr(term, f.name)) for f in fields(term) if f.init})

    energies = tuple(of(energy, f"{where}.energies[{i}]") for i, energy in enumerate(material.energies))
    active = material.active_strain
    return replace(
        material,
        energies=energies,
        active_strain=None if active is None else of(active, f"{where}.active_strain"),
    )


def _factor(given: str, unit: Unit) -> float:
    """How many of the parameter's unit make one of the unit given; 1 where none is given.

    Raises:
        UnitError: it is no such unit.
    """
    return unit.parse(f"1 {given}") if given else 1.0


def source_of(varying: Varying) -> str:
    """Where numbers come from, in words."""
    if isinstance(varying, FromImage):
        return str(varying.image)
    if isinstance(varying, FromMesh):
        return f"{varying.field} in {varying.file}"
    return quoted(varying.formula) if isinstance(varying, Formula) else varying.kind()


def _looked_up(varying: Varying, points: Array, comm: "MPI.Comm", where: str) -> "LookedUp":
    """What an image or a mesh file says at points (n, 3). Collective."""
    from fibertwin.meshes.scalar_fields import image_values, mesh_values, read_mesh_field

    if isinstance(varying, FromImage):
        return together(comm, lambda: image_values(varying.image, points))
    if isinstance(varying, FromMesh):
        millimeters = _factor(varying.length_unit, Unit("mm"))
        field = on_root(comm, lambda: read_mesh_field(varying.file, varying.field, millimeters))
        return together(comm, lambda: mesh_values(field, points))
    raise InputError(Wrong(where, f"nobody knows how to look up {varying.kind()}"))


def _of_formula(
    varying: Formula, points: Array, fibers: "FiberField | None", cells: NDArray[np.integer[Any]], where: str
) -> Array:
    """What a formula says at points (cells, q, 3)."""
    parsed = parse(varying.formula, VARIABLES)
    variables = {axis: points[..., i] for i, axis in enumerate("xyz")}
    scan = sorted(parsed.names & set(OF_SCAN))
    if scan and fibers is None:
        what = f"looks at {', '.join(scan)}, but there is no scan"
        raise InputError(Wrong(where, what, quoted(varying.formula), hint="add [diffusion]"))
    if scan and fibers is not None:
        fa = fibers.fa_values[cells]
        variables |= {"FA": fa, "MD": fibers.md[cells], "kappa": kappa_from_fa(fa)}
    return np.broadcast_to(parsed(variables), points.shape[:2])


def _require(
    values: Array,
    outside: NDArray[np.bool_],
    bounds: tuple[Any, ...],
    unit: Unit,
    comm: "MPI.Comm",
    where: str,
) -> None:
    """Refuse values that are missing, not finite or out of bounds. Collective.

    Raises:
        InputError: on every rank, the same.
    """
    total, beyond = comm.allreduce(values.size), comm.allreduce(int(outside.sum()))
    if beyond:
        hint = "all of the region's quadrature points, in the mesh's space (RAS+ mm)"
        raise InputError(Wrong(where, "does not cover the tissue", f"{beyond} of {total} points outside", hint))
    odd = comm.allreduce(int((~np.isfinite(values)).sum()))
    if odd:
        raise InputError(Wrong(where, "has values that are not finite", f"at {odd} of {total} points", "numbers"))
    lowest = min(comm.allgather(float(values.min(initial=np.inf))))
    greatest = max(comm.allgather(float(values.max(initial=-np.inf))))
    wrong = [words for words, holds in limits(bounds) if total and not (holds(lowest) and holds(greatest))]
    if wrong:
        got = f"{lowest:.6g} to {greatest:.6g} {unit.name}".rstrip()
        raise InputError(Wrong(where, "is out of range", got, " and ".join(wrong)))


def limits(bounds: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Each bound in words, and as a test of a number."""
    for bound in bounds:
        if isinstance(bound, bounds_of.GroupedMetadata):
            yield from limits(tuple(bound))
        elif isinstance(bound, bounds_of.Gt):
            yield f"more than {bound.gt:g}", lambda value, limit=bound.gt: value > limit
        elif isinstance(bound, bounds_of.Ge):
            yield f"at least {bound.ge:g}", lambda value, limit=bound.ge: value >= limit
        elif isinstance(bound, bounds_of.Lt):
            yield f"less than {bound.lt:g}", lambda value, limit=bound.lt: value < limit
        elif isinstance(bound, bounds_of.Le):
            yield f"at most {bound.le:g}", lambda value, limit=bound.le: value <= limit
