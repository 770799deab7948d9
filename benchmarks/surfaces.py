"""Surfaces by marching cubes and by Poisson reconstruction on phantoms whose true surface is known, and their meshes.

python benchmarks/surfaces.py [--octree] [--json]
"""

import argparse
from collections.abc import Iterator

import fibertwin.stack  # noqa: F401

# the stack comes first
from _table import Row, below, clock, judged, main, told  # isort: skip

import numpy as np

from fibertwin.errors import InputError
from fibertwin.meshes import cell_quality, tetrahedralize
from fibertwin.surfaces import (
    Comparison,
    Surface,
    coarsened,
    compare,
    decimate,
    isosurface,
    largest_piece,
    mend,
    points_of_cloud,
    poisson_surface,
    remesh,
    smooth_taubin,
    triangles_for,
)
from fibertwin.surfaces.compare import DEFAULT, Method
from fibertwin.surfaces.measures import shapes
from fibertwin.surfaces.phantoms import phantoms, staircase_sphere

EDGE = 2.0
"""Of the meshes (mm)."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    methods: tuple[Method, ...] = (*DEFAULT, "poisson-pymeshlab") if arguments.octree else DEFAULT
    found = {p.name: compare(p.mask, truth=p.truth, methods=methods) for p in phantoms()}
    rows = [row for name, each in found.items() for row in figures(name, each)]
    return [*rows, *trade_off(found), *meshes(found), *steps()]


def figures(name: str, found: Comparison) -> Iterator[Row]:
    """What each method makes of a phantom, against the truth."""
    for made in found.made:
        at, cost = f"{name}, {made.method}:", f"{made.seconds:.2g} s"
        yield told(f"{at} volume, %", 100 * made.volume_change, cost)
        yield told(f"{at} area, %", 100 * made.area_change, cost)
        yield told(f"{at} mean distance, mm", made.distance.mean, cost)
        yield told(f"{at} Hausdorff distance, mm", made.distance.hausdorff, cost)
        yield told(f"{at} curvature noise, degrees", made.roughness, cost)
        yield told(f"{at} cavities lost", f"{made.features.cavities_lost} of {made.features.cavities}", cost)
        yield told(f"{at} background closed, mm³", made.features.closed, cost)
        yield told(f"{at} pieces, handles", f"{made.parts}, {made.handles}", cost)
        yield told(f"{at} watertight, crossing triangles", f"{made.watertight}, {made.crossing}", cost)
        yield told(f"{at} triangle shape, least and mean", f"{made.shape_least:.2f}, {made.shape_mean:.2f}", cost)


def trade_off(found: dict[str, Comparison]) -> Iterator[Row]:
    """Marching cubes keep detail and noise; Poisson removes noise and small cavities."""
    noisy, hollow = ({m.method: m for m in found[name].made} for name in ("sphere with noise", "thin-walled cavity"))
    ratio = noisy["poisson"].roughness / noisy["marching-cubes"].roughness
    yield below("sphere with noise: curvature noise of Poisson over marching cubes", 0.5, ratio)
    ratio = noisy["poisson"].distance.mean / noisy["marching-cubes"].distance.mean
    yield below("sphere with noise: mean distance of Poisson over marching cubes", 0.7, ratio)
    kept, lost = (hollow[m].features.cavities_lost for m in ("marching-cubes", "poisson"))
    yield judged("thin-walled: small cavities lost by marching cubes", 0, kept, kept == 0)
    yield judged("thin-walled: small cavities lost by Poisson", 1, lost, lost == 1)
    closed = all(m.watertight and not m.crossing for each in found.values() for m in each.made if m.method == "poisson")
    yield judged("Poisson: all watertight, no triangles that cross", "yes", "yes" if closed else "no", closed)


def meshes(found: dict[str, Comparison]) -> Iterator[Row]:
    """Every surface as a mesh that the solver accepts."""
    for name, each in found.items():
        for made in each.made:
            words = f"{name}, {made.method}: least scaled Jacobian at {EDGE:g} mm"
            with clock() as took:
                least, told_of = _least(made.surface)
            if made.method in ("smoothed", "poisson"):
                yield judged(words, ">= 0.15", told_of or least, least >= 0.15, took)
            else:
                yield told(words, told_of or least, took)


def _least(surface: Surface) -> tuple[float, str]:
    try:
        mesh = tetrahedralize(coarsened(largest_piece(surface), EDGE), EDGE)
    except InputError as error:
        return float("nan"), error.problems[0].what
    return float(cell_quality(mesh.points, mesh.cells).jacobian.min()), ""


def steps() -> Iterator[Row]:
    """Smoothing, decimation, remeshing and reconstruction by themselves."""
    ball = staircase_sphere(16.0, 1.0)
    rough = isosurface(ball.mask.inside, ball.mask.affine, 0.5)
    with clock() as took:
        smooth = smooth_taubin(rough, 20)
    yield below("Taubin, 20 steps: change of volume, %", 0.5, 100 * abs(smooth.volume / rough.volume - 1), took)
    with clock() as took:
        few = decimate(smooth, triangles_for(smooth, EDGE))
    yield below("decimation: change of volume, %", 0.5, 100 * abs(few.volume / smooth.volume - 1), took)
    for by in ("quadric", "pyacvd"):
        with clock() as took:
            even = remesh(smooth, EDGE, by)
        yield below(f"remesh by {by}: change of volume, %", 1.0, 100 * abs(even.volume / smooth.volume - 1), took)
        yield told(
            f"remesh by {by}: triangle shape, least and mean", f"{shapes(even).min():.2f}, {shapes(even).mean():.2f}"
        )
    exact = 4 / 3 * np.pi * 20.0**3
    cloud = points_of_cloud(_sphere(20.0, 12_000))
    errors = []
    for h in (4.0, 2.0, 1.0):
        with clock() as took:
            errors.append(abs(poisson_surface(cloud, h).volume / exact - 1))
        yield told(
            f"Poisson of 12,000 points of a sphere of 20 mm: error of volume at {h:g} mm, %", 100 * errors[-1], took
        )
    order = float(np.log2(errors[0] / errors[1]))
    yield judged("its order from 4 to 2 mm", ">= 1.8", order, order >= 1.8)
    corner = 16 * np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    kept = np.linalg.norm(rough.points[rough.triangles].mean(axis=1) - corner, axis=1) > 2
    broken = Surface(rough.points, rough.triangles[kept, ::-1])
    with clock() as took:
        mended = mend(broken)
    yield below(
        "a hole of 4 mm, inside out: change of volume, %",
        1.0,
        100 * abs(mended.surface.volume / rough.volume - 1),
        took,
    )
    yield told("what was told", "; ".join(mended.notes))


def _sphere(radius: float, count: int) -> np.ndarray:
    k = np.arange(count) + 0.5
    up, around = np.arccos(1 - 2 * k / count), np.pi * (1 + np.sqrt(5)) * k
    return radius * np.column_stack([np.cos(around) * np.sin(up), np.sin(around) * np.sin(up), np.cos(up)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--octree", action="store_true", help="measure pymeshlab's octree too")
    main(measure, parser)
