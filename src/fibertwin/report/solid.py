"""A surface of triangles drawn without a graphics library: the farthest first, shaded by how they face the camera."""

from typing import Any

import numpy as np

from .fields import Floats


def camera_frame(camera: Floats) -> Floats:
    """Axes (3, 3) of a picture: to its right, up, and towards a camera that stands in a direction (3,), z upwards."""
    toward = camera / np.linalg.norm(camera)
    right = np.cross([0.0, 0.0, 1.0], toward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(toward, right), toward])


def draw_solid(axes: Any, triangles: Floats, colors: Floats, frame: Floats, *, opened: bool = False) -> None:
    """Draw the triangles that look at the camera, and set the limits of the axes.

    Args:
        axes: of matplotlib.
        triangles: (n, 3, 3) corners, counter-clockwise seen from outside.
        colors: (n, 3).
        frame: (3, 3) as ``camera_frame`` gives it.
        opened: whether the near half is left out.
    """
    from matplotlib.collections import PolyCollection

    toward = frame[2]
    middles = triangles.mean(axis=1) @ toward
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    seen = normals @ toward > 0
    if opened:
        seen &= middles < (middles.min() + middles.max()) / 2
    order = np.flatnonzero(seen)[np.argsort(middles[seen])]
    flat = triangles[order] @ frame[:2].T
    light = toward + 0.35 * frame[1] - 0.25 * frame[0]
    shade = 0.55 + 0.45 * np.clip(normals[order] @ light / np.linalg.norm(light), 0, 1)
    faces = np.clip(colors[order] * shade[:, None], 0, 1)
    axes.add_collection(PolyCollection(list(flat), facecolors=faces, edgecolors=faces, linewidths=0.3))
    whole = triangles.reshape(-1, 3) @ frame[:2].T
    low, high = whole.min(axis=0), whole.max(axis=0)
    margin = 0.04 * float((high - low).max())
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)
    axes.set_aspect("equal")
    axes.set_axis_off()


def hidden(triangles: Floats, points: Floats, frame: Floats) -> Any:
    """Whether points (n, 3) lie behind the surface as the camera sees it, by more than a little: (n,) of bool."""
    corners, at = triangles @ frame.T, points @ frame.T
    slack = 0.02 * float(np.ptp(corners.reshape(-1, 3), axis=0).max())
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    double = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    facing = double > 1e-12 * float(np.abs(double).max())
    a, ab, ac, double = a[facing], ab[facing], ac[facing], double[facing]
    found = np.zeros(len(at), dtype=bool)
    for place, point in enumerate(at):
        x, y = point[0] - a[:, 0], point[1] - a[:, 1]
        u, v = (x * ac[:, 1] - y * ac[:, 0]) / double, (ab[:, 0] * y - ab[:, 1] * x) / double
        over = (u >= 0) & (v >= 0) & (u + v <= 1)
        found[place] = bool((over & (a[:, 2] + u * ab[:, 2] + v * ac[:, 2] > point[2] + slack)).any())
    return found
