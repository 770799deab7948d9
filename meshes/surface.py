"""Closed triangle surfaces: made from an image mask, smoothed, decimated, checked."""

import math
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MESHING = "pip install 'fibertwin[meshing]'"
TAUBIN_LAMBDA = 0.5
RETRIES = (1.0, 0.97, 1.03, 0.94, 1.06)
"""Parts of the count of triangles wanted that are tried until the surface stays closed."""
LEVELS = (0.7, 0.5, 0.3)
"""Where the smoothed mask may be cut; between them the one that keeps the volume is found by interpolation."""


@dataclass(frozen=True)
class VoxelMask:
    """Which voxels of an image belong to a body.

    Attributes:
        inside: (nx, ny, nz) bool.
        affine: (4, 4) voxel index (center) to RAS+ millimeters.
        source: what to call it in messages.
    """

    inside: NDArray[np.bool_]
    affine: NDArray[np.float64]
    source: str = "mask"

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel edge lengths (3,) in mm."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return lengths

    @property
    def volume(self) -> float:
        """Volume of the voxels inside (mm³)."""
        return float(self.inside.sum() * abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def centroid(self) -> NDArray[np.float64]:
        """Center of mass (3,) in mm."""
        index = np.array([np.average(np.arange(n), weights=self._count(k)) for k, n in enumerate(self.inside.shape)])
        center: NDArray[np.float64] = self.affine[:3, :3] @ index + self.affine[:3, 3]
        return center

    def _count(self, axis: int) -> NDArray[np.intp]:
        """Voxels inside by their index along one axis."""
        rest = tuple(k for k in range(3) if k != axis)
        return np.asarray(self.inside.sum(axis=rest))


@dataclass(frozen=True)
class Surface:
    """A triangle surface.

    Attributes:
        points: (n, 3) in mm.
        triangles: (m, 3) indices into ``points``, counter-clockwise seen from outside.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @property
    def volume(self) -> float:
        """Enclosed volume (mm³), negative where the triangles face inward."""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        return float(np.einsum("ni,ni->", a, np.cross(b, c)) / 6)

    @property
    def area(self) -> float:
        """Area (mm²)."""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def is_watertight(self) -> bool:
        """Whether each edge joins exactly two triangles that run along it in opposite senses."""
        edges = _directed_edges(self.triangles)
        forth = np.unique(edges, axis=0)
        back = np.unique(edges[:, ::-1], axis=0)
        return len(forth) == len(edges) and np.array_equal(forth, back)

    @property
    def handles(self) -> int:
        """Genus: the number of handles of a closed connected surface, from Euler's V − E + F = 2 − 2g."""
        edges = len(_directed_edges(self.triangles)) // 2
        return (2 - (len(np.unique(self.triangles)) - edges + len(self.triangles))) // 2

    def oriented(self) -> "Surface":
        """The same surface with its triangles facing outward."""
        return self if self.volume >= 0 else Surface(self.points, self.triangles[:, ::-1])


def clean_mask(mask: VoxelMask, closing: float, opening: float = 0.0) -> VoxelMask:
    """The mask's largest connected piece, with thin bridges cut, furrows closed and holes filled.

    Erosion and dilation are by balls measured in mm. What a cut leaves on its larger side is grown back only into
    voxels that were inside before, one voxel farther than it was eroded, so that rims keep their shape.

    Args:
        mask: voxels of the body.
        closing: gaps narrower than twice this (mm) are closed.
        opening: bridges thinner than twice this (mm) are cut, such as those from the brain to the eyes.

    Raises:
        InputError: no voxel is inside, or none is thicker than the opening.
    """
    from scipy import ndimage

    if not mask.inside.any():
        raise InputError(Problem(mask.source, "the mask is empty", "0 voxels inside", "a mask with a body in it"))
    width = [int(np.ceil(closing / step)) + 1 for step in mask.spacing]
    inside = np.pad(_largest(mask.inside), [(w, w) for w in width])
    if opening > 0:
        core = ndimage.distance_transform_edt(inside, sampling=mask.spacing) > opening
        if not core.any():
            got = f"{opening:g} mm"
            raise InputError(Problem(mask.source, "nothing is thicker than the opening", got, "a smaller opening"))
        reach = opening + float(mask.spacing.max())
        inside &= ndimage.distance_transform_edt(~_largest(core), sampling=mask.spacing) <= reach
        inside = _largest(inside)
    if closing > 0:
        inside = ndimage.distance_transform_edt(~inside, sampling=mask.spacing) <= closing
        inside = ndimage.distance_transform_edt(inside, sampling=mask.spacing) > closing
    inside = ndimage.binary_fill_holes(inside)
    trimmed = inside[tuple(slice(w, -w) for w in width)]
    return VoxelMask(np.asarray(trimmed, dtype=bool), mask.affine, mask.source)


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest of the pieces that hang together by voxel faces."""
    from scipy import ndimage

    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    largest: NDArray[np.bool_] = labels == 1 + int(np.argmax(sizes[1:]))
    return largest


def surface_from_mask(mask: VoxelMask, smoothing: float = 0.0) -> Surface:
    """The surface around the voxels inside, by marching cubes.

    The smoothed mask is cut at the level that keeps the mask's volume, so that smoothing doesn't shrink the body.

    Args:
        mask: voxels of the body, one connected piece.
        smoothing: standard deviation (mm) of the Gaussian that smooths the mask first.

    Raises:
        InputError: scikit-image is missing, or the mask vanishes when smoothed.
    """
    from scipy import ndimage

    try:
        from skimage import measure
    except ImportError as error:
        raise InputError(Problem("scikit-image", "is needed to mesh a mask", str(error), hint=MESHING)) from error
    sigma = smoothing / mask.spacing
    width = [int(np.ceil(4 * s)) + 2 for s in sigma]
    padded = np.pad(mask.inside.astype(np.float64), [(w, w) for w in width])
    smooth = ndimage.gaussian_filter(padded, sigma) if smoothing > 0 else padded
    if smooth.max() <= max(LEVELS):
        raise InputError(
            Problem(
                mask.source,
                "the mask is too small for its smoothing",
                f"{int(mask.inside.sum())} voxels, smoothed over {smoothing:g} mm",
                "a body several voxels thick",
                "less smoothing",
            )
        )

    def at(level: float) -> Surface:
        march: Any = measure.marching_cubes
        with warnings.catch_warnings():
            # scikit-image 0.26 sets array shapes in place, which numpy 2.5 deprecates
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="skimage")
            index, triangles, _, _ = march(smooth, level, allow_degenerate=False)
        points = (index.astype(np.float64) - width) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
        return largest_piece(Surface(points, triangles.astype(np.int64))).oriented()

    volumes = [at(level).volume for level in LEVELS]
    wanted = np.interp(mask.volume, volumes, LEVELS)
    return at(float(wanted))


def largest_piece(surface: Surface) -> Surface:
    """The connected piece with the most triangles; unused points are dropped."""
    from scipy import sparse

    n = len(surface.points)
    edges = _directed_edges(surface.triangles)
    graph = sparse.coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, piece = sparse.csgraph.connected_components(graph, directed=False)
    of_triangle = piece[surface.triangles[:, 0]]
    kept = surface.triangles[of_triangle == np.bincount(of_triangle).argmax()]
    used, triangles = np.unique(kept, return_inverse=True)
    return Surface(surface.points[used], triangles.reshape(-1, 3))


def smooth_taubin(surface: Surface, iterations: int = 20, pass_band: float = 0.1) -> Surface:
    """Smooth without shrinking: a Laplacian step forward, one back (Taubin 1995, doi 10.1145/218380.218473).

    Args:
        surface: closed surface.
        iterations: pairs of steps.
        pass_band: what is smoother than this (0 to 2, as eigenvalues of the umbrella operator) stays.
    """
    back = 1 / (pass_band - 1 / TAUBIN_LAMBDA)
    umbrella = _umbrella(surface)
    points = surface.points
    for _ in range(iterations):
        for factor in (TAUBIN_LAMBDA, back):
            points = points + factor * (umbrella @ points - points)
    return Surface(points, surface.triangles)


def relax_tangentially(surface: Surface, iterations: int = 5) -> Surface:
    """Even out the triangles: points move half-way to their neighbors' mean, but only along the surface.

    Args:
        surface: closed surface.
        iterations: number of steps.
    """
    umbrella = _umbrella(surface)
    points = surface.points
    for _ in range(iterations):
        normals = _point_normals(points, surface.triangles)
        step = umbrella @ points - points
        step -= np.einsum("ni,ni->n", step, normals)[:, None] * normals
        points = points + 0.5 * step
    return Surface(points, surface.triangles)


def decimate(surface: Surface, count: int) -> Surface:
    """Fewer triangles, by quadric edge collapse (Garland & Heckbert 1997, doi 10.1145/258734.258849).

    Args:
        surface: closed surface.
        count: number of triangles wanted; a surface that has no more is returned as it is.

    Raises:
        InputError: fast-simplification is missing.
    """
    if count >= len(surface.triangles):
        return surface
    try:
        import fast_simplification
    except ImportError as error:
        raise InputError(
            Problem("fast-simplification", "is needed to mesh a mask", str(error), hint=MESHING)
        ) from error
    coarse = surface
    for part in RETRIES:
        points, triangles = fast_simplification.simplify(
            surface.points.astype(np.float32), surface.triangles.astype(np.int32), target_count=round(part * count)
        )
        coarse = Surface(np.asarray(points, dtype=np.float64), np.asarray(triangles, dtype=np.int64))
        coarse = largest_piece(without_fins(coarse))
        if coarse.is_watertight:
            break
    return coarse


def without_fins(surface: Surface) -> Surface:
    """The surface without pairs of triangles that lie back to back on the same three points."""
    ordered = np.sort(surface.triangles, axis=1)
    _, which, count = np.unique(ordered, axis=0, return_inverse=True, return_counts=True)
    return Surface(surface.points, surface.triangles[count[which.ravel()] == 1])


def triangles_for(surface: Surface, edge: float) -> int:
    """How many triangles with edges of ``edge`` (mm) cover the surface."""
    return max(8, round(surface.area / (math.sqrt(3) / 4 * edge**2)))


def _directed_edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The edges (3m, 2) in the sense in which each triangle runs along them."""
    return np.concatenate([triangles[:, list(pair)] for pair in (*pairwise(range(3)), (2, 0))])


def _umbrella(surface: Surface) -> "csr_matrix":
    """The matrix (n, n) that gives each point the mean of its neighbors."""
    from scipy import sparse

    n = len(surface.points)
    edges = _directed_edges(surface.triangles)
    graph = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    count = np.asarray(graph.sum(axis=1)).ravel()
    return sparse.diags(1 / np.maximum(count, 1)) @ graph


def _point_normals(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit normals (n, 3) at the points, weighted by the area of the triangles around."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, triangles[:, i], face)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: NDArray[np.float64] = normals / np.where(length > 0, length, 1)
    return unit
