"""Where the tissue is strained beyond a level along its fibers, and what an isotropic model makes of it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fields import Floats, Tetrahedra


@dataclass(frozen=True)
class Spot:
    """One connected piece of tissue that is strained beyond a level.

    Attributes:
        volume_mL: of the piece.
        center_mm: (3,) its volume-weighted center, undeformed, RAS+.
        peak: largest cell mean of the strain in it, and ``peak_mm`` (3,) where.
        place: the center in words, relative to the mesh: ``right, front, upper``.
    """

    volume_mL: float
    center_mm: tuple[float, float, float]
    peak: float
    peak_mm: tuple[float, float, float]
    place: str


def spots(tissue: Tetrahedra, beyond: NDArray[np.bool_]) -> list[Spot]:
    """Split the cells ``beyond`` (m,) into pieces that hang together through a corner, the largest first."""
    cells = np.flatnonzero(beyond)
    if not len(cells):
        return []
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    corner = tissue.cells[cells].reshape(-1)
    row = np.repeat(np.arange(len(cells)), 4)
    links = coo_matrix((np.ones(len(row)), (row, corner)), shape=(len(cells), len(tissue.points))).tocsr()
    count, label = connected_components(links @ links.T, directed=False)
    found = [_spot(tissue, cells[label == i]) for i in range(count)]
    return sorted(found, key=lambda spot: -spot.volume_mL)


def _spot(tissue: Tetrahedra, cells: NDArray[np.intp]) -> Spot:
    volume, strain = tissue.volumes[cells], tissue.strain[cells]
    center = np.average(tissue.centers[cells], axis=0, weights=volume)
    peak = cells[strain.argmax()]
    return Spot(
        float(volume.sum() / 1e3),
        _triple(center),
        float(strain.max()),
        _triple(tissue.centers[peak]),
        place(center, tissue.points),
    )


def _triple(point: Floats) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in point)
    return x, y, z


def place(point: Floats, points: Floats) -> str:
    """A point (3,) in words, by thirds of the box around ``points`` (n, 3), RAS+: ``left, back, lower``."""
    low, high = points.min(0), points.max(0)
    size = high - low
    share = np.divide(point - low, size, out=np.full(3, 0.5), where=size > 0)
    third = np.clip((3 * share).astype(int), 0, 2)
    names = (("left", "", "right"), ("back", "", "front"), ("lower", "", "upper"))
    words = [name[index] for name, index in zip(names, third, strict=True)]
    return ", ".join(word for word in words if word) or "center"


def region_cells(tissue: Tetrahedra, regions: dict[str, Any]) -> dict[str, NDArray[np.bool_]]:
    """The cells of each region of ``summary.json``, by its ``tag``."""
    if "region" not in tissue.arrays:
        return {}
    return {name: tissue.arrays["region"] == region["tag"] for name, region in regions.items()}


def findings(tissue: Tetrahedra, summary: dict[str, Any]) -> dict[str, Any]:
    """What the fields tell beyond the summary, ready for JSON.

    Returns:
        ``spots``: {region: {level: [Spot as dict, …]}} with at most six spots each.
    """
    told: dict[str, Any] = {"spots": {}}
    inside = region_cells(tissue, summary.get("regions") or {})
    for name, levels in (summary.get("fiber_strain_exceedance") or {}).items():
        if name in inside:
            told["spots"][name] = {
                label: [asdict(spot) for spot in spots(tissue, inside[name] & (tissue.strain > level(label)))[:6]]
                for label in levels
            }
    return told


def level(label: str) -> float:
    """The strain that a label such as ``5 %`` stands for."""
    return float(label.removesuffix("%")) / 100
