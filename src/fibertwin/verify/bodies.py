"""What the problems share: motions and forces by formula, uneven meshes, errors against an exact field."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray
from ufl.core.expr import Expr

from fibertwin import jit
from fibertwin.constitutive import Kinematics, Material
from fibertwin.curve import Moment
from fibertwin.meshes import Anatomy, Block
from fibertwin.solver import Solution, Support, VolumeLoad
from fibertwin.solver.supports import Place, Row

type Array = NDArray[np.float64]
type Field = Callable[[Any], Any]
"""A vector field of the reference position, as a sequence of three expressions; takes arrays and UFL alike."""


@dataclass(frozen=True, eq=False)
class _Moved(Support):
    """Every point of a surface moves as a function of its place says, in proportion to the load's level."""

    displacement: Callable[[Array], Array]

    def rows(self, place: Place) -> list[Row]:
        """The displacement along each axis."""
        moved = self.displacement(place.points)

        def along(axis: int) -> Callable[[Moment], Array]:
            return lambda moment: moment.level * moved[:, axis]

        return [Row(np.eye(3)[axis], along(axis)) for axis in range(3)]


def moved(surface: str, displacement: Callable[[Array], Array]) -> Support:
    """A support that moves points (n, 3) of a surface by (n, 3)."""
    return _Moved(surface, displacement)


@dataclass(frozen=True, eq=False)
class _Balancing(VolumeLoad):
    """The force per volume −Div P that keeps a body in equilibrium in a given deformation."""

    displacement: Field
    stress: Callable[[Expr], Expr]

    def magnitude(self, anatomy: Anatomy) -> tuple[float, ...]:
        """One: the formula is the load."""
        return (1.0,)

    def force_density(self, magnitude: Expr, position: Expr) -> Expr:
        """−Div P of the exact deformation."""
        F = ufl.Identity(3) + ufl.grad(ufl.as_vector(self.displacement(position)))
        return -magnitude[0] * ufl.div(self.stress(F))


def balancing(displacement: Field, material: Material) -> VolumeLoad:
    """The body force of a manufactured solution: of its displacement and the material's whole stress."""

    def stress(F: Expr) -> Expr:
        variable = ufl.variable(F)
        kinematics = Kinematics(variable)
        inverse_bulk = ufl.as_ufl(material.inverse_bulk_modulus)
        return ufl.diff(material.psi(kinematics) + material.volumetric_energy(kinematics.J, inverse_bulk), variable)

    return _Balancing(displacement, stress)


def block(comm: MPI.Comm, cells: int, cell: str = "tetrahedra", *, uneven: float = 0.0) -> Anatomy:
    """The unit cube from the origin; ``uneven`` moves all its nodes by about that much (mm), without order."""
    anatomy = Block((1.0,) * 3, (cells,) * 3, (0.5,) * 3, cell).build(comm)  # type: ignore[arg-type]
    return unevenly(anatomy, uneven)


def unevenly(anatomy: Anatomy, amount: float) -> Anatomy:
    """The anatomy itself, all nodes of its mesh moved by about that much (mm), the same on every rank."""
    x = anatomy.mesh.geometry.x
    phases = np.array([[7.1, 3.3, 5.7], [4.9, 6.1, 2.3], [3.7, 2.9, 7.7]])
    x += amount * np.sin(x @ phases + (0.3, 1.1, 2.0))
    return anatomy


def nodes(solution: Solution) -> Array:
    """Reference positions and displacements (n, 6) (mm) of all nodes, on every rank. Collective."""
    u = solution.unknowns.displacement
    V = u.function_space
    owned = V.dofmap.index_map.size_local
    mine = np.column_stack([V.tabulate_dof_coordinates()[:owned], u.x.array.reshape(-1, 3)[:owned]])
    return np.concatenate(V.mesh.comm.allgather(mine))


def displacement_at(solution: Solution, point: tuple[float, float, float]) -> Array:
    """Displacement (3,) (mm) of the node nearest a point. Collective."""
    rows = nodes(solution)
    nearest = int(np.argmin(np.linalg.norm(rows[:, :3] - np.array(point), axis=1)))
    return np.asarray(rows[nearest, 3:])


def errors(solution: Solution, exact: Field, degree: int = 8) -> tuple[float, float]:
    """Errors of the displacement: in L2 (mm^2.5) and of its gradient (mm^1.5). Collective."""
    u = solution.unknowns.displacement
    domain = u.function_space.mesh
    wanted = ufl.as_vector(exact(ufl.SpatialCoordinate(domain)))
    dx = ufl.dx(domain=domain, degree=degree)
    value, slope = u - wanted, ufl.grad(u) - ufl.grad(wanted)
    return norm(domain.comm, ufl.inner(value, value) * dx), norm(domain.comm, ufl.inner(slope, slope) * dx)


def norm(comm: MPI.Comm, square: Any) -> float:
    """Root of an integral. Collective."""
    return float(np.sqrt(comm.allreduce(fem.assemble_scalar(fem.form(square, jit_options=jit.options())))))
