"""Fibers by rule, fitted and measured, against those that are known.

    python benchmarks/fibers.py [--json] [--markdown FILE]

The hearts are those of examples/heart. Seconds are of the processor.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from _table import Row, below, clock, judged, main, told

import fibertwin.stack  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent.parent / "examples" / "heart"))

from hearts import (
    biventricular,
    phantom,
    phantom_helix,
    phantom_wall,
    supplied_fibers,
)
from mpi4py import MPI

from fibertwin.imaging import TensorImage
from fibertwin.imaging.algebra import exponential, from_matrix, logarithm
from fibertwin.meshes import (
    Block,
    Helix,
    LaplaceDirichlet,
    TensorFit,
    ThickTube,
    TruncatedEllipsoid,
    axisymmetric_tensor,
    ellipsoid_fibers,
    fit_fibers,
    sample_fibers,
)
from fibertwin.meshes.heart import (
    angle_maps,
    angular_difference,
    axes_about,
    name_heart,
)

COMM = MPI.COMM_WORLD
SIXTY = np.pi / 3
NAMES = {"base": "base", "rv": "rv-endocardium", "lv": "lv-endocardium", "epicardium": "epicardium"}


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Every figure."""
    return [*ellipsoid(), *tube(), *ventricles(), *phantom_rows(), *noise(), *slices()]


def ellipsoid() -> list[Row]:
    """Laplace–Dirichlet fibers of an idealized ventricle against its closed form."""
    shape = TruncatedEllipsoid(cells=(3, 24, 12))
    body = shape.build(COMM)
    wanted = ellipsoid_fibers(body.mesh, 2, shape, SIXTY, -SIXTY)
    rows = []
    for depth, limits in (("distance", (1.0, 3.0)), ("laplace", (8.0, 20.0))):
        with clock() as time:
            found = LaplaceDirichlet(depth=depth).fibers(body, 2)
        off = angular_difference(found, wanted)
        rows += [
            below(
                f"ellipsoid, +60° to -60° in {depth}: median angle to the closed form, degrees", limits[0], off.median
            ),
            below(
                "  the same, 90 % of the volume, degrees", limits[1], off.percentiles[90], f"{time.cpu_seconds:.2g} s"
            ),
        ]
    return rows


def tube() -> list[Row]:
    """The analytic helix, read back by the angle maps."""
    body = ThickTube(16.0, 28.0, 5.0, (4, 32, 1)).build(COMM)
    field = Helix(inner=16.0, outer=28.0, helix=(SIXTY, -SIXTY)).fibers(body, 4)
    off = np.abs(angle_maps(field, axes_about(field.points, (0, 0, 1))).helix - phantom_helix(body.mesh, 4)).max()
    return [below("tube, analytic helix: greatest error of the angle read back, degrees", 1e-6, float(off))]


def ventricles() -> list[Row]:
    """Two ventricles: surfaces by shape against their authors' tags, fibers against theirs."""
    body = biventricular(COMM)
    with clock() as time:
        heart = name_heart(body)
    wrong = sum(len(np.setxor1d(heart.surfaces[a], heart.surfaces[b])) for a, b in NAMES.items())
    facets = len(heart.surfaces["boundary"])
    rows = [
        judged(
            f"biventricular mesh: facets of {facets:,} named unlike its tags",
            "0",
            wrong,
            wrong == 0,
            f"{time.cpu_seconds:.2g} s",
        )
    ]
    supplied = supplied_fibers(heart.mesh, 2)
    for depth, blending, limit in (
        ("distance", "walls", 20.0),
        ("laplace", "walls", 20.0),
        ("laplace", "published", 5.0),
    ):
        rule = LaplaceDirichlet(lv="lv-endocardium", rv="rv-endocardium", depth=depth, blending=blending)
        with clock() as time:
            off = angular_difference(rule.fibers(heart, 2), supplied)
        what = f"biventricular mesh, depth by {depth}, blending {blending}"
        cost = f"{time.cpu_seconds:.2g} s for 45,304 tetrahedra"
        rows.append(below(f"{what}: median angle to the fibers supplied, degrees", limit, off.median, cost))
        rows.append(told("  the same, 75 % of the volume, degrees", off.percentiles[75]))
    return rows


