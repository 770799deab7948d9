"""A material at a point, in plain numbers: energy, stress and tangent for given F, nothing compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import ufl
from numpy.typing import ArrayLike, NDArray
from ufl.core.expr import Expr

from .dispersion import kappa_from_fa
from .kinematics import Fiber, Kinematics
from .material import Material
from .numeric import Program, symbol
from .varying import Varying
from .volumetric import VOLUMETRIC

Array = NDArray[np.float64]

AT_ONCE = 256
"""Points that are evaluated at a time, which keeps the arrays of a tangent in the cache."""


@dataclass(frozen=True)
class Fabric:
    """Numbers for ``Fiber``: see there for the attributes. Each may also be given at n points, (n, …)."""

    axis: Array
    structure_tensor: Array
    fa: float | Array
    sheet: Array | None = None


def axisymmetric_fabric(axis: ArrayLike, fa: float) -> Fabric:
    """The fabric of an axisymmetric diffusion tensor with a given axis (3,) and fractional anisotropy.

    Its sheet is any direction across the axis.
    """
    a0 = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    kappa = float(kappa_from_fa(fa))
    across = np.cross(a0, np.eye(3)[np.argmin(np.abs(a0))])
    H = kappa * np.eye(3) + (1 - 3 * kappa) * np.outer(a0, a0)
    return Fabric(a0, H, fa, across / np.linalg.norm(across))


def energy(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> float:
    """Strain energy per reference volume (kPa) without its volumetric part, at a deformation gradient F (3, 3)."""
    return float(energies(material, F, fabric))


def energies(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> Array:
    """Strain energy per reference volume (...) (kPa) without its volumetric part, at F (..., 3, 3)."""
    return _evaluated("energy", material, F, fabric)


def first_piola_kirchhoff(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> Array:
    """First Piola–Kirchhoff stress P = ∂psi/∂F (..., 3, 3) (kPa), without the volumetric part, at F (..., 3, 3)."""
    return _evaluated("stress", material, F, fabric)


def tangent(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> Array:
    """Tangent ∂P_ij/∂F_kl (..., 3, 3, 3, 3) (kPa), without the volumetric part, at F (..., 3, 3)."""
    return _evaluated("tangent", material, F, fabric)


def cauchy_stress(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> Array:
    """Cauchy stress P Fᵀ/J (..., 3, 3) (kPa), without the volumetric part, at F (..., 3, 3)."""
    gradient = np.asarray(F, dtype=float)
    P = first_piola_kirchhoff(material, gradient, fabric)
    return np.asarray(P @ np.swapaxes(gradient, -1, -2) / np.linalg.det(gradient)[..., None, None])


def volumetric_pressure(material: Material, J: ArrayLike, order: int = 1) -> Array:
    """U'(J) (kPa), the mean Cauchy stress of the volumetric part (tension positive), at any J; or another derivative.

    Raises:
        ValueError: the material is incompressible.
    """
    if material.bulk_modulus == "incompressible":
        raise ValueError("an incompressible material has no energy of volume")
    ratio = np.asarray(J, dtype=float)
    values = _volumetric(material.volumetric_part, order)({_RATIO: ratio.ravel()})
    return np.asarray(float(material.bulk_modulus) * values.reshape(ratio.shape))


_RATIO = symbol()


@lru_cache(maxsize=32)
def _volumetric(name: str, order: int) -> Program:
    variable = ufl.variable(_RATIO)
    expression = VOLUMETRIC[name].energy(variable)
    for _ in range(order):
        expression = ufl.diff(expression, variable)
    return Program(expression)


def _evaluated(what: str, material: Material, F: ArrayLike, fabric: Fabric | None) -> Array:
    gradient = np.asarray(F, dtype=float)
    if gradient.shape[-2:] != (3, 3):
        raise ValueError(f"a deformation gradient has the shape (..., 3, 3), not {gradient.shape}")
    form = _form(material, fabric)
    program: Program = getattr(form, what)
    shape = gradient.shape[:-2]
    points = gradient.reshape(-1, 3, 3)
    values = form.values(material, fabric, len(points))
    pieces = [
        program({form.F: points[i : i + AT_ONCE], **{s: v[i : i + AT_ONCE] if many else v for s, v, many in values}})
        for i in range(0, len(points), AT_ONCE)
    ]
    return np.concatenate(pieces).reshape(shape + pieces[0].shape[1:])


class _Form:
    """The energy of all materials of one structure, in symbols, and its derivatives."""

    def __init__(self, material: Material, kinds: Mapping[str, tuple[int, ...]]) -> None:
        self.F = symbol((3, 3))
        self.parameters = tuple({name: symbol() for name in term} for term in material.parameters)
        self.fabric = {name: symbol(shape) for name, shape in kinds.items()}
        self._material = material.bind(self.parameters)

    @cached_property
    def _variable(self) -> Expr:
        return ufl.variable(self.F)

    @cached_property
    def _psi(self) -> Expr:
        fiber = Fiber(**{"sheet": None, **self.fabric}) if self.fabric else None
        return self._material.psi(Kinematics(self._variable, fiber))

    @cached_property
    def energy(self) -> Program:
        return Program(self._psi)

    @cached_property
    def stress(self) -> Program:
        return Program(ufl.diff(self._psi, self._variable))

    @cached_property
    def tangent(self) -> Program:
        return Program(ufl.diff(ufl.diff(self._psi, self._variable), self._variable))

    def values(self, material: Material, fabric: Fabric | None, points: int) -> list[tuple[Expr, Array, bool]]:
        """Symbols, their numbers, and whether these are given at each point."""
        found: list[tuple[Expr, Array, bool]] = []
        for symbols, numbers in zip(self.parameters, material.parameters, strict=True):
            for name, number in numbers.items():
                if isinstance(number, Varying):
                    raise ValueError(f"{name} varies in space; at a point it must be a number (see Material.bind)")
                found.append((symbols[name], np.asarray(number, dtype=float), False))
        for name, held in self.fabric.items():
            array = np.asarray(getattr(fabric, name), dtype=float)
            many = array.ndim > len(held.ufl_shape)
            if many and len(array) != points:
                raise ValueError(f"the fabric has {name} at {len(array)} points, and F is given at {points}")
            found.append((held, array, many))
        return found


_forms: dict[Any, _Form] = {}

KEPT = 64
"""Structures whose programs are kept; the oldest goes first."""


def _form(material: Material, fabric: Fabric | None) -> _Form:
    kinds: dict[str, tuple[int, ...]] = {}
    if fabric is not None:
        kinds = {"axis": (3,), "structure_tensor": (3, 3), "fa": ()}
        if fabric.sheet is not None:
            kinds["sheet"] = (3,)
    key = (tuple(term.structure for term in material.terms), tuple(kinds))
    if key not in _forms:
        if len(_forms) >= KEPT:
            del _forms[next(iter(_forms))]
        _forms[key] = _Form(material, kinds)
    return _forms[key]
