"""Is a law what it should be? Derivatives, symmetries, objectivity, rest, and where it loses ellipticity."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .energy import StrainEnergy
from .material import Material
from .point import Fabric, cauchy_stress, energies, first_piola_kirchhoff, tangent, volumetric_pressure
from .study import as_material, frame, rotated

Array = NDArray[np.float64]
Verdict = Literal["holds", "fails", "note"]

TRIAXIAL = Fabric(np.array([1.0, 0, 0]), np.diag([0.6, 0.3, 0.1]), 0.58, np.array([0, 1.0, 0]))
"""The fabric where none is given: that of a tensor with three different eigenvalues, so that nothing cancels."""

STEP = 1e-4
"""Step of the central differences in F, extrapolated from it and its half, so that their error is of order STEP⁴."""

STATES = 8
"""Deformations at which identities are tried."""

DIRECTIONS = 200
"""Directions, evenly over half a sphere, in which the acoustic tensor is looked at."""


@dataclass(frozen=True)
class Check:
    """One property of a law.

    Attributes:
        name: the property.
        verdict: ``"holds"``, ``"fails"``, or ``"note"`` for what is information.
        error: the largest deviation, relative; for ellipticity the least eigenvalue of the acoustic tensor (kPa).
        tolerance: what is allowed.
        detail: a sentence.
    """

    name: str
    verdict: Verdict
    error: float
    tolerance: float
    detail: str


def check(
    subject: StrainEnergy | Material, fabric: Fabric | None = None, *, stretches: tuple[float, float] = (0.7, 1.4)
) -> tuple[Check, ...]:
    """Try a law, also one's own, or a material.

    Args:
        subject: a law or a material; what it does by itself (active stress) is taken at full activation.
        fabric: the fabric; ``TRIAXIAL`` if left out.
        stretches: between which strong ellipticity is looked at.
    """
    material, held = as_material(subject), fabric or TRIAXIAL
    F = _states()
    return (
        _derivative("stress is the derivative of the energy", *_stress(material, F, held), 1e-7),
        _derivative("tangent is the derivative of the stress", *_tangent(material, F, held), 1e-7),
        _identity("the tangent has major symmetry", *_major_symmetry(material, F, held)),
        _identity("objectivity: turning space changes nothing", *_objectivity(material, F, held)),
        _identity("material symmetry: the fabric alone tells directions", *_material_symmetry(material, F, held)),
        _identity("the sign of fiber and sheet does not matter", *_signs(material, F, held)),
        _rest(material, held),
        ellipticity(material, held, stretches),
    )


def _states() -> Array:
    """General deformation gradients (n, 3, 3), some of them large."""
    random = np.random.default_rng(1)
    F = np.eye(3) + np.linspace(0.05, 0.3, STATES)[:, None, None] * random.uniform(-1, 1, (STATES, 3, 3))
    return np.asarray(F[np.linalg.det(F) > 0.2])


def _nudged(F: Array) -> Array:
    """Each F (n, 3, 3) with each component more and less, by a step and by half of it: (n, 9, 4, 3, 3)."""
    nudge = STEP * np.array([1.0, -1.0, 0.5, -0.5])[:, None, None] * np.eye(9).reshape(9, 1, 3, 3)
    return np.asarray(F[:, None, None] + nudge)


def _slope(values: Array) -> Array:
    """Derivative from the values (n, 9, 4, …) there, by Richardson's extrapolation: (n, 9, …)."""
    whole = (values[:, :, 0] - values[:, :, 1]) / (2 * STEP)
    half = (values[:, :, 2] - values[:, :, 3]) / STEP
    return np.asarray((4 * half - whole) / 3)


def _stress(material: Material, F: Array, fabric: Fabric) -> tuple[Array, Array]:
    difference = _slope(energies(material, _nudged(F), fabric))
    return first_piola_kirchhoff(material, F, fabric), difference.reshape(-1, 3, 3)


def _tangent(material: Material, F: Array, fabric: Fabric) -> tuple[Array, Array]:
    difference = _slope(first_piola_kirchhoff(material, _nudged(F), fabric))
    return tangent(material, F, fabric), difference.transpose(0, 2, 3, 1).reshape(-1, 3, 3, 3, 3)


def _major_symmetry(material: Material, F: Array, fabric: Fabric) -> tuple[Array, Array]:
    A = tangent(material, F, fabric)
    return A, A.transpose(0, 3, 4, 1, 2)