def phantom_rows() -> list[Row]:
    """A cardiac DTI phantom sampled on a mesh."""
    body = phantom_wall(COMM)
    fibers = sample_fibers(body.mesh, phantom(), 4, radius=4.0)
    helix = angle_maps(fibers, axes_about(fibers.points, (0, 0, 1))).helix
    off = np.abs(helix - phantom_helix(body.mesh, 4))
    return [
        below(
            "phantom of cardiac DTI: median error of the helix angle on the mesh, degrees", 1.0, float(np.median(off))
        ),
        told("  the same, 95 % of the points, degrees", float(np.percentile(off, 95))),
    ]


def cube(logs: np.ndarray, edge: float, mask: np.ndarray | None = None) -> TensorImage:
    """Voxels about the origin from logarithms (n, n, n, 6)."""
    affine = np.diag([edge, edge, edge, 1.0])
    affine[:3, 3] = -edge * (np.array(logs.shape[:3]) - 1) / 2
    inside = np.ones(logs.shape[:3], bool) if mask is None else mask
    return TensorImage(exponential(logs) * inside[..., None], affine, inside, np.zeros_like(inside))


def noise() -> list[Row]:
    """A log-linear field under noise: what the fit leaves of it."""
    places = np.moveaxis(np.indices((17, 17, 17)), 0, -1) - 8.0
    slope = np.array([[0.02, 0.01, 0, 0.005, 0, -0.01], [0, 0.01, -0.02, 0, 0.004, 0], [0.01] * 6])
    truth = logarithm(axisymmetric_tensor((1.0, 2.0, 0.5), 0.6))
    image = cube(truth + places @ slope + 0.3 * np.random.default_rng(0).normal(size=(*places.shape[:3], 6)), 1.0)
    body = Block((14.0, 14.0, 14.0), (7, 7, 7)).build(COMM)
    with clock() as time:
        found = fit_fibers(body.mesh, image, 2)
    sampled = sample_fibers(body.mesh, image, 2, radius=2.0)
    wanted = truth + found.fibers.points @ slope
    ours, theirs = (
        float(np.sqrt(np.mean((logarithm(field.tensors) - wanted) ** 2))) for field in (found.fibers, sampled)
    )
    return [
        below(
            "noise of 0.3 in log D: what the fit leaves, length by cross validation",
            0.06,
            ours,
            f"{time.cpu_seconds:.2g} s",
        ),
        told("  what interpolation leaves", theirs),
        told("  smoothing length found, mm", found.length),
    ]


def slices() -> list[Row]:
    """Three slices of a helix through a tube."""
    tube = ThickTube(7.0, 10.0, 12.0, (4, 24, 8), cell="tetrahedra")
    body = tube.build(COMM)
    wanted = Helix(inner=7.0, outer=10.0, helix=(SIXTY, -SIXTY)).fibers(body, 2)
    places = 0.5 * (np.moveaxis(np.indices((49, 49, 49)), 0, -1) - 24.0)
    radius = np.hypot(places[..., 0], places[..., 1])
    wall = (radius > 7) & (radius < 10) & np.isin(places[..., 2], [1.0, 6.0, 11.0])
    angle = SIXTY * (1 - 2 * (radius - 7) / 3)
    around = np.stack([-places[..., 1], places[..., 0], 0 * radius], axis=-1) / np.maximum(radius, 1e-9)[..., None]
    f = np.cos(angle)[..., None] * around + np.sin(angle)[..., None] * np.array([0.0, 0.0, 1.0])
    image = cube(logarithm(from_matrix(1e-3 * (0.7 * np.eye(3) + 0.9 * f[..., :, None] * f[..., None, :]))), 0.5, wall)
    rows = []
    for words, how in (("reach 20 mm", TensorFit(0.1, "up", 20.0)), ("alike in all directions", TensorFit(0.1))):
        off = angular_difference(fit_fibers(body.mesh, image, 2, how).fibers, wanted)
        what = f"helix from three slices 5 mm apart, {words}: median error, degrees"
        rows.append(below(what, 3.0, off.median) if how.axis else told(what, off.median))
        rows.append(told("  the same, 90 % of the volume", off.percentiles[90]))
    return rows


if __name__ == "__main__":
    main(measure, argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
