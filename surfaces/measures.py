"""What tells two surfaces of the same body apart: distances, roughness, lost features, triangles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask

from .surface import Surface

SAMPLES = 30_000
VIEW = "pip install 'fibertwin[view]'"


@dataclass(frozen=True)
class Distances:
    """How far two surfaces are apart, both ways, each sampled evenly by area.

    Attributes:
        mean: of all distances (mm).
        percentile95: 95 of 100 distances are no larger (mm).
        hausdorff: the largest (mm).
    """

    mean: float
    percentile95: float
    hausdorff: float


@dataclass(frozen=True)
class Features:
    """Thin features that a surface doesn't have but the mask has, counted in voxels deeper than one voxel.

    Attributes:
        closed: volume (mm³) of background deeper than a voxel inside the surface: furrows and cavities filled.
        lost: volume (mm³) of the body farther than a voxel outside the surface: thin walls and tips cut off.
        cavities: enclosed cavities of the mask.
        cavities_lost: of these, the ones filled entirely.
        cavity_volume_lost: their volume (mm³).
    """

    closed: float
    lost: float
    cavities: int
    cavities_lost: int
    cavity_volume_lost: float


def sampled(surface: Surface, count: int = SAMPLES) -> NDArray[np.float64]:
    """Points (count, 3) spread over the surface evenly by area; repeatable."""
    rng = np.random.default_rng(0)
    a, b, c = (surface.points[surface.triangles[:, i]] for i in range(3))
    share = np.linalg.norm(np.cross(b - a, c - a), axis=1).cumsum()
    # one sample in each of ``count`` equal parts of the area
    which = np.searchsorted(share, (np.arange(count) + rng.random(count)) / count * share[-1])
    u, v = np.sqrt(rng.random(count))[:, None], rng.random(count)[:, None]
    spread: NDArray[np.float64] = (1 - u) * a[which] + u * (1 - v) * b[which] + u * v * c[which]
    return spread


def distance_to(points: NDArray[np.float64], surface: Surface) -> NDArray[np.float64]:
    """Distance (n,) in mm of points (n, 3) to the nearest point of a surface.

    Raises:
        InputError: pyvista is missing.
    """
    _, nearest = polydata(surface).find_closest_cell(points, return_closest_point=True)
    distance: NDArray[np.float64] = np.linalg.norm(np.asarray(nearest) - points, axis=1)
    return distance


def distances(one: Surface, other: Surface) -> Distances:
    """Mean and Hausdorff distance, symmetric (Aspert et al. 2002, doi 10.1109/ICME.2002.1035879)."""
    every = np.concatenate([distance_to(sampled(one), other), distance_to(sampled(other), one)])
    return Distances(float(every.mean()), float(np.percentile(every, 95)), float(every.max()))


def roughness(surface: Surface, radius: float) -> float:
    """Curvature noise: the angle (degrees, root mean square) of normals to their mean within a radius.

    Triangles count by their area, so that their size matters little. Where a surface bends evenly the mean is the
    normal itself: a plane or a sphere of small triangles gives 0, terraces of voxels about 20 degrees. Sharp edges
    count as noise.

    Args:
        surface: closed surface.
        radius: of the neighborhood (mm); two voxels tell terraces from shape.
    """
    from scipy.spatial import cKDTree

    a, b, c = (surface.points[surface.triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    size = np.linalg.norm(normal, axis=1)
    kept = size > 1e-12 * size.max()
    normal, size = normal[kept], size[kept]
    middle = (a[kept] + b[kept] + c[kept]) / 3
    tree = cKDTree(middle)
    near = tree.query_ball_point(middle, radius)
    start = np.repeat(np.arange(len(middle)), [len(n) for n in near])
    end = np.concatenate([np.asarray(n, np.int64) for n in near])
    # the other side of a thin wall is near too
    facing = np.einsum("ki,ki->k", normal[start], normal[end]) > 0
    mean = np.stack([np.bincount(start[facing], normal[end[facing], i], len(middle)) for i in range(3)], axis=1)
    unit, mean = normal / size[:, None], mean / np.linalg.norm(mean, axis=1, keepdims=True)
    angle = np.arccos(np.clip(np.einsum("ni,ni->n", unit, mean), -1, 1))
    return float(np.degrees(np.sqrt(np.average(angle**2, weights=size))))


def shapes(surface: Surface) -> NDArray[np.float64]:
    """The shape of each triangle, (m,) from 0 (flat) to 1 (equilateral): 4√3 area over the sum of squared edges."""
    a, b, c = (surface.points[surface.triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    squares = ((b - a) ** 2 + (c - b) ** 2 + (a - c) ** 2).sum(axis=1)
    shape: NDArray[np.float64] = 4 * np.sqrt(3) * area / np.where(squares > 0, squares, 1)
    return shape


def enclosed(surface: Surface, mask: VoxelMask) -> NDArray[np.bool_]:
    """The voxels (nx, ny, nz) of a mask's image whose center lies inside a surface.

    Raises:
        InputError: pyvista is missing.
    """
    vtk: Any = _pyvista()
    back = np.linalg.inv(mask.affine)
    index = surface.points @ back[:3, :3].T + back[:3, 3]
    grid = vtk.ImageData(dimensions=mask.inside.shape)
    body = vtk.PolyData.from_regular_faces(index, surface.triangles)
    made = body.voxelize_binary_mask(reference_volume=grid)
    values = np.asarray(made.point_data["mask"]).reshape(mask.inside.shape, order="F")
    return np.asarray(values > 0)


def features(surface: Surface, mask: VoxelMask) -> Features:
    """What of the mask's thin features the surface doesn't have."""
    from scipy import ndimage

    inside = enclosed(surface, mask)
    voxel = abs(float(np.linalg.det(mask.affine[:3, :3])))
    step = float(mask.spacing.max()) * 1.001
    deep = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=mask.spacing)[1:-1, 1:-1, 1:-1] > step
    far = ndimage.distance_transform_edt(~inside, sampling=mask.spacing) > step
    holes, count = ndimage.label(ndimage.binary_fill_holes(mask.inside) & ~mask.inside)
    size = np.bincount(holes.ravel(), minlength=count + 1)[1:]
    filled = np.bincount(holes[inside], minlength=count + 1)[1:]
    gone = filled == size
    return Features(
        float((deep & ~mask.inside).sum() * voxel),
        float((far & mask.inside).sum() * voxel),
        count,
        int(gone.sum()),
        float(size[gone].sum() * voxel),
    )


def polydata(surface: Surface) -> Any:
    """The surface as pyvista has it.

    Raises:
        InputError: pyvista is missing.
    """
    vtk: Any = _pyvista()
    return vtk.PolyData.from_regular_faces(surface.points, surface.triangles)


def _pyvista() -> Any:
    try:
        import pyvista
    except ImportError as error:
        raise InputError(Problem("pyvista", "is needed to measure surfaces", str(error), hint=VIEW)) from error
    return pyvista
