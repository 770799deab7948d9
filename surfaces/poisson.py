"""Screened Poisson reconstruction: the closed surface whose inside agrees best with oriented points.

The indicator χ of the inside minimizes ∫|∇χ − V|² + (α/h) Σ aᵢ (χ(pᵢ) − ½)², where V is the inward normals of the
points spread over a grid of step h, aᵢ the area that a point stands for, and α the screening (Kazhdan & Hoppe 2013,
doi 10.1145/2487228.2487237, on a regular grid instead of an octree).
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .marching import isosurface
from .oriented_points import OrientedPoints
from .surface import Surface

Backend = Literal["grid", "pymeshlab"]
SCREENING = 4.0
SPREAD = 0.7
"""Standard deviation, in steps of the grid, of the Gaussian by which normals are spread, like a quadratic B-spline."""

MARGIN = 4
"""Steps of the grid around the points, beyond which nothing is inside."""

MOST_NODES = 40_000_000
TOLERANCE = 1e-4


def poisson_surface(
    samples: OrientedPoints, spacing: float, screening: float = SCREENING, backend: Backend = "grid"
) -> Surface:
    """Reconstruct the closed surface, all pieces of it, outward facing.

    Features thinner than about two steps of the grid vanish, noise with them.

    Args:
        samples: points with outward normals.
        spacing: step of the grid (mm); of the octree's finest cells for pymeshlab.
        screening: how hard the surface is drawn to the points; 0 leaves it to the normals.
        backend: ``grid`` is ours; ``pymeshlab`` (GPL, an extra) has the authors' octree.

    Raises:
        InputError: pymeshlab is missing, the grid would be too large, or the points enclose nothing.
    """
    if backend not in get_args(Backend):
        raise InputError(Problem("backend", "is unknown", repr(backend), " or ".join(get_args(Backend))))
    made = (
        _by_pymeshlab(samples, spacing, screening) if backend == "pymeshlab" else _on_grid(samples, spacing, screening)
    )
    if not len(made.triangles):
        raise InputError(Problem("points", "enclose nothing", f"{len(samples.points)} points", hint="outward normals"))
    return made.oriented()


def _on_grid(samples: OrientedPoints, h: float, screening: float) -> Surface:
    from scipy import fft

    low, high = samples.points.min(axis=0), samples.points.max(axis=0)
    # sine transforms of n nodes are fast where n + 1 has small factors
    shape = tuple(fft.next_fast_len(int(n) + 1) - 1 for n in np.ceil((high - low) / h) + 2 * MARGIN + 1)
    if np.prod(shape) > MOST_NODES:
        got = f"{h:g} mm: {' x '.join(map(str, shape))} nodes"
        least = h * (np.prod(shape) / MOST_NODES) ** (1 / 3)
        raise InputError(Problem("spacing", "is too short for a body of this size", got, f"at least {least:.2g} mm"))
    origin = (low + high) / 2 - h * (np.array(shape) - 1) / 2
    place = (samples.points - origin) / h
    divergence = _divergence(samples, place, shape, h)
    onto = _interpolation(place, shape)
    pull = screening / h * samples.areas
    chi = _solved(divergence + (onto.T @ (0.5 * pull)).reshape(shape), onto, pull, h)
    level = float(np.average(onto @ chi.ravel(), weights=samples.areas))
    affine = np.diag([h, h, h, 1.0])
    affine[:3, 3] = origin
    if not chi.max() > level:
        return Surface(np.empty((0, 3)), np.empty((0, 3), np.int64))
    return isosurface(chi, affine, level)


def _interpolation(place: NDArray[np.float64], shape: tuple[int, ...]) -> Any:
    """The sparse matrix (points, nodes) of trilinear interpolation at places given in steps of the grid."""
    from scipy import sparse

    corner = np.floor(place).astype(np.int64)
    part = place - corner
    rows, columns, weights = [], [], []
    for offset in np.ndindex(2, 2, 2):
        rows.append(np.arange(len(place)))
        columns.append(np.ravel_multi_index(tuple((corner + offset).T), shape))
        weights.append(np.prod(np.where(offset, part, 1 - part), axis=1))
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(len(place), int(np.prod(shape))))


def _divergence(
    samples: OrientedPoints, place: NDArray[np.float64], shape: tuple[int, ...], h: float
) -> NDArray[np.float64]:
    """−div V on the nodes, where V holds the inward normals on the grid's edges, times the volume of a cell."""
    from scipy import ndimage

    total = np.zeros(shape)
    for axis in range(3):
        shifted = place - 0.5 * np.eye(3)[axis]
        flux = (_interpolation(shifted, shape).T @ (-samples.areas * samples.normals[:, axis])).reshape(shape) / h
        flux = ndimage.gaussian_filter(flux, SPREAD, mode="constant")
        total += np.diff(flux, axis=axis, prepend=0.0) * -1.0
    return total


def _solved(right: NDArray[np.float64], onto: Any, pull: NDArray[np.float64], h: float) -> NDArray[np.float64]:
    """χ on the nodes, 0 beyond the grid: conjugate gradients, the Laplacian inverted by sine transforms before."""
    from scipy import fft
    from scipy.sparse.linalg import LinearOperator, cg

    shape, size = right.shape, right.size
    waves = np.meshgrid(*(2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1)) for n in shape), indexing="ij")
    eigenvalues = h * sum(waves)

    def apply(chi: NDArray[np.float64]) -> NDArray[np.float64]:
        field = np.pad(chi.reshape(shape), 1)
        out = np.zeros(shape)
        for axis in range(3):
            inner = tuple(slice(None) if k == axis else slice(1, -1) for k in range(3))
            out -= np.diff(field[inner], n=2, axis=axis)
        result: NDArray[np.float64] = h * out.ravel() + onto.T @ (pull * (onto @ chi.ravel()))
        return result

    def precondition(residual: NDArray[np.float64]) -> NDArray[np.float64]:
        spectrum = fft.dstn(residual.reshape(shape), type=1, overwrite_x=False)
        back: NDArray[np.float64] = fft.idstn(spectrum / eigenvalues, type=1).ravel()
        return back

    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    inverse = LinearOperator((size, size), matvec=precondition, dtype=np.float64)
    chi, failed = cg(operator, right.ravel(), rtol=TOLERANCE, maxiter=300, M=inverse)
    if failed:
        raise InputError(Problem("points", "Poisson reconstruction does not converge", hint="less screening"))
    solution: NDArray[np.float64] = chi.reshape(shape)
    return solution


def _by_pymeshlab(samples: OrientedPoints, h: float, screening: float) -> Surface:
    try:
        import pymeshlab
    except ImportError as error:
        hint = "pip install 'fibertwin[reconstruction]', or the backend grid"
        raise InputError(Problem("pymeshlab", "is needed for this backend", str(error), hint=hint)) from error
    scale = 1.1
    extent = scale * float(np.ptp(samples.points, axis=0).max())
    depth = int(np.clip(np.ceil(np.log2(extent / h)), 3, 12))
    meshes: Any = pymeshlab.MeshSet()
    meshes.add_mesh(pymeshlab.Mesh(vertex_matrix=samples.points, v_normals_matrix=-samples.normals))
    meshes.generate_surface_reconstruction_screened_poisson(depth=depth, scale=scale, pointweight=screening, threads=1)
    made = meshes.current_mesh()
    return Surface(np.asarray(made.vertex_matrix(), np.float64), np.asarray(made.face_matrix(), np.int64))
