"""Ultrasound geometry next to its closed forms, what 10 m/s mean in mm, and the time for a million points.

python benchmarks/ultrasound.py [--count N] [--json]
"""

import argparse
from collections.abc import Iterator

import numpy as np
from _table import Row, below, clock, main, told

from fibertwin.imaging.ultrasound import Layers, Linear, Sector, SpeedMap, error_budget, sensitivity

DEPTH, SLOW, ASSUMED = 53.2, 1480.0, 1540.0
ABDOMEN = Layers((1450.0, 1580.0, 1520.0), (8.0, 15.0))
"""Fat, muscle and what lies below, thin enough to see through."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Closed forms, the error budget, the cost."""
    return [*closed_forms(), *budget(), *round_trips(arguments.count)]


def closed_forms() -> Iterator[Row]:
    """Figures that a pocket calculator gives too."""
    drawn = SpeedMap(Linear(), Layers((SLOW,))).apparent(np.array([[0.0, 0.0, DEPTH]]))[0, 2]
    yield told(f"a point truly {DEPTH} mm deep at {SLOW:g} m/s is drawn deeper by, mm", float(drawn - DEPTH))
    yield below("its difference from depth x 1540 / 1480, mm", 1e-9, abs(drawn - DEPTH * ASSUMED / SLOW))

    beam, apex = np.array([np.sin(0.4), 0.0, np.cos(0.4)]), np.array([0.0, 0.0, -50.0])
    found = SpeedMap(Sector(radius=50.0), Layers((SLOW,))).correct((apex + 80.0 * beam)[None])[0]
    wanted = apex + (50.0 + 30.0 * SLOW / ASSUMED) * beam
    yield below("curved probe, one speed: range from the face scaled, mm", 1e-9, float(np.abs(found - wanted).max()))

    drawn = SpeedMap(Linear(), Layers((1450.0, 1580.0), (20.0,))).apparent(np.array([[0.0, 0.0, 60.0]]))[0, 2]
    yield below("two layers, straight on: sum of times, mm", 1e-9, abs(drawn - ASSUMED * (20 / 1450 + 40 / 1580)))

    angle = np.radians(20.0)
    bent = np.arcsin(np.sin(angle) * 1600 / 1450)
    length = ASSUMED * (20 / np.cos(angle) / 1450 + 25 / 1600)
    speed = SpeedMap(Linear(steering=20.0), Layers((1450.0, 1600.0), (20.0,)))
    found = speed.correct(length * np.array([[np.sin(angle), 0.0, np.cos(angle)]]))[0]
    wanted = np.array([20 * np.tan(angle) + 25 * np.sin(bent), 0.0, 20 + 25 * np.cos(bent)])
    yield below("two layers, 20 degrees: Snell by hand, mm", 1e-9, float(np.abs(found - wanted).max()))

    target = np.array([25.0, 0.0, 60.0])
    time = SpeedMap(Sector(), Layers((1450.0, 1600.0), (20.0,))).travel_time(target[None])[0]
    crossing = np.linspace(0, 25, 2_000_001)
    least = (np.hypot(crossing, 20) / 1450 + np.hypot(25 - crossing, 40) / 1600).min()
    yield below("least time of all paths (Fermat), relative", 1e-9, abs(time / least - 1))


def budget() -> Iterator[Row]:
    """What it means not to know the speed."""
    speed = SpeedMap(Linear(), Layers((SLOW,)))
    point = speed.apparent(np.array([[0.0, 0.0, DEPTH]]))
    shift = float(sensitivity(speed, point)[0, 0])
    yield told(f"10 m/s at {DEPTH} mm, mm", shift)
    yield below("its difference from depth x 10 / 1480, mm", 1e-6, abs(shift - DEPTH * 10 / SLOW))
    drawn = error_budget(speed, point, draws=4000)
    yield below("Monte Carlo's deviation over that, less 1", 0.05, abs(float(drawn.deviation[0]) / shift - 1))
    deep = np.array([[0.0, 0.0, 60.0]])
    found = error_budget(SpeedMap(Linear(), ABDOMEN), deep, thickness_sd=1.0, draws=4000)
    yield told("three layers known to 10 m/s and 1 mm: deviation at 60 mm, mm", float(found.deviation[0]))
    yield told("the same: 95 of 100 lie within, mm", float(found.percentile[0]))


def round_trips(count: int) -> Iterator[Row]:
    """There and back through three layers."""
    points = np.random.default_rng(0).uniform((-0.4, -5.0, 5.0), (0.4, 5.0, 80.0), size=(count, 3))
    points[:, 0] *= points[:, 2]
    for name, probe in {"linear": Linear(), "phased sector": Sector(), "curved sector": Sector(radius=50.0)}.items():
        speed = SpeedMap(probe, ABDOMEN)
        with clock() as there:
            drawn = speed.apparent(points)
        with clock() as back:
            found = speed.correct(drawn)
        error = float(np.linalg.norm(found - points, axis=1).max())
        yield below(f"{name}, three layers: round trip, mm", 1e-9, error, f"{count:,} points")
        yield told(f"{name}: true from drawn, processor s per million points", back.cpu_seconds * 1e6 / count)
        yield told(f"{name}: drawn from true, processor s per million points", there.cpu_seconds * 1e6 / count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000, help="points to map")
    main(measure, parser)