def _objectivity(material: Material, F: Array, fabric: Fabric) -> tuple[Array, Array]:
    Q = _rotation()
    return first_piola_kirchhoff(material, Q @ F, fabric), Q @ first_piola_kirchhoff(material, F, fabric)


def _material_symmetry(material: Material, F: Array, fabric: Fabric) -> tuple[Array, Array]:
    """Stress of the body turned before it is deformed, its fabric with it."""
    Q = _rotation()
    return first_piola_kirchhoff(material, F @ Q.T, rotated(fabric, Q)), first_piola_kirchhoff(
        material, F, fabric
    ) @ Q.T


def _signs(material: Material, F: Array, fabric: Fabric) -> tuple[Array, Array]:
    own = first_piola_kirchhoff(material, F, fabric)
    other = first_piola_kirchhoff(material, F, replace(fabric, axis=-fabric.axis))
    if fabric.sheet is None:
        return other, own
    sheet = first_piola_kirchhoff(material, F, replace(fabric, sheet=-fabric.sheet))
    return np.stack([other, sheet]), np.stack([own, own])


def _rotation() -> Array:
    """A rotation that leaves nothing in place, by Rodrigues' formula."""
    axis = np.array([1.0, 2.0, -0.7]) / np.linalg.norm([1.0, 2.0, -0.7])
    W = np.cross(np.eye(3), axis)
    return np.asarray(np.eye(3) + np.sin(1.1) * W + (1 - np.cos(1.1)) * W @ W)


def _worst(found: Array, wanted: Array) -> float:
    """Largest difference at a state relative to the largest component there."""
    axes = tuple(range(1, found.ndim))
    scale = np.maximum(np.abs(wanted).max(axis=axes), np.abs(wanted).max() * 1e-4)
    difference = np.abs(found - wanted).max(axis=axes)
    return float(np.max(np.divide(difference, scale, out=np.zeros_like(difference), where=difference != 0)))


def _derivative(name: str, found: Array, wanted: Array, tolerance: float) -> Check:
    error = _worst(found, wanted)
    return Check(
        name, _verdict(error, tolerance), error, tolerance, f"against central differences, {len(found)} states"
    )


def _identity(name: str, found: Array, wanted: Array) -> Check:
    error = _worst(found, wanted)
    return Check(name, _verdict(error, 1e-8), error, 1e-8, "stress at general deformations")


def _verdict(error: float, tolerance: float) -> Verdict:
    return "holds" if error <= tolerance else "fails"


def _rest(material: Material, fabric: Fabric) -> Check:
    """Whether F = I has neither energy nor stress."""
    name, tolerance = "rest has neither energy nor stress", 1e-8
    rest = np.eye(3)
    stiffness = float(np.abs(tangent(material, rest, fabric)).max()) or 1.0
    stress, psi = cauchy_stress(material, rest, fabric), float(energies(material, rest, fabric))
    error = max(float(np.abs(stress).max()), abs(psi)) / stiffness
    if any(energy.changes for energy in material.energies) or material.active_strain is not None:
        return Check(name, "note", error, tolerance, "active tissue is not at rest without a load")
    pressure = np.trace(stress) / 3
    shape = float(np.abs(stress - pressure * rest).max()) / stiffness
    if error > tolerance and max(shape, abs(psi) / stiffness) <= tolerance and material.incompressible:
        detail = f"a pressure of {pressure:.4g} kPa at rest, which does nothing in an incompressible material only"
        return Check(name, "note", error, tolerance, detail)
    return Check(name, _verdict(error, tolerance), error, tolerance, "relative to the stiffness at rest")


def ellipticity(material: Material, fabric: Fabric, stretches: tuple[float, float] = (0.7, 1.4)) -> Check:
    """Where the acoustic tensor m · Q(N) m, Q_ik = A_ijkl N_j N_l, has a negative eigenvalue.

    It is looked at in isochoric stretches along fiber, sheet and normal, planar ones, and simple shears. A vector m is
    tangential, m · F^-T N = 0, where the material (or a law by itself) is incompressible. Truesdell & Noll 1965, The
    Non-Linear Field Theories of Mechanics, sect. 68 bis. What is lost is reported, and no failure of the law.
    """
    labels, F = (list(part) for part in zip(*_paths(fabric, stretches), strict=True))
    states = np.array(F)
    A = tangent(material, states, fabric)
    finite = np.isfinite(A).all(axis=(1, 2, 3, 4))
    least = _least_eigenvalues(material, states[finite], A[finite])
    scale = np.abs(A[finite]).max(axis=(1, 2, 3, 4))
    lost = np.flatnonzero(least < -1e-9 * scale)
    known = [label for label, good in zip(labels, finite, strict=True) if good]
    span = f"{len(known)} states with stretches {stretches[0]:g} to {stretches[1]:g}"
    if not finite.all():
        span += f" ({np.sum(~finite)} more overflow)"
    worst = float(least.min())
    if not lost.size:
        return Check("strong ellipticity", "holds", worst, 0.0, f"least eigenvalue of the acoustic tensor in {span}")
    where = _first_lost([known[i] for i in lost])
    return Check("strong ellipticity", "note", worst, 0.0, f"lost in {len(lost)} of {span}: {where}")


