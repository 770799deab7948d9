"""Algebra on many symmetric 3x3 tensors at once, held as six components xx xy yy xz yz zz."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .closed_form import composed, principal

Array = NDArray[np.float64]

ORDER = ("xx", "xy", "yy", "xz", "yz", "zz")
"""The order of the six components everywhere inside fibertwin (lower triangle by rows)."""

_ROW = np.array([0, 1, 1, 2, 2, 2])
_COLUMN = np.array([0, 0, 1, 0, 1, 2])
_FULL = np.array([[0, 1, 3], [1, 2, 4], [3, 4, 5]])
_BLOCK = 8192  # tensors whose decomposition fits in a core's cache


@dataclass(frozen=True, eq=False)
class Eigen:
    """Eigenvalues and axes of symmetric tensors.

    Attributes:
        values: (..., 3), descending.
        vectors: (..., 3, 3), columns e1, e2, e3, right-handed. The sign of e1 and e2 means nothing.
        sheet_confidence: (...,) in [0, 1], how well e2 and e3 can be told apart: Westin's planar anisotropy
            (λ2 - λ3)/λ1 (Westin et al. 2002, doi:10.1016/S1361-8415(02)00053-1); 0 where λ2 = λ3.
    """

    values: Array
    vectors: Array
    sheet_confidence: Array


def to_matrix(components: Array) -> Array:
    """Matrices (..., 3, 3) of components (..., 6)."""
    return np.asarray(np.asarray(components, dtype=float)[..., _FULL])


def from_matrix(matrices: Array) -> Array:
    """Components (..., 6) of the symmetric part of matrices (..., 3, 3)."""
    m = np.asarray(matrices, dtype=float)
    return np.asarray(0.5 * (m[..., _ROW, _COLUMN] + m[..., _COLUMN, _ROW]))


def eigen(components: Array) -> Eigen:
    """Eigen-decomposition of finite tensors (..., 6), any number of them at once, in closed form.

    Errors are a few round-offs of each tensor's largest component, as LAPACK's are.

    Args:
        components: (..., 6), order xx xy yy xz yz zz, any unit.

    Returns:
        Values in the same unit, descending, and right-handed axes.
    """
    shape = np.shape(components)[:-1]
    count = math.prod(shape)
    values, vectors, confidence = np.empty((count, 3)), np.empty((count, 3, 3)), np.empty(count)
    for part, block in _blocks(components):
        (first, second, third), axes = principal(block)
        values[part, 0], values[part, 1], values[part, 2] = first, second, third
        for column, axis in enumerate(axes):
            for row in range(3):
                vectors[part, row, column] = axis[row]
        confidence[part] = (second - third) / np.where(first > 0, first, np.inf)
    return Eigen(values.reshape(*shape, 3), vectors.reshape(*shape, 3, 3), np.minimum(confidence, 1.0).reshape(shape))


def eigenvalues(components: Array) -> Array:
    """Eigenvalues (..., 3), descending, of finite tensors (..., 6)."""
    values = np.empty((*np.shape(components)[:-1], 3))
    flat = values.reshape(-1, 3)
    for part, block in _blocks(components):
        flat[part] = np.stack(principal(block)[0], axis=1)
    return values


def _blocks(components: Array) -> Iterator[tuple[slice, Array]]:
    """Tensors (..., 6) as blocks (6, few), with where each lies among all."""
    flat = np.asarray(components, dtype=float).reshape(-1, 6)
    for start in range(0, len(flat), _BLOCK):
        part = slice(start, start + _BLOCK)
        yield part, np.ascontiguousarray(flat[part].T)


def compose(values: Array, vectors: Array) -> Array:
    """Components (..., 6) of V diag(values) Vᵀ, with values (..., 3) and columns of vectors (..., 3, 3)."""
    scaled = vectors * values[..., None, :]
    return np.asarray(np.einsum("...ck,...ck->...c", scaled[..., _ROW, :], vectors[..., _COLUMN, :]))


def mean_diffusivity(components: Array) -> Array:
    """Mean diffusivity tr D / 3, (...,), in the unit of the components (Basser & Pierpaoli 1996)."""
    c = np.asarray(components, dtype=float)
    return np.asarray((c[..., 0] + c[..., 2] + c[..., 5]) / 3.0)


def fractional_anisotropy(components: Array) -> Array:
    """Fractional anisotropy sqrt(3/2) |dev D| / |D|, (...,), 0 for a zero tensor.

    Basser & Pierpaoli 1996, doi:10.1006/jmrb.1996.0086. It needs no eigenvalues. Lies in [0, 1] for
    positive semidefinite tensors.
    """
    c = np.asarray(components, dtype=float)
    mean = mean_diffusivity(c)
    off = 2.0 * (c[..., 1] ** 2 + c[..., 3] ** 2 + c[..., 4] ** 2)
    deviator = (c[..., 0] - mean) ** 2 + (c[..., 2] - mean) ** 2 + (c[..., 5] - mean) ** 2 + off
    norm = c[..., 0] ** 2 + c[..., 2] ** 2 + c[..., 5] ** 2 + off
    safe = np.where(norm > 0, norm, 1.0)
    return np.asarray(np.where(norm > 0, np.sqrt(1.5 * deviator / safe), 0.0))


def logarithm(components: Array) -> Array:
    """Matrix logarithm, (..., 6), of positive definite tensors (..., 6) (Arsigny et al. 2006)."""
    return _of_eigenvalues(np.log, components)


def exponential(components: Array) -> Array:
    """Matrix exponential, (..., 6), of symmetric tensors (..., 6) (Arsigny et al. 2006)."""
    return _of_eigenvalues(np.exp, components)


def _of_eigenvalues(function: Callable[[Array], Array], components: Array) -> Array:
    """Tensors (..., 6) with the same axes, and a function of the eigenvalues."""
    out = np.empty(np.shape(components))
    flat = out.reshape(-1, 6)
    for part, block in _blocks(components):
        (first, second, third), axes = principal(block)
        flat[part] = np.stack(composed((function(first), function(second), function(third)), axes), axis=1)
    return out


def rotated(components: Array, basis: Array) -> Array:
    """Components (..., 6) of B D Bᵀ, for one orthogonal B (3, 3) whose columns are the old axes in the new ones."""
    mixing = basis[_ROW][:, _FULL_ROW] * basis[_COLUMN][:, _FULL_COLUMN]
    table = np.zeros((6, 6))
    for full, packed in enumerate(_FULL.ravel()):
        table[:, packed] += mixing[:, full]
    return np.asarray(np.asarray(components, dtype=float) @ table.T)


_FULL_ROW = np.repeat(np.arange(3), 3)
_FULL_COLUMN = np.tile(np.arange(3), 3)


def nearest_rotation(matrix: Array) -> Array:
    """Orthogonal factor (3, 3) of the polar decomposition; its determinant has the sign of the matrix's."""
    u, _, vt = np.linalg.svd(matrix)
    return np.asarray(u @ vt)
