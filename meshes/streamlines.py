"""Streamlines through fibers, for looking at: lines that follow axes whose signs mean nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .fibers import FiberField
from .heart.angles import values_of

Array = NDArray[np.float64]

NEIGHBORS = 8
"""Points with fibers whose mean dyad is followed."""

WEAK = 0.4
"""Leading eigenvalue of the mean dyad below which the neighbors agree on no direction; 1/3 is none at all."""


@dataclass(frozen=True, eq=False)
class Streamlines:
    """Lines along fibers.

    Attributes:
        points: (n, 3) in mm, line after line.
        directions: (n, 3) unit tangents; their signs are those of the walk.
        offsets: (lines + 1,) where each line begins in ``points``.
    """

    points: Array
    directions: Array
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Array:
        """Length of each line (mm)."""
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        walked = np.concatenate([[0.0], np.cumsum(steps)])
        lengths: Array = walked[self.offsets[1:] - 1] - walked[self.offsets[:-1]]
        return lengths


@dataclass(frozen=True, eq=False)
class AxisCloud:
    """Points with axes between which lines are led.

    Attributes:
        points: (n, 3) in mm.
        axes: (n, 3) unit directions of any sign.
        reach: how far (mm) from the nearest point the tissue ends.
    """

    points: Array
    axes: Array
    reach: float

    @staticmethod
    def of(points: Array, axes: Array) -> "AxisCloud":
        """A cloud whose reach is twice the common distance of its points.

        Raises:
            InputError: there are too few points.
        """
        from scipy.spatial import cKDTree

        if len(points) <= NEIGHBORS:
            raise InputError(Problem("streamlines", "need more points with fibers", str(len(points)), f"> {NEIGHBORS}"))
        apart = cKDTree(points).query(points, k=NEIGHBORS)[0][:, -1]
        return AxisCloud(points, axes, 1.5 * float(np.percentile(apart, 95)))


def gathered(field: FiberField) -> AxisCloud | None:
    """The fibers of a field at all quadrature points, on rank 0; None elsewhere. Collective.

    Raises:
        InputError: on every rank, where the mesh has a handful of points only.
    """
    from fibertwin.parallel import only_root

    comm, owned = field.mesh.comm, field.mesh.topology.index_map(3).size_local
    parts = [comm.gather(values[:owned].reshape(-1, 3)) for values in (field.points, values_of(field)[0])]
    return only_root(comm, lambda: AxisCloud.of(*(np.concatenate(part) for part in parts)))


def trace(
    cloud: AxisCloud, seeds: int = 500, *, step: float | None = None, longest: float | None = None
) -> Streamlines:
    """Follow the fibers both ways from seeds, by fourth-order Runge–Kutta steps. Local.

    The direction at a place is the leading eigenvector of its neighbors' mean dyad a0⊗a0, weighted by distance, with
    the sign that goes on: so lines do not see the signs of a0. A line ends where the tissue does, or where neighbors
    agree on no direction.

    Args:
        cloud: where the fibers are.
        seeds: how many lines; they begin at points evenly drawn from the cloud's.
        step: length of a step (mm); a third of ``cloud.reach`` unless stated.
        longest: length (mm) of a line to either side at most; the body's diagonal unless stated.

    Raises:
        InputError: a step or a number of seeds is not positive.
    """
    if seeds < 1 or (step is not None and not step > 0):
        raise InputError(Problem("streamlines", "need seeds and a step above 0", f"{seeds} seeds, step {step}"))
    from scipy.spatial import cKDTree

    size = cloud.reach / 3 if step is None else step
    most = float(np.linalg.norm(np.ptp(cloud.points, axis=0))) if longest is None else longest
    tree = cKDTree(cloud.points)

    def direction(x: Array, onward: Array) -> tuple[Array, NDArray[np.bool_]]:
        apart, near = tree.query(x, k=NEIGHBORS)
        weights = 1 / (apart**2 + (0.1 * cloud.reach) ** 2)
        axes = cloud.axes[near]
        dyads = np.einsum("nk,nki,nkj->nij", weights / weights.sum(axis=1, keepdims=True), axes, axes)
        values, vectors = np.linalg.eigh(dyads)
        leading = vectors[..., -1]
        leading = leading * np.where(np.einsum("ni,ni->n", leading, onward) < 0, -1.0, 1.0)[:, None]
        return leading, (apart[:, 0] < cloud.reach) & (values[:, -1] > WEAK)

    def walk(x: Array, onward: Array) -> list[Array]:
        lines, alive = [[point] for point in x], np.arange(len(x))
        for _ in range(int(most / size)):
            k1, inside = direction(x, onward)
            k2, _ = direction(x + size / 2 * k1, k1)
            k3, _ = direction(x + size / 2 * k2, k1)
            k4, _ = direction(x + size * k3, k1)
            after = x + size / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            onward, ok = direction(after, k1)
            ok &= inside
            alive, x, onward = alive[ok], after[ok], onward[ok]
            for number, point in zip(alive, x, strict=True):
                lines[number].append(point)
            if len(alive) == 0:
                break
        return [np.array(line) for line in lines]

    chosen = np.random.default_rng(0).permutation(len(cloud.points))[:seeds]
    start, axis = cloud.points[chosen], cloud.axes[chosen]
    ways = zip(walk(start, axis), walk(start, -axis), strict=True)
    lines = [np.concatenate([back[:0:-1], there]) for there, back in ways]
    lines = [line for line in lines if len(line) > 1]
    tangents = [np.gradient(line, axis=0) for line in lines]
    directions = np.concatenate(tangents) if lines else np.zeros((0, 3))
    directions = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
    return Streamlines(np.concatenate(lines) if lines else np.zeros((0, 3)), directions, offsets)


def as_polydata(lines: Streamlines) -> Any:
    """The lines for PyVista, their directions' colors (red right–left, green front–back, blue up–down) with them."""
    import pyvista as pv

    counts = np.diff(lines.offsets)
    cells = np.concatenate(
        [np.concatenate([[n], np.arange(first, first + n)]) for n, first in zip(counts, lines.offsets, strict=False)]
    )
    data = pv.PolyData(lines.points, lines=cells)
    data["direction"] = lines.directions
    data["color"] = np.round(255 * np.abs(lines.directions)).astype(np.uint8)
    return data


def write_streamlines(lines: Streamlines, path: Path) -> None:
    """Write the lines as a VTK file (.vtp). Rank 0 only.

    Raises:
        InputError: there are no lines.
    """
    if len(lines) == 0:
        raise InputError(Problem("streamlines", "there are none", wanted="fibers that go somewhere"))
    as_polydata(lines).save(path)


def draw_streamlines(lines: Streamlines, path: Path, *, view: tuple[float, float, float] = (1.0, -2.0, 0.6)) -> None:
    """Draw the lines, colored by direction, as a picture (.png). Rank 0 only.

    Args:
        lines: what to draw.
        path: the picture.
        view: from where they are looked at.
    """
    import pyvista as pv

    tubes = as_polydata(lines)
    low, high = lines.points.min(axis=0), lines.points.max(axis=0)
    plotter: Any = pv.Plotter(off_screen=True, window_size=[700, 600])
    plotter.set_background("white")
    plotter.add_mesh(tubes, scalars="color", rgb=True, line_width=2, render_lines_as_tubes=True)
    plotter.view_vector(view, viewup=(0, 0, 1))
    plotter.camera.focal_point = tuple((low + high) / 2)
    plotter.screenshot(path)
    plotter.close()
