"""Homogeneous equilibrium: deformation gradients whose free components carry no stress, at many points at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .material import Material
from .point import Fabric, first_piola_kirchhoff, tangent, volumetric_pressure

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Component = tuple[int, int]
"""Row and column of a component of F."""

ITERATIONS = 40
HALVINGS = 12
CLOSE = 1e-9
"""A Newton correction of F that is this small leaves an error of the order of rounding."""


@dataclass(frozen=True)
class Tissue:
    """A material and its fabric in the frame of a test."""

    material: Material
    fabric: Fabric

    def stress(self, F: Array, pressure: Array | None = None) -> Array:
        """First Piola–Kirchhoff stress (n, 3, 3) (kPa) with its volumetric part.

        Args:
            F: deformation gradients (n, 3, 3).
            pressure: mean stress (n,) (kPa) that an incompressible material adds, tension positive.
        """
        J = np.linalg.det(F)
        p = volumetric_pressure(self.material, J) if pressure is None else pressure
        return np.asarray(first_piola_kirchhoff(self.material, F, self.fabric) + p[:, None, None] * _cofactor(F, J))

    def stiffness(self, F: Array, pressure: Array | None = None) -> Array:
        """∂P/∂F (n, 3, 3, 3, 3) (kPa) of that stress, the pressure held."""
        J = np.linalg.det(F)
        p = volumetric_pressure(self.material, J) if pressure is None else pressure
        inverse = np.linalg.inv(F)
        cofactor = J[:, None, None] * inverse.transpose(0, 2, 1)
        turn = np.einsum("n,nji,nlk->nijkl", J, inverse, inverse) - np.einsum("n,nli,njk->nijkl", J, inverse, inverse)
        total = tangent(self.material, F, self.fabric) + p[:, None, None, None, None] * turn
        if pressure is None:
            bulk = volumetric_pressure(self.material, J, order=2)
            total = total + np.einsum("n,nij,nkl->nijkl", bulk, cofactor, cofactor)
        return np.asarray(total)


def equilibrate(tissue: Tissue, F: Array, free: tuple[Component, ...]) -> tuple[Array, Array, Mask]:
    """Find the free components of F that carry no stress.

    Newton's method from the F given; points where that fails are approached from rest in more steps.

    Args:
        tissue: an incompressible material's pressure is found as well, from P33 = 0 where nothing is free.
        F: deformation gradients (n, 3, 3): what is prescribed, and a first guess at what is free.
        free: the free components.

    Returns:
        F (n, 3, 3), P (n, 3, 3) (kPa), and where they were found (n,).
    """
    with np.errstate(all="ignore"):  # a trial may be out of all bounds; it is not taken then
        return _equilibrate(tissue, F, free)


def _equilibrate(tissue: Tissue, F: Array, free: tuple[Component, ...]) -> tuple[Array, Array, Mask]:
    found, p, P, good = _as_guessed(tissue, F, free)
    if good.all():
        return found, P, good
    found[~good], p[~good], good[~good] = _newton(tissue, F[~good], p[~good], free)
    for steps in (8, 64):
        if good.all():
            break
        found[~good], p[~good], good[~good] = _from_rest(tissue, F[~good], free, steps)
    return found, tissue.stress(found, p if tissue.material.incompressible else None), good


def _as_guessed(tissue: Tissue, F: Array, free: tuple[Component, ...]) -> tuple[Array, Array, Array, Mask]:
    """F, pressure, stress, and where these are right already: for isotropic laws that keep their volume they are.

    The pressure of an incompressible material makes P33 vanish.
    """
    p, J = np.zeros(len(F)), np.linalg.det(F)
    incompressible = tissue.material.incompressible
    P = tissue.stress(F, p if incompressible else None)
    if incompressible:
        cofactor = _cofactor(F, J)
        p = -P[:, 2, 2] / cofactor[:, 2, 2]
        P = P + p[:, None, None] * cofactor
    if not free:
        return F.copy(), p, P, np.ones(len(F), dtype=bool)
    rows, columns = np.array(free).T
    good = np.abs(P[:, rows, columns]).max(axis=1) <= 1e-13 * np.abs(P).max(axis=(1, 2))
    if incompressible:
        good &= np.abs(J - 1) <= 1e-14
    return F.copy(), np.where(np.isfinite(p), p, 0.0), P, good


def _from_rest(tissue: Tissue, F: Array, free: tuple[Component, ...], steps: int) -> tuple[Array, Array, Mask]:
    """Approach F on a straight way from rest; the free components go on as they went in the step before."""
    rows, columns = np.array(free).T
    rest = np.broadcast_to(np.eye(3), F.shape)
    before, now, p = rest, rest, np.zeros(len(F))
    good = np.ones(len(F), dtype=bool)
    for share in np.linspace(0, 1, steps + 1)[1:]:
        start = rest + share * (F - rest)
        start[:, rows, columns] = 2 * now[:, rows, columns] - before[:, rows, columns]
        before = now
        now, p, well = _newton(tissue, start, p, free)
        good &= well
    return now, p, good


def _newton(tissue: Tissue, F: Array, p: Array, free: tuple[Component, ...]) -> tuple[Array, Array, Mask]:
    """Newton's method with halved steps; unknown are the free components and an incompressible material's pressure."""
    rows, columns = np.array(free).T
    F, p = F.copy(), p.copy()
    good = np.zeros(len(F), dtype=bool)
    going = np.ones(len(F), dtype=bool)
    for _ in range(ITERATIONS):
        if not going.any():
            break
        at = np.flatnonzero(going)
        residual, matrix, weight = _system(tissue, F[at], p[at], free)
        sound = np.isfinite(residual).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2))
        going[at[~sound]] = False
        at, residual, matrix, weight = at[sound], residual[sound], matrix[sound], weight[sound]
        if not at.size:
            break
        step = -(np.linalg.pinv(matrix, rcond=1e-13) @ residual[:, :, None])[:, :, 0]
        change = np.abs(step[:, : len(free)]).max(axis=1)
        length = _length(tissue, F[at], p[at], free, step, weight, np.linalg.norm(residual, axis=1))
        F[at[:, None], rows, columns] += length[:, None] * step[:, : len(free)]
        if tissue.material.incompressible:
            p[at] += length * step[:, -1] * weight
        close = (change < CLOSE) & (length == 1)
        good[at[close]] = True
        going[at[close | (length == 0)]] = False
    return F, p, good


def _length(
    tissue: Tissue, F: Array, p: Array, free: tuple[Component, ...], step: Array, weight: Array, norm: Array
) -> Array:
    """The share of each step (n,) that makes the residual smaller; zero where none was found."""
    rows, columns = np.array(free).T
    length, open_ = np.ones(len(F)), np.abs(step[:, : len(free)]).max(axis=1) >= CLOSE
    for _ in range(HALVINGS):
        at = np.flatnonzero(open_)
        if not at.size:
            return length
        trial = F[at]
        trial[:, rows, columns] += length[at, None] * step[at, : len(free)]
        pressure = p[at] + (length[at] * step[at, -1] * weight[at] if tissue.material.incompressible else 0)
        inside = np.linalg.det(trial) > 0
        size = np.full(len(at), np.inf)
        if inside.any():
            size[inside] = np.linalg.norm(
                _residual(tissue, trial[inside], pressure[inside], free, weight[at[inside]]), axis=1
            )
        better = size <= (1 - 1e-4 * length[at]) * norm[at]
        open_[at[better]] = False
        length[at[~better]] /= 2
    length[open_] = 0
    return length


def _residual(tissue: Tissue, F: Array, p: Array, free: tuple[Component, ...], weight: Array) -> Array:
    """Stress (n, k) (kPa) of the free components; for an incompressible material also J − 1, weighted as a stress."""
    rows, columns = np.array(free).T
    if not tissue.material.incompressible:
        return tissue.stress(F)[:, rows, columns]
    volume = weight * (np.linalg.det(F) - 1)
    return np.concatenate([tissue.stress(F, p)[:, rows, columns], volume[:, None]], axis=1)


def _system(tissue: Tissue, F: Array, p: Array, free: tuple[Component, ...]) -> tuple[Array, Array, Array]:
    """Residual (n, k), matrix (n, k, k), and the stiffness (n,) (kPa) by which volume and pressure are scaled."""
    rows, columns = np.array(free).T
    incompressible = tissue.material.incompressible
    block = tissue.stiffness(F, p if incompressible else None)[:, rows, columns][:, :, rows, columns]
    weight = np.abs(block).max(axis=(1, 2))
    weight = np.where(weight > 0, weight, 1.0)
    residual = _residual(tissue, F, p, free, weight)
    if not incompressible:
        return residual, block, weight
    edge = weight[:, None] * _cofactor(F, np.linalg.det(F))[:, rows, columns]
    matrix = np.zeros((len(F), len(free) + 1, len(free) + 1))
    matrix[:, :-1, :-1], matrix[:, :-1, -1], matrix[:, -1, :-1] = block, edge, edge
    return residual, matrix, weight


def _cofactor(F: Array, J: Array) -> Array:
    return np.asarray(J[:, None, None] * np.linalg.inv(F).transpose(0, 2, 1))
