"""Whether cells from an image are good enough, which are not, and how good all are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .quality import (
    CHUNK,
    EDGES,
    HEX_EDGES,
    dihedral_angles,
    least_determinants,
    scaled_jacobian,
    signed_volumes,
)

JACOBIAN = 0.15
"""Least scaled Jacobian of a mesh made from an image."""
DIHEDRAL = 10.0
"""Least dihedral angle (degrees) of a mesh made from an image."""
NAMED = 5
"""Bad cells that a refusal names, the worst first."""
BINS = 20


@dataclass(frozen=True)
class CellQuality:
    """The shape of every cell.

    Attributes:
        jacobian: (m,) scaled Jacobian; zero or negative where a cell is turned inside out.
        dihedral: (m,) least dihedral angle (degrees).
        edges: (m,) mean edge length (mm).
        centroids: (m, 3) mean of the corners (mm).
    """

    jacobian: NDArray[np.float64]
    dihedral: NDArray[np.float64]
    edges: NDArray[np.float64]
    centroids: NDArray[np.float64]

    def worst(self, count: int) -> NDArray[np.int64]:
        """The cells of the least shape, the worst first; angles count as their part of the regular cell's."""
        shape = np.minimum(self.jacobian / JACOBIAN, self.dihedral / DIHEDRAL)
        return np.argsort(shape, kind="stable")[:count]

    def told(self, cell: int) -> str:
        """One cell in words."""
        x, y, z = self.centroids[cell]
        return f"{self.jacobian[cell]:.3f}, {self.dihedral[cell]:.1f}° at ({x:.1f}, {y:.1f}, {z:.1f}) mm"


def cell_quality(points: NDArray[np.float64], cells: NDArray[np.integer]) -> CellQuality:
    """The shape of every cell, a few thousand at a time.

    Args:
        points: (n, 3) in mm.
        cells: (m, 4 or 8), or (m, 10 or 27) of curved cells, in DOLFINx's order.
    """
    parts = [_some(points, cells[at : at + CHUNK]) for at in range(0, len(cells), CHUNK)]
    return CellQuality(*(np.concatenate([part[k] for part in parts]) for k in range(4)))


def _some(points: NDArray[np.float64], cells: NDArray[np.integer]) -> tuple[NDArray[np.float64], ...]:
    hexahedra = cells.shape[1] in (8, 27)
    corners = cells[:, : 8 if hexahedra else 4]
    jacobian = scaled_jacobian(points, cells)
    volumes = signed_volumes(points, cells)
    jacobian = np.where(volumes <= 0, -np.abs(jacobian), jacobian)
    if cells.shape[1] in (10, 27):
        least = least_determinants(points, cells)
        jacobian = np.where(least <= 0, np.minimum(least, jacobian), jacobian)
    ends = points[corners[:, HEX_EDGES if hexahedra else EDGES]]
    lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2)
    whole = lengths.min(axis=1) > 0
    angles = np.zeros(len(cells))
    if whole.any():
        angles[whole] = np.degrees(dihedral_angles(points, corners[whole])).reshape(whole.sum(), -1).min(axis=1)
    return jacobian, np.nan_to_num(angles), lengths.mean(axis=1), points[corners].mean(axis=1)


def require_good_cells(
    found: CellQuality, where: str, *, jacobian: float = JACOBIAN, dihedral: float = DIHEDRAL, hint: str = ""
) -> None:
    """Refuse a mesh with cells that are turned inside out, too flat or too pointed, naming the worst.

    Args:
        found: the shape of every cell.
        where: what to call the mesh.
        jacobian: least scaled Jacobian accepted.
        dihedral: least dihedral angle accepted (degrees).
        hint: what to try.

    Raises:
        InputError: there is such a cell.
    """
    inverted = int((found.jacobian <= 0).sum())
    bad = int(((found.jacobian < jacobian) | (found.dihedral < dihedral) | (found.jacobian <= 0)).sum())
    if not bad:
        return
    worst = "; ".join(found.told(int(cell)) for cell in found.worst(min(NAMED, bad)))
    what = f"{bad} of {len(found.jacobian)} cells are too flat or pointed"
    if inverted:
        what += f", {inverted} of them turned inside out"
    wanted = f"scaled Jacobian at least {jacobian:g} and dihedral angles at least {dihedral:g}° everywhere"
    raise InputError(Problem(where, what, f"scaled Jacobian, least angle: {worst}", wanted, hint))


def as_dict(found: CellQuality, worst: int = 10) -> dict[str, object]:
    """Figures, histograms and worst cells, for JSON."""

    def histogram(values: NDArray[np.float64], low: float, high: float) -> dict[str, object]:
        counts, edges = np.histogram(np.clip(values, low, high), BINS, (low, high))
        return {"edges": edges.tolist(), "counts": counts.tolist()}

    top = float(found.edges.max())
    return {
        "cells": len(found.jacobian),
        "accepted": bool(found.jacobian.min() >= JACOBIAN and found.dihedral.min() >= DIHEDRAL),
        "inverted": int((found.jacobian <= 0).sum()),
        "scaled_jacobian": {
            "least": float(found.jacobian.min()),
            "percentile_1": float(np.percentile(found.jacobian, 1)),
            "median": float(np.median(found.jacobian)),
            "histogram": histogram(found.jacobian, min(0.0, float(found.jacobian.min())), 1.0),
        },
        "dihedral_degrees": {
            "least": float(found.dihedral.min()),
            "percentile_1": float(np.percentile(found.dihedral, 1)),
            "median": float(np.median(found.dihedral)),
            "histogram": histogram(found.dihedral, 0.0, 90.0),
        },
        "edge_mm": {
            "least": float(found.edges.min()),
            "mean": float(found.edges.mean()),
            "largest": top,
            "histogram": histogram(found.edges, 0.0, top),
        },
        "worst": [
            {
                "cell": int(cell),
                "scaled_jacobian": float(found.jacobian[cell]),
                "dihedral_degrees": float(found.dihedral[cell]),
                "centroid_mm": found.centroids[cell].tolist(),
            }
            for cell in found.worst(worst)
        ],
    }
