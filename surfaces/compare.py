"""Ways to make a surface of the same image, measured against each other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask

from .crossings import crossing_triangles
from .decimation import decimate, triangles_for
from .marching import isosurface, smoothed_surface
from .measures import Distances, Features, distances, features, roughness, shapes
from .oriented_points import points_of_surface
from .poisson import poisson_surface
from .smoothing import relax_tangentially, smooth_taubin
from .surface import Surface, joined, pieces

Method = Literal["marching-cubes", "smoothed", "poisson", "poisson-pymeshlab"]
DEFAULT: tuple[Method, ...] = ("marching-cubes", "smoothed", "poisson")
WORDS: dict[Method, str] = {
    "marching-cubes": "marching cubes on the voxels as they are",
    "smoothed": "marching cubes on the voxels smoothed by a Gaussian, volume kept, then Taubin",
    "poisson": "screened Poisson from the points and normals of marching cubes",
    "poisson-pymeshlab": "the same by pymeshlab's octree",
}
SMALLEST_DECIMATED = 100
"""Triangles below which a piece is left as it is."""


@dataclass(frozen=True)
class Made:
    """One method's surface and its figures.

    Attributes:
        method: how it was made.
        surface: closed, outward facing, all pieces.
        volume_change: of the enclosed volume against the reference, relative.
        area_change: likewise.
        distance: to the reference.
        roughness: curvature noise (degrees), as ``measures.roughness`` within two voxels.
        features: thin features closed or lost.
        watertight: whether every edge joins two triangles.
        crossing: triangles that another one cuts.
        parts: connected pieces of surface.
        handles: of all pieces together.
        shape_least: the worst triangle, 0 to 1.
        shape_mean: the mean triangle.
        seconds: processor time to make it.
    """

    method: Method
    surface: Surface
    volume_change: float
    area_change: float
    distance: Distances
    roughness: float
    features: Features
    watertight: bool
    crossing: int
    parts: int
    handles: int
    shape_least: float
    shape_mean: float
    seconds: float

    def figures(self) -> dict[str, Any]:
        """All but the surface, for JSON."""
        told = {**vars(self), "distance": asdict(self.distance), "features": asdict(self.features)}
        return {**{k: v for k, v in told.items() if k != "surface"}, "triangles": len(self.surface.triangles)}


@dataclass(frozen=True)
class Comparison:
    """Methods on the same data.

    Attributes:
        source: the image.
        reference: what they are measured against.
        reference_words: what that is.
        made: a method each.
        edge: edge length (mm) they were all brought to; ``None`` where they are as the method leaves them.
        smoothing: standard deviation of the Gaussian (mm).
        spacing: step of the Poisson grid (mm).
    """

    source: str
    reference: Surface
    reference_words: str
    made: tuple[Made, ...]
    edge: float | None
    smoothing: float
    spacing: float

    def figures(self) -> dict[str, Any]:
        """All but the surfaces, for JSON."""
        return {
            "source": self.source,
            "reference": self.reference_words,
            "reference_volume": self.reference.volume,
            "reference_area": self.reference.area,
            "edge": self.edge,
            "smoothing": self.smoothing,
            "spacing": self.spacing,
            "methods": [made.figures() for made in self.made],
        }


def compare(
    mask: VoxelMask,
    *,
    edge: float | None = None,
    smoothing: float | None = None,
    spacing: float | None = None,
    methods: Sequence[Method] = DEFAULT,
    truth: Surface | None = None,
) -> Comparison:
    """Make a body's surface in several ways and measure each against the image's own surface.

    Args:
        mask: voxels of the body; all pieces and cavities count.
        edge: decimate all surfaces to this edge length (mm).
        smoothing: standard deviation of the Gaussian (mm); one voxel unless given.
        spacing: step of the Poisson grid (mm); two voxels unless given.
        methods: which ways.
        truth: the true surface, if known; else the reference is marching cubes on the voxels as they are.

    Raises:
        InputError: an unknown method, a mask without voxels or that vanishes when smoothed, a missing library.
    """
    unknown = [m for m in methods if m not in get_args(Method)]
    if unknown or not methods:
        got = ", ".join(map(repr, unknown)) or "none"
        raise InputError(Problem("methods", "are not known", got, ", ".join(get_args(Method))))
    if not mask.inside.any():
        raise InputError(Problem(mask.source, "the mask is empty", "0 voxels inside", "a mask with a body in it"))
    voxel = float(mask.spacing.max())
    smoothing = voxel if smoothing is None else smoothing
    spacing = 2 * voxel if spacing is None else spacing
    raw = isosurface(mask.inside, mask.affine, 0.5)
    makers: dict[Method, Callable[[], Surface]] = {
        "marching-cubes": lambda: isosurface(mask.inside, mask.affine, 0.5),
        "smoothed": lambda: smooth_taubin(smoothed_surface(mask, smoothing), 20),
        "poisson": lambda: poisson_surface(points_of_surface(raw), spacing),
        "poisson-pymeshlab": lambda: poisson_surface(points_of_surface(raw), spacing, backend="pymeshlab"),
    }
    reference = raw if truth is None else truth
    made = []
    for method in methods:
        start = time.process_time()
        surface = makers[method]()
        if edge is not None:
            surface = coarsened(surface, edge)
        made.append(_measured(method, surface, time.process_time() - start, reference, mask))
    words = "marching cubes on the voxels as they are" if truth is None else "the true surface"
    return Comparison(mask.source, reference, words, tuple(made), edge, smoothing, spacing)


def coarsened(surface: Surface, edge: float) -> Surface:
    """Every piece with triangles of about ``edge`` (mm), evened out; pieces of few triangles are left as they are."""
    parts = []
    for part in pieces(surface):
        count = max(triangles_for(part, edge), SMALLEST_DECIMATED)
        small = len(part.triangles) <= count
        parts.append(part if small else relax_tangentially(decimate(part, count), 5))
    return joined(parts)


def _measured(method: Method, surface: Surface, seconds: float, reference: Surface, mask: VoxelMask) -> Made:
    parts = pieces(surface)
    shape = shapes(surface)
    return Made(
        method,
        surface,
        surface.volume / reference.volume - 1,
        surface.area / reference.area - 1,
        distances(surface, reference),
        roughness(surface, 2 * float(mask.spacing.max())),
        features(surface, mask),
        surface.is_watertight,
        len(crossing_triangles(surface)),
        len(parts),
        sum(part.handles for part in parts),
        float(shape.min()),
        float(np.mean(shape)),
        seconds,
    )
