"""Tissue in layers of different speed of sound, and rays refracted at the planes between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

Array = NDArray[np.float64]

SLOWEST, FASTEST = 300.0, 6000.0
"""Speeds of sound (m/s) between which lie air and the hardest bone."""


@dataclass(frozen=True)
class Layers:
    """Speeds of sound from the probe's face down; the last layer has no end.

    Attributes:
        speeds: (n,) m/s.
        thicknesses: (n - 1,) mm, measured along the probe's axis (x = y = 0 of its frame).
        normals: (n - 1,) normals of the planes that end the layers, in the probe's frame, pointing down;
            along the probe's axis where none are given.
        along_beams: layers follow the face, each as thick along every beam: no refraction. For skin and fat
            pressed against a curved probe.
    """

    speeds: tuple[float, ...]
    thicknesses: tuple[float, ...] = ()
    normals: tuple[tuple[float, float, float], ...] = ()
    along_beams: bool = False

    def __post_init__(self) -> None:
        problems = []
        if not self.speeds or not all(SLOWEST <= c <= FASTEST for c in self.speeds):
            wanted = f"{SLOWEST:g} to {FASTEST:g} m/s"
            hint = "speeds are in m/s: soft tissue 1400 to 1650"
            problems.append(Problem("speeds", "are no speeds of sound in tissue", str(self.speeds), wanted, hint))
        if len(self.thicknesses) != len(self.speeds) - 1:
            wanted = f"{len(self.speeds) - 1}: one for each speed but the last"
            problems.append(Problem("thicknesses", "do not fit the speeds", str(len(self.thicknesses)), wanted))
        if not all(np.isfinite(h) and h > 0 for h in self.thicknesses):
            problems.append(Problem("thicknesses", "must be above 0 mm", str(self.thicknesses)))
        if self.normals and len(self.normals) != len(self.thicknesses):
            problems.append(Problem("normals", "must be one for each plane", str(len(self.normals))))
        if any(not np.all(np.isfinite(n)) or n[2] <= 0 for n in self.normals):
            problems.append(Problem("normals", "must point down, away from the probe", str(self.normals), "z above 0"))
        if self.normals and self.along_beams:
            problems.append(Problem("normals", "mean nothing where layers follow the face"))
        if problems:
            raise InputError(problems)

    @property
    def planes(self) -> tuple[Array, Array]:
        """Unit normals (n - 1, 3) and distances (n - 1,) in mm of planes: normal . x = distance."""
        depths = np.cumsum(self.thicknesses, dtype=float)
        normals = np.array(self.normals or [(0.0, 0.0, 1.0)] * len(depths), dtype=float).reshape(-1, 3)
        normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        return normals, normals[:, 2] * depths


def crossed(origins: Array, directions: Array, layers: Layers, index: int) -> Array:
    """Lengths (n,) in mm to the plane ``index``; infinite for rays that run away from it, NaN for those beyond it."""
    if layers.along_beams:
        return np.full(len(origins), float(layers.thicknesses[index]))
    normals, distances = layers.planes
    slopes = directions @ normals[index]
    gaps = distances[index] - origins @ normals[index]
    lengths = np.divide(gaps, slopes, out=np.full(len(gaps), np.inf), where=slopes > 0)
    return np.where((gaps < -1e-9) | np.isnan(gaps), np.nan, np.maximum(lengths, 0.0))


def refracted(directions: Array, layers: Layers, index: int) -> Array:
    """Unit directions (n, 3) behind the plane ``index`` by Snell's law in vector form; NaN at total reflection."""
    if layers.along_beams:
        return directions
    normal = layers.planes[0][index]
    ratio = layers.speeds[index + 1] / layers.speeds[index]
    cosine = directions @ normal
    below = 1.0 - ratio**2 * (1.0 - cosine**2)
    root = np.sqrt(np.where(below > 0, below, np.nan))
    return np.asarray(ratio * directions + (root - ratio * cosine)[:, None] * normal)
