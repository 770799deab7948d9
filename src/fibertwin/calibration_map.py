"""Where on the body the data are missed: its surface, and on it the residuals of markers and voxels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.patches import VIEWS
from fibertwin.report.drawing import DIFFERENCE_MAP, GREY, INK, Picture, color_bar, figure, png
from fibertwin.report.solid import camera_frame, draw_solid, hidden

if TYPE_CHECKING:
    from fibertwin.calibration.observe import Observation
    from fibertwin.case.measured import Measured

type Floats = NDArray[np.float64]

LIMIT = 3.0
"""Standard deviations of noise at which the colors end."""

MOST = 4000
"""Places that are drawn; of more, those with the greatest residuals."""


@dataclass(frozen=True, eq=False)
class Missed:
    """What is missed where.

    Attributes:
        points: places (n, 3) (mm, RAS+).
        residuals: measured less predicted over standard deviations of noise (n, 3) or (n, 1); NaN where missing.
    """

    points: Floats
    residuals: Floats

    @property
    def size(self) -> Floats:
        """Root mean square (n,) of each place's residuals; the residual with its sign where there is one number."""
        if self.residuals.shape[1] == 1:
            return self.residuals[:, 0]
        return np.sqrt(np.nanmean(self.residuals**2, axis=1))


def missed(measured: "Mapping[str, Measured]", residuals: Floats) -> list[Missed]:
    """Residuals with a place of their own: markers and voxels, level by level.

    Args:
        measured: entries of the case.
        residuals: of all numbers (m,), one entry after the other.

    Raises:
        InputError: a file cannot be read.
    """
    found, start = [], 0
    for entry in measured.values():
        count, levels = len(entry.sds()), len(entry.levels())
        own = residuals[start : start + count]
        start += count
        points = places(entry.observation())
        if points is not None:
            for level in own.reshape(levels, len(points), -1):
                known = np.isfinite(level).any(axis=1)
                found.append(Missed(points[known], level[known]))
    return [one for one in found if len(one.points)]


def places(observation: "Observation") -> Floats | None:
    """Where an observation looks (n, 3) (mm); None where that is no set of points."""
    from fibertwin.calibration.observe import DisplacementImage, PointDisplacements, StrainImage

    if isinstance(observation, PointDisplacements):
        return np.array(observation.points, dtype=float)
    if isinstance(observation, DisplacementImage | StrainImage):
        return np.asarray(observation.voxels @ observation.affine[:3, :3].T + observation.affine[:3, 3])
    return None


def residual_map(triangles: Floats, found: list[Missed]) -> Picture | None:
    """The body's surface from two sides with every place that was seen, colored by how far its numbers are missed.

    Args:
        triangles: corners (n, 3, 3) of the surface.
        found: what is missed where.
    """
    if not found:
        return None
    signed = all(one.residuals.shape[1] == 1 for one in found)
    points = np.concatenate([one.points for one in found])
    values = np.concatenate([one.size if signed else np.abs(one.size) for one in found])
    kept = np.sort(np.argsort(-np.abs(values))[:MOST])
    mapping = (DIFFERENCE_MAP, -LIMIT, LIMIT) if signed else ("YlOrRd", 0.0, LIMIT)
    made = figure(9.6, 4.4)
    row = made.subplots(1, 2)
    for axes, (words, camera) in zip(row, VIEWS, strict=True):
        _draw(axes, triangles, points[kept], values[kept], np.array(camera), mapping)
        axes.set_title(words, fontsize=9, color=INK)
    label = "measured less predicted, sd of noise" if signed else "residual (root mean square), sd of noise"
    color_bar(made, row, mapping, label, shrink=0.8, extend="both" if signed else "max")
    left = len(values) - len(kept)
    more = f" {left} places with lesser residuals are left out." if left else ""
    beyond = int((np.abs(values) > LIMIT).sum())
    return Picture(
        png(made),
        f"Residuals at the mode on the body, undeformed: {len(values)} places, {beyond} of which are missed by more"
        f" than {LIMIT:g} standard deviations. Paler places lie on the far side or inside.{more}",
    )


def _draw(axes: Any, triangles: Floats, points: Floats, values: Floats, camera: Floats, mapping: Any) -> None:
    from matplotlib.colors import Normalize

    frame = camera_frame(camera)
    draw_solid(axes, triangles, np.full((len(triangles), 3), 0.95), frame)
    at = points @ frame.T
    order = np.argsort(at[:, 2])
    behind = hidden(triangles, points, frame)[order]
    style = {"cmap": mapping[0], "norm": Normalize(*mapping[1:]), "s": 26.0, "linewidths": 0.5}
    for some, clear in ((behind, 0.3), (~behind, 1.0)):
        shown = order[some]
        axes.scatter(*at[shown, :2].T, c=values[shown], edgecolors=GREY if clear < 1 else INK, alpha=clear, **style)