def _least_eigenvalues(material: Material, F: Array, A: Array) -> Array:
    """Least eigenvalue of the acoustic tensor over all directions (n,) (kPa)."""
    N = _half_sphere()
    Q = np.einsum("nijkl,dj,dl->ndik", A, N, N)
    a = np.einsum("nji,dj->ndi", np.linalg.inv(F), N)
    if material.incompressible:
        a = a / np.linalg.norm(a, axis=-1, keepdims=True)
        across = np.eye(3) - a[..., :, None] * a[..., None, :]
        # m = a itself is no candidate: it gets the largest entry, so that the least is one of the others
        Q = across @ Q @ across + np.abs(A).max(axis=(1, 2, 3, 4))[:, None, None, None] * (np.eye(3) - across)
    else:
        J = np.linalg.det(F)
        stiff = volumetric_pressure(material, J, order=2) * J**2
        Q = Q + stiff[:, None, None, None] * a[..., :, None] * a[..., None, :]
    return np.asarray(np.linalg.eigvalsh((Q + Q.swapaxes(-1, -2)) / 2)[..., 0].min(axis=1))


def _half_sphere() -> Array:
    """Unit vectors (n, 3), evenly spread (a Fibonacci lattice), and the axes."""
    k = np.arange(DIRECTIONS) + 0.5
    z, angle = k / DIRECTIONS, np.pi * (1 + np.sqrt(5)) * k
    radius = np.sqrt(1 - z**2)
    return np.concatenate([np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1), np.eye(3)])


def _paths(fabric: Fabric, stretches: tuple[float, float]) -> Iterator[tuple[tuple[str, float], Array]]:
    """Deformations from rest outwards, each with its path and its amount."""
    axes = _orthonormal(fabric)
    low = np.linspace(1, stretches[0], 7)[1:]
    high = np.linspace(1, stretches[1], 9)[1:]
    yield ("rest", 1.0), np.eye(3)
    for name, side in (("compression", low), ("tension", high)):
        for i, along in enumerate("fsn"):
            for amount in map(float, side):
                yield (f"{name} along {along}", amount), _stretched(axes, i, amount, amount**-0.5, amount**-0.5)
                for shift in (1, 2):
                    three = [amount, 1.0, 1 / amount] if shift == 1 else [amount, 1 / amount, 1.0]
                    width = "fsn"[(i + shift) % 3]
                    yield (f"planar {name} along {along} at constant {width}", amount), _stretched(axes, i, *three)
    for i, j in ((i, j) for i in range(3) for j in range(3) if i != j):
        for amount in map(float, np.linspace(0, high[-1] - 1 / high[-1], 7)[1:]):
            yield (f"shear {'fsn'[i]}{'fsn'[j]}", amount), np.eye(3) + amount * np.outer(axes[j], axes[i])


def _stretched(axes: Array, first: int, one: float, two: float, three: float) -> Array:
    order = [first, (first + 1) % 3, (first + 2) % 3]
    return np.asarray(sum(s * np.outer(axes[k], axes[k]) for s, k in zip((one, two, three), order, strict=True)))


def _orthonormal(fabric: Fabric) -> Array:
    """f, s, n (3, 3); without sheets any two directions across the fiber."""
    known = frame(fabric)
    if len(known) == 3:
        return np.array(list(known.values()))
    f = known["f"]
    s = np.cross(f, np.eye(3)[np.argmin(np.abs(f))])
    s /= np.linalg.norm(s)
    return np.array([f, s, np.cross(f, s)])


def _first_lost(lost: list[tuple[str, float]]) -> str:
    """The path and the amount where each loss begins, the paths in order, three at most."""
    first: dict[str, float] = {}
    for path, amount in lost:
        first.setdefault(path, amount)
    told = [f"{path} from {amount:.3g}" for path, amount in first.items()]
    more = f" and {len(told) - 3} more" if len(told) > 3 else ""
    return "; ".join(told[:3]) + more
