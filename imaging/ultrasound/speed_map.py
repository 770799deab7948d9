"""The map between where a scanner draws an echo and where it came from.

An echo that returns after a time t is drawn on the straight beam at the range c0 t / 2. It came from the point that
sound reaches within t / 2 on the ray that Snell's law bends at every plane between layers (transmit and receive path
are taken to be the same; Cobbold, Foundations of Biomedical Ultrasound, 2007, section 1.8).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .layers import FASTEST, SLOWEST, Layers, crossed, refracted
from .probe import Probe

Array = NDArray[np.float64]
Unreached = Literal["refuse", "nan"]

BEHIND = 1e-6
"""mm that a point may lie behind the face of the probe, for rounding."""

STEP = 1e-6
"""Of a beam's parameters in differences."""

CONVERGED = 1e-11
"""mm by which a ray may miss the point it is aimed at."""


@dataclass(frozen=True)
class SpeedMap:
    """Apparent to true places and back, in RAS+ mm.

    Attributes:
        probe: geometry and pose.
        layers: speeds of sound in the tissue.
        assumed: speed that the scanner assumes, m/s.
    """

    probe: Probe
    layers: Layers
    assumed: float = 1540.0

    def __post_init__(self) -> None:
        if not SLOWEST <= self.assumed <= FASTEST:
            raise InputError(Problem("assumed", "is no speed of sound in tissue", str(self.assumed), "m/s, as 1540"))

    def correct(self, points: Array, unreached: Unreached = "refuse") -> Array:
        """True places (n, 3) of apparent ones (n, 3), RAS+ mm.

        Args:
            points: as the scanner draws them.
            unreached: ``nan`` marks points that no ray explains instead of refusing them all.

        Raises:
            InputError: a point lies behind the face, or its beam is totally reflected.
        """
        beams, ranges = self.probe.beams(self._inward(points))
        behind = ~(ranges >= -BEHIND)
        left = np.where(behind, np.nan, ranges) / self.assumed
        places, directions = self.probe.rays(beams)
        out = np.full(places.shape, np.nan)
        for index, speed in enumerate(self.layers.speeds):
            last = index == len(self.layers.speeds) - 1
            lengths = np.full(len(places), np.inf) if last else crossed(places, directions, self.layers, index)
            ends = left <= lengths / speed
            out[ends] = (places + (speed * left)[:, None] * directions)[ends]
            if last:
                break
            left = np.where(ends, np.nan, left - lengths / speed)
            places = places + np.where(np.isfinite(lengths), lengths, np.nan)[:, None] * directions
            directions = refracted(directions, self.layers, index)
        return self._told(self._outward(out), behind, unreached)

    def apparent(self, points: Array, unreached: Unreached = "refuse") -> Array:
        """Where the scanner draws what truly lies at points (n, 3): the inverse of ``correct``, RAS+ mm.

        Raises:
            InputError: a point lies behind the face, or no ray of the probe reaches it.
        """
        beams, times, behind = self._aimed(self._inward(points))
        origins, directions = self.probe.rays(beams)
        drawn = origins + (self.assumed * times)[:, None] * directions
        return self._told(self._outward(drawn), behind, unreached)

    def travel_time(self, points: Array) -> Array:
        """One-way time (n,) in ms from the face to true places (n, 3); NaN where no ray gets."""
        return self._aimed(self._inward(points))[1]

    def jacobian(self, points: Array, step: float = 1e-4) -> Array:
        """(n, 3, 3) derivatives of true by apparent places at the latter, by central differences of ``step`` mm."""
        columns = []
        for axis in np.eye(3):
            ahead, back = (self.correct(points + sign * step * axis, "nan") for sign in (1, -1))
            columns.append((ahead - back) / (2 * step))
        return np.stack(columns, axis=2)

    def _aimed(self, points: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Beams (n, 2) whose rays meet true places in the probe's frame, one-way times (n,), points behind the face."""
        start, ranges = self.probe.beams(points)
        behind = ~(ranges >= -BEHIND)
        beams, times = np.full(start.shape, np.nan), np.full(len(points), np.nan)
        layer = self._layer(points, ranges)
        for index in np.unique(layer[~behind]):
            chosen = np.flatnonzero((layer == index) & ~behind)
            beams[chosen] = self._shot(points[chosen], start[chosen], int(index))
            times[chosen] = self._missed(beams[chosen], points[chosen], int(index))[1]
        return beams, times, behind

    def _layer(self, points: Array, ranges: Array) -> NDArray[np.intp]:
        """Which layer (n,) true places lie in."""
        if self.layers.along_beams:
            return np.searchsorted(np.cumsum(self.layers.thicknesses), ranges)
        normals, distances = self.layers.planes
        return np.asarray((points @ normals.T > distances).sum(axis=1))

    def _shot(self, points: Array, start: Array, layer: int) -> Array:
        """Beams (n, 2) whose rays through ``layer`` planes meet the points, by damped Gauss-Newton; NaN for none."""
        beams = start.copy()
        for _ in range(40):  # a first guess beyond the critical angle is drawn to the axis
            lost = ~np.isfinite(self._missed(beams, points, layer)[1])
            if not lost.any():
                break
            beams[lost] *= 0.7
        beams[lost] = np.nan
        active = np.flatnonzero(~lost)
        for _ in range(60):
            miss = self._missed(beams[active], points[active], layer)[0]
            far = np.linalg.norm(miss, axis=1) > CONVERGED
            active, miss = active[far], miss[far]
            if not active.size:
                break
            step = self._newton(beams[active], points[active], miss, layer)
            taken = self._damped(beams[active], step, points[active], miss, layer)
            beams[active] += taken
            active = active[np.any(taken != 0, axis=1)]
        final = np.linalg.norm(self._missed(beams, points, layer)[0], axis=1)
        return np.where((final < 1e-9)[:, None], beams, np.nan)

    def _newton(self, beams: Array, points: Array, miss: Array, layer: int) -> Array:
        slopes = []
        for axis in STEP * np.eye(2):
            ahead, back = (self._missed(beams + sign * axis, points, layer)[0] for sign in (1, -1))
            slopes.append((ahead - back) / (2 * STEP))
        table = np.nan_to_num(np.stack(slopes, axis=2))
        normal = np.einsum("nik,nil->nkl", table, table) + 1e-30 * np.eye(2)
        return -np.linalg.solve(normal, np.einsum("nik,ni->nk", table, miss)[..., None])[..., 0]

    def _damped(self, beams: Array, step: Array, points: Array, miss: Array, layer: int) -> Array:
        """The step, halved until it brings the ray nearer; 0 where it never does."""
        before = np.linalg.norm(miss, axis=1)
        taken = step.copy()
        for _ in range(30):
            after = np.linalg.norm(self._missed(beams + taken, points, layer)[0], axis=1)
            worse = ~(after < before)
            if not worse.any():
                return taken
            taken[worse] *= 0.5
        taken[worse] = 0.0
        return taken

    def _missed(self, beams: Array, points: Array, layer: int) -> tuple[Array, Array]:
        """By what (n, 3) rays in the layer pass the points, and the times (n,) in ms to where they are nearest."""
        places, directions = self.probe.rays(beams)
        times = np.zeros(len(points))
        for index in range(layer):
            lengths = crossed(places, directions, self.layers, index)
            lengths = np.where(np.isfinite(lengths), lengths, np.nan)
            times = times + lengths / self.layers.speeds[index]
            places = places + lengths[:, None] * directions
            directions = refracted(directions, self.layers, index)
        gaps = points - places
        along = np.einsum("ni,ni->n", gaps, directions)
        return gaps - along[:, None] * directions, times + along / self.layers.speeds[layer]

    def _inward(self, points: Array) -> Array:
        given = np.asarray(points, dtype=float)
        if given.ndim != 2 or given.shape[1] != 3:
            raise InputError(Problem("points", "have the wrong shape", str(given.shape), "(n, 3)"))
        return np.asarray((given - self.probe.pose[:3, 3]) @ self.probe.pose[:3, :3])

    def _outward(self, points: Array) -> Array:
        return np.asarray(points @ self.probe.pose[:3, :3].T + self.probe.pose[:3, 3])

    def _told(self, found: Array, behind: NDArray[np.bool_], unreached: Unreached) -> Array:
        """The points, or why there are none."""
        lost = ~np.isfinite(found).all(axis=1)
        if unreached == "nan" or not lost.any():
            return found
        if behind.any():
            hint = "check the probe's pose: z of its frame points into the tissue"
            what = "lie behind the probe's face"
        else:
            angles = [
                f"{np.degrees(np.arcsin(a / b)):.1f} degrees from {a:g} to {b:g} m/s"
                for a, b in zip(self.layers.speeds, self.layers.speeds[1:], strict=False)
                if b > a
            ]
            hint = f"critical angles: {'; '.join(angles) or 'none'}; unreached='nan' marks such points instead"
            what = "are reached by no ray: it is totally reflected, or planes cross above them"
        number = int(behind.sum()) if behind.any() else int(lost.sum())
        raise InputError(Problem("points", what, f"{number} of {len(found)} points", hint=hint))
