"""What not knowing the speed of sound means in millimeters."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .speed_map import SpeedMap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """How far corrected points may lie from where they were put.

    Attributes:
        deviation: (n,) root of the mean square distance, mm.
        percentile: (n,) distance that 95 of 100 draws keep below, mm.
        draws: profiles drawn.
    """

    deviation: Array
    percentile: Array
    draws: int


def sensitivity(speed: SpeedMap, points: Array, change: float = 10.0) -> Array:
    """Shift (n, layers) in mm of the true place of apparent points (n, 3) as one layer's speed rises by ``change`` m/s.

    The derivative by central differences of 0.1 m/s; in a single layer it is range x change / assumed speed.
    """
    columns = []
    for index in range(len(speed.layers.speeds)):
        ahead, back = (_with(speed, index, sign * 0.1).correct(points, "nan") for sign in (1, -1))
        columns.append(np.linalg.norm(ahead - back, axis=1) / 0.2 * change)
    return np.stack(columns, axis=1)


def error_budget(
    speed: SpeedMap,
    points: Array,
    *,
    speed_sd: float = 10.0,
    thickness_sd: float = 0.0,
    draws: int = 500,
    seed: int = 0,
) -> Budget:
    """Monte Carlo over profiles whose speeds and thicknesses are normal about those given.

    Args:
        speed: the map as it is believed.
        points: (n, 3) apparent places, RAS+ mm.
        speed_sd: standard deviation of every layer's speed, m/s.
        thickness_sd: standard deviation of every thickness, mm; a draw keeps at least a hundredth of each.
        draws: number of profiles.
        seed: of the random numbers.

    Raises:
        InputError: a deviation is below 0, or fewer than two draws.
    """
    if not (speed_sd >= 0 and thickness_sd >= 0 and draws >= 2):
        got = f"{speed_sd}, {thickness_sd}, {draws}"
        raise InputError(Problem("error budget", "needs deviations of 0 or more and two draws or more", got))
    random = np.random.default_rng(seed)
    layers, center = speed.layers, speed.correct(points, "nan")
    distances = np.empty((draws, len(center)))
    for row in distances:
        speeds = np.add(layers.speeds, speed_sd * random.standard_normal(len(layers.speeds)))
        drawn = np.add(layers.thicknesses, thickness_sd * random.standard_normal(len(layers.thicknesses)))
        thick = np.maximum(drawn, 0.01 * np.asarray(layers.thicknesses))
        profile = replace(layers, speeds=tuple(speeds.tolist()), thicknesses=tuple(thick.tolist()))
        row[:] = np.linalg.norm(replace(speed, layers=profile).correct(points, "nan") - center, axis=1)
    return Budget(np.sqrt((distances**2).mean(axis=0)), np.percentile(distances, 95, axis=0), draws)


def _with(speed: SpeedMap, index: int, change: float) -> SpeedMap:
    speeds = list(speed.layers.speeds)
    speeds[index] += change
    return replace(speed, layers=replace(speed.layers, speeds=tuple(speeds)))
