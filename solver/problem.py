"""What is to be solved: values only, checked before anything is assembled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Interval
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.constitutive import Material
from fibertwin.declared import Declared
from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong
from fibertwin.units import Time

from .loads import Load, SurfaceLoad, VolumeLoad
from .supports import Support

if TYPE_CHECKING:
    from fibertwin.meshes import Anatomy, FiberField


@dataclass(frozen=True)
class Formulation(Declared):
    """How equilibrium is discretised."""


@dataclass(frozen=True)
class TaylorHood(Formulation):
    """Quadratic displacement, linear pressure: free of locking up to exact incompressibility.

    Perturbed Lagrangian psi(F) + p (J − 1) − p²/(2 bulk modulus); Taylor & Hood 1973
    (doi 10.1016/0045-7930(73)90027-3).
    """


@dataclass(frozen=True)
class Displacement(Formulation):
    """Displacement alone, with the volumetric energy bulk modulus / 2 (J − 1)²: for compressible tissue.

    Attributes:
        degree: polynomial degree; 1 locks where the tissue is nearly incompressible.
    """

    degree: Literal[1, 2] = 2


@dataclass(frozen=True)
class Problem:
    """A body, its tissue, how it is held and what loads it.

    Attributes:
        anatomy: mesh with named regions and surfaces.
        materials: material of every region, by the region's name.
        supports: supports by name.
        loads: loads by name.
        fibers: diffusion fabric at the quadrature points; needed by materials with fibers.
        formulation: ``TaylorHood()`` or ``Displacement()``.
        quadrature_degree: polynomial degree that the quadrature integrates exactly; that of ``fibers``.
    """

    anatomy: "Anatomy"
    materials: Mapping[str, Material]
    supports: Mapping[str, Support]
    loads: Mapping[str, Load] = field(default_factory=dict)
    fibers: "FiberField | None" = None
    formulation: Formulation = field(default_factory=TaylorHood)
    quadrature_degree: Annotated[int, Interval(ge=1, le=10)] = 4

    @property
    def remembers(self) -> bool:
        """Whether equilibrium depends on the way to it, and on the time that the way takes."""
        materials, loads = self.materials.values(), self.loads.values()
        return any(material.remembers for material in materials) or any(load.remembers for load in loads)


RIGID_MODES = (
    "translation along x", "translation along y", "translation along z",
    "rotation about x", "rotation about y", "rotation about z",
)  # fmt: skip


@dataclass(frozen=True)
class Stepping:
    """How the load is brought on and how hard each increment is tried.

    Attributes:
        end: time at which the load history ends, and the load's level is 1.
        first: first increment, as a fraction of the history.
        smallest: smallest increment before the solve is given up.
        largest: largest increment, as a fraction of the history: it bounds the time step.
        growth: factor by which an easy increment lets the next one grow.
        newton: most Newton iterations in one increment.
        tolerance: residual relative to the internal forces at which an increment has converged.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    end: Annotated[Time, Gt(0)] = 1.0
    first: Annotated[float, Interval(gt=0, le=1)] = 1.0
    smallest: Annotated[float, Interval(gt=0, le=1)] = 0.01
    largest: Annotated[float, Interval(gt=0, le=1)] = 1.0
    growth: Annotated[float, Ge(1)] = 1.5
    newton: Annotated[int, Ge(1)] = 20
    tolerance: Annotated[float, Interval(gt=0, lt=1)] = 1e-9

    def __post_init__(self) -> None:
        if self.smallest > self.largest:
            raise ValueError(f"has a smallest increment of {self.smallest:g}, above the largest of {self.largest:g}")


