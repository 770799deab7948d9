"""A law or a material without a mesh: stretched, sheared and dilated homogeneously, free sides free of stress.

Everything is computed in the frame of the test: axis 1 is the direction that is stretched or sheared along. The
deformation gradient is upper triangular there, which leaves no rotation open; a component that is not prescribed is
found by Newton's method so that the first Piola–Kirchhoff stress that belongs to it vanishes. That takes in laws that
contract differently in the two lateral directions, and fibers at an angle, which shear while they are stretched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem, SolveError

from .energy import StrainEnergy
from .equilibrium import Component, Tissue, equilibrate
from .material import Material
from .point import Fabric, first_piola_kirchhoff

Array = NDArray[np.float64]
Direction = str | Sequence[float] | Array
"""``"f"``, ``"s"``, ``"n"`` (fiber, sheet, normal) or a vector (3,) in the coordinates of the fabric."""

ALIGNED = Fabric(np.array([1.0, 0, 0]), np.diag([1.0, 0, 0]), 1.0, np.array([0, 1.0, 0]))
"""The fabric where none is given: fibers along x that are all aligned (FA = 1), sheets along y."""


@dataclass(frozen=True)
class Response:
    """What a homogeneous test gives, in the frame of the test.

    Attributes:
        mode: name of the test.
        amount: what was prescribed (n,): the stretch along axis 1, the amount of shear, or the volume ratio.
        F: deformation gradient (n, 3, 3).
        first_piola_kirchhoff: P (n, 3, 3) (kPa).
        axes: the axes of the frame (3, 3), one a row, in the coordinates of the fabric.
    """

    mode: str
    amount: Array
    F: Array
    first_piola_kirchhoff: Array
    axes: Array

    @property
    def stretch(self) -> Array:
        """Stretch along axis 1 (n,)."""
        return self.F[:, 0, 0]

    @property
    def lateral_stretches(self) -> Array:
        """Stretches along axes 2 and 3 (n, 2)."""
        return np.stack([self.F[:, 1, 1], self.F[:, 2, 2]], axis=1)

    @property
    def cauchy(self) -> Array:
        """Cauchy stress (n, 3, 3) (kPa)."""
        P, F = self.first_piola_kirchhoff, self.F
        return np.asarray(P @ F.transpose(0, 2, 1) / np.linalg.det(F)[:, None, None])

    @property
    def nominal_stress(self) -> Array:
        """Force per reference area (n,) (kPa): along axis 1, or along axis 1 on the face across axis 2 in shear."""
        return self._of(self.first_piola_kirchhoff)

    @property
    def cauchy_stress(self) -> Array:
        """The same component of the Cauchy stress (n,) (kPa)."""
        return self._of(self.cauchy)

    def _of(self, stress: Array) -> Array:
        if self.mode == "volumetric":
            return np.asarray(np.trace(stress, axis1=1, axis2=2) / 3)
        return stress[:, 0, 1] if self.mode.endswith("shear") else stress[:, 0, 0]


def uniaxial(
    subject: StrainEnergy | Material, stretches: ArrayLike, direction: Direction = "f", fabric: Fabric | None = None
) -> Response:
    """Stretch along one direction, the sides free.

    Where nothing but the fibers resists (a fiber law alone), the sides are not determined and contract alike.

    Args:
        subject: a material, or a law by itself, which is then incompressible.
        stretches: positive numbers (n,).
        direction: along which.
        fabric: the fabric; ``ALIGNED`` if left out.

    Raises:
        InputError: a stretch is not positive, or there is no such direction.
        SolveError: no lateral stretches free the sides of stress at some stretch.
    """
    along = _positive("stretches", stretches)
    sides = along**-0.5
    F = _diagonal(along, sides, sides)
    return _test(
        "uniaxial", subject, along, F, _axes(direction, fabric), ((1, 1), (2, 2), (0, 1), (0, 2), (1, 2)), fabric
    )


def biaxial(
    subject: StrainEnergy | Material,
    stretches: ArrayLike,
    across: ArrayLike | None = None,
    directions: tuple[Direction, Direction] = ("f", "s"),
    fabric: Fabric | None = None,
) -> Response:
    """Stretch along two directions, the third side free; there is no shear between the two.

    Args:
        subject: a material, or a law by itself, which is then incompressible.
        stretches: along the first direction (n,).
        across: along the second direction (n,); the same if left out (equibiaxial).
        directions: the two, at right angles.
        fabric: the fabric; ``ALIGNED`` if left out.

    Raises:
        InputError: a stretch is not positive, or there are no such directions.
        SolveError: see ``uniaxial``.
    """
    along = _positive("stretches", stretches)
    second = along if across is None else np.broadcast_to(_positive("across", across), along.shape)
    axes = _axes(directions[0], fabric, directions[1])
    name = "equibiaxial" if across is None else "biaxial"
    F = _diagonal(along, second, 1 / (along * second))
    return _test(name, subject, along, F, axes, ((2, 2), (0, 2), (1, 2)), fabric)


def planar_tension(
    subject: StrainEnergy | Material,
    stretches: ArrayLike,
    directions: tuple[Direction, Direction] = ("f", "s"),
    fabric: Fabric | None = None,
) -> Response:
    """Stretch along the first direction while the second keeps its length ("pure shear"); see ``biaxial``."""
    along = _positive("stretches", stretches)
    return replace(biaxial(subject, along, np.ones_like(along), directions, fabric), mode="planar tension")


def simple_shear(
    subject: StrainEnergy | Material,
    amounts: ArrayLike,
    plane: str | tuple[Direction, Direction] = "fs",
    fabric: Fabric | None = None,
    prestretch: ArrayLike = 1.0,
) -> Response:
    """Shift a face by ``amounts`` times its distance at rest; with a stretch of that distance: compound shear.

    The volume is kept. An incompressible material's pressure frees axis 3 of stress; the shear stress is independent
    of it.

    Args:
        subject: a material, or a law by itself, which is then incompressible.
        amounts: shift per height at rest (n,).
        plane: the normal of the face and the direction of its shift, in this order: ``"fs"`` shifts the face across
            the fibers along the sheets (the order of Holzapfel & Ogden 2009, doi 10.1098/rsta.2009.0091).
        fabric: the fabric; ``ALIGNED`` if left out.
        prestretch: stretch along the normal before the shear, one number or (n,); the sides contract by its root.

    Raises:
        InputError: the numbers are not finite, or there are no such directions.
        SolveError: the stress is not finite.
    """
    amount = _finite("amounts", amounts)
    height = np.broadcast_to(_positive("prestretch", prestretch), amount.shape)
    if len(plane) != 2:
        raise InputError(Problem("plane", "is no plane", got=str(plane), wanted='two directions, such as "fs"'))
    normal, shift = plane[0], plane[1]
    F = _diagonal(height**-0.5, height, height**-0.5)
    F[:, 0, 1] = amount
    name = "simple shear" if np.all(height == 1) else "compound shear"
    return _test(name, subject, amount, F, _axes(shift, fabric, normal), (), fabric)


def volumetric(subject: StrainEnergy | Material, ratios: ArrayLike, fabric: Fabric | None = None) -> Response:
    """Dilate by volume ratios J, F = J^(1/3) I; its stress is the mean one.

    Args:
        subject: a material with a bulk modulus, or a law by itself, whose own stress alone is meant.
        ratios: J, positive (n,).
        fabric: the fabric; ``ALIGNED`` if left out.

    Raises:
        InputError: a ratio is not positive, or the material is incompressible.
        SolveError: the stress is not finite.
    """
    J = _positive("ratios", ratios)
    side = np.cbrt(J)
    F = _diagonal(side, side, side)
    if isinstance(subject, StrainEnergy):
        P = first_piola_kirchhoff(as_material(subject), F, fabric or ALIGNED)
        return _finite_response(Response("volumetric", J, F, P, np.eye(3)))
    if subject.incompressible:
        raise InputError(Problem("bulk_modulus", "is that of an incompressible material, whose volume cannot change"))
    P = Tissue(subject, fabric or ALIGNED).stress(F)
    return _finite_response(Response("volumetric", J, F, P, np.eye(3)))


def as_material(subject: StrainEnergy | Material) -> Material:
    """A law by itself as an incompressible material; a material as it is."""
    return subject if isinstance(subject, Material) else Material((subject,), "incompressible")


def frame(fabric: Fabric | None) -> dict[str, Array]:
    """The unit vectors f, s and n of a fabric; without sheets f alone."""
    held = ALIGNED if fabric is None else fabric
    f = np.asarray(held.axis, dtype=float)
    if held.sheet is None:
        return {"f": f}
    s = np.asarray(held.sheet, dtype=float)
    return {"f": f, "s": s, "n": np.cross(f, s)}


def rotated(fabric: Fabric, axes: Array) -> Fabric:
    """The fabric in a frame whose axes (3, 3) are given, one a row."""
    sheet = None if fabric.sheet is None else axes @ fabric.sheet
    return Fabric(axes @ fabric.axis, axes @ fabric.structure_tensor @ axes.T, fabric.fa, sheet)


def _test(
    mode: str,
    subject: StrainEnergy | Material,
    amount: Array,
    F: Array,
    axes: Array,
    free: tuple[Component, ...],
    fabric: Fabric | None,
) -> Response:
    tissue = Tissue(as_material(subject), rotated(fabric or ALIGNED, axes))
    found, P, converged = equilibrate(tissue, F, free)
    if not converged.all():
        at = ", ".join(f"{a:g}" for a in amount[~converged][:3])
        raise SolveError(f"{mode}: the sides cannot be freed of stress at {at}; the law may lose stability there")
    return _finite_response(Response(mode, amount, found, P, axes))


def _finite_response(response: Response) -> Response:
    """The response, where all its stresses are numbers."""
    lost = ~np.isfinite(response.first_piola_kirchhoff).all(axis=(1, 2))
    if lost.any():
        raise SolveError(f"{response.mode}: the law gives no finite stress at {response.amount[lost][0]:g}")
    return response


def _axes(first: Direction, fabric: Fabric | None, second: Direction | None = None) -> Array:
    """The frame (3, 3), one axis a row, whose axis 1 is the first direction and axis 2 the second."""
    one = _direction(first, fabric)
    if second is None:
        known = [v for v in frame(fabric).values() if abs(v @ one) < 1e-12] or [np.eye(3)[np.argmin(np.abs(one))]]
        two = known[0] - (known[0] @ one) * one
    else:
        two = _direction(second, fabric)
        if abs(one @ two) > 1e-9:
            raise InputError(Problem("directions", "are not at right angles", got=f"{first}, {second}"))
    two = two / np.linalg.norm(two)
    return np.array([one, two, np.cross(one, two)])


def _direction(direction: Direction, fabric: Fabric | None) -> Array:
    known = frame(fabric)
    if isinstance(direction, str):
        if direction not in known:
            wanted = f"one of {', '.join(known)}, or a vector of three numbers"
            raise InputError(Problem("direction", "is not known here", got=direction, wanted=wanted))
        return known[direction]
    vector = np.asarray(direction, dtype=float)
    if vector.shape != (3,) or not np.isfinite(vector).all() or np.linalg.norm(vector) == 0:
        raise InputError(Problem("direction", "is no direction", got=str(direction), wanted="three numbers, not all 0"))
    return np.asarray(vector / np.linalg.norm(vector))


def _diagonal(one: Array, two: Array, three: Array) -> Array:
    F = np.zeros((len(one), 3, 3))
    F[:, 0, 0], F[:, 1, 1], F[:, 2, 2] = one, two, three
    return F


def _finite(name: str, values: ArrayLike) -> Array:
    array = np.atleast_1d(np.asarray(values, dtype=float))
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(Problem(name, "must be finite numbers", got=str(values)))
    return array


def _positive(name: str, values: ArrayLike) -> Array:
    array = _finite(name, values)
    if (array <= 0).any():
        raise InputError(Problem(name, "must be positive", got=f"{array[array <= 0][0]:g}"))
    return array