def check(problem: Problem) -> None:
    """Check names and consistency, so that a wrong problem stops before it costs anything. Collective.

    Raises:
        InputError: with every inconsistency found.
    """
    wrong = [*_check_regions(problem), *_check_surfaces(problem), *_check_cells(problem)]
    if problem.fibers is not None and problem.fibers.degree != problem.quadrature_degree:
        wrong.append(
            Wrong(
                "solve.quadrature_degree",
                "differs from that of the fiber field",
                got=str(problem.quadrature_degree),
                wanted=str(problem.fibers.degree),
            )
        )
    if wrong:
        raise InputError(wrong)


def _check_regions(problem: Problem) -> list[Wrong]:
    regions = sorted(problem.anatomy.regions)
    wrong = [
        Wrong(f"materials.{name}", "no such region", wanted=f"one of {', '.join(regions)}")
        for name in problem.materials
        if name not in problem.anatomy.regions
    ]
    for region in regions:
        material = problem.materials.get(region)
        if material is None:
            wrong.append(Wrong(f"materials.{region}", "the region has no material", hint=f"add [materials.{region}]"))
            continue
        if material.needs_fibers and problem.fibers is None:
            wrong.append(
                Wrong(f"materials.{region}", "has a fiber law, but there are no fibers", hint="add [diffusion]")
            )
        if material.bulk_modulus == "incompressible" and isinstance(problem.formulation, Displacement):
            wrong.append(
                Wrong(
                    f"materials.{region}.bulk_modulus",
                    "a displacement formulation cannot hold the volume exactly",
                    got="incompressible",
                    wanted="a number",
                    hint='formulation = { type = "taylor-hood" }',
                )
            )
    return wrong


def _check_cells(problem: Problem) -> list[Wrong]:
    from fibertwin.meshes.folded import folded_cell

    found = folded_cell(problem.anatomy.mesh)
    if found is None:
        return []
    cell, place = found
    where = ", ".join(f"{x:.1f}" for x in place)
    return [Wrong("anatomy", f"cell {cell} at ({where}) mm is turned inside out or lies over its neighbors")]


def _check_surfaces(problem: Problem) -> list[Wrong]:
    surfaces, regions = sorted(problem.anatomy.surfaces), sorted(problem.anatomy.regions)
    wrong = [
        _no_such("surface", f"{family}.{name}.surface", member.surface, surfaces)
        for family, members in (("supports", problem.supports), ("loads", problem.loads))
        for name, member in members.items()
        if isinstance(member, Support | SurfaceLoad) and member.surface not in problem.anatomy.surfaces
    ]
    wrong += [
        _no_such("region", f"loads.{name}.region", load.region, regions)
        for name, load in problem.loads.items()
        if isinstance(load, VolumeLoad) and load.region and load.region not in problem.anatomy.regions
    ]
    return wrong


def _no_such(kind: str, where: str, got: str, known: list[str]) -> Wrong:
    return Wrong(where, f"no such {kind}", got=got, wanted=f"one of {', '.join(known)}")


def free_rigid_modes(points: NDArray[np.float64], directions: NDArray[np.float64], comm: MPI.Comm) -> list[str]:
    """Rigid motions that no support resists. Collective.

    Args:
        points: positions (n, 3) on this rank that are held in one direction each (mm).
        directions: those directions (n, 3), unit vectors.
        comm: communicator.

    Returns:
        names of the free modes; a mode that mixes several is named by its largest parts.
    """
    total = comm.allreduce(np.array([len(points), *points.sum(axis=0)]))
    center = total[1:] / max(total[0], 1)
    x = points - center
    size = np.sqrt(comm.allreduce(float((x**2).sum())) / max(total[0], 1)) or 1.0
    rows = np.hstack([directions, np.cross(x / size, directions)])
    gram = comm.allreduce(rows.T @ rows) / max(total[0], 1)
    values, vectors = np.linalg.eigh(gram)
    names = []
    for value, mode in zip(values, vectors.T, strict=True):
        if value < 1e-10:
            largest = np.flatnonzero(np.abs(mode) > 0.5 * np.abs(mode).max())
            names.append(" with ".join(RIGID_MODES[i] for i in largest))
    return names
