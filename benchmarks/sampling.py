"""How fast tensors of a whole brain are sampled, next to what LAPACK and scipy do, and decomposed, next to dipy.

    python benchmarks/sampling.py [--count N] [--edge MM] [--turns N] [--json]

The brain is made up: an ellipsoid of 1.5 L in a head's field of view, every voxel with a tensor of its own at random.
Seconds are of the processor, which another job on the machine hardly changes: of all threads, so set OMP_NUM_THREADS=1.
"""

import argparse
from dataclasses import replace
from statistics import median

import numpy as np
from _stored import points_inside
from _table import Row, below, main, told
from decomposition import decompose, in_turns

from fibertwin.imaging import TensorImage, from_matrix, sample_tensors, to_matrix
from fibertwin.imaging.algebra import Array, compose
from fibertwin.imaging.sample import voxel_coordinates

LIMIT = 5.0
"""Processor seconds that a million points may take."""

HALF_AXES = (66.0, 88.0, 62.0)
"""Of the brain, mm."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Sampling first; then decomposition."""
    image = whole_brain(arguments.edge)
    return [*sample(image, arguments.count, arguments.turns), *decompose(arguments.count)]


def whole_brain(edge: float) -> TensorImage:
    """Tensors at random, eigenvalues up to those of water, in voxels of ``edge`` mm within an ellipsoid."""
    axes = np.array(HALF_AXES)
    shape = tuple(int(n) for n in np.ceil(2.2 * axes / edge))
    affine = np.diag([-edge, edge, edge, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    places = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    mask = ((places / axes) ** 2).sum(axis=-1) < 1.0
    factors = np.random.default_rng(0).normal(size=(int(mask.sum()), 3, 3))
    components = np.zeros((*shape, 6))
    components[mask] = from_matrix(3e-4 * factors @ factors.transpose(0, 2, 1) + 1e-4 * np.eye(3))
    return TensorImage(components, affine, mask, np.zeros_like(mask))


def sample(image: TensorImage, count: int, turns: int) -> list[Row]:
    """Points inside and just outside the mask, the logarithms of all voxels made anew in every turn."""
    points = points_inside(image, count, 0.7)
    programs = {
        "ours": lambda: sample_tensors(replace(image), points, radius=2.0 * float(image.affine[1, 1])),
        "plain": lambda: plain(image, points),
    }
    found, seconds = in_turns(programs, turns)
    inner = ~found["ours"].filled
    error = np.abs(found["ours"].tensors - found["plain"])[inner].max() / found["plain"][inner].max()
    ours, theirs = median(seconds["ours"]), median(seconds["plain"])
    spread = f"{min(seconds['ours']):.3g} to {max(seconds['ours']):.3g} s in {turns} turns"
    voxels, limit = int(image.mask.sum()), LIMIT * max(1.0, count / 1e6)
    return [
        below(f"log-Euclidean sampling at {count:,} points of {voxels:,} voxels, s", limit, ours, spread),
        told("the same by LAPACK and scipy's map_coordinates, without regard to the mask, s", theirs),
        told("its time over ours", theirs / ours),
        below("difference where all eight voxels are valid, relative", 1e-12, float(error)),
        told("points whose stencil leaves the mask, part", 1.0 - float(inner.mean())),
    ]


def plain(image: TensorImage, points: Array) -> Array:
    """The reference: eigh of every voxel, linear interpolation of six images, eigh of every point."""
    from scipy.ndimage import map_coordinates

    values, vectors = np.linalg.eigh(to_matrix(image.components[image.mask]))
    logs = np.zeros_like(image.components)
    logs[image.mask] = compose(np.log(values), vectors)
    index = voxel_coordinates(image.affine, points).T
    mean = np.stack([map_coordinates(logs[..., i], index, order=1) for i in range(6)], axis=-1)
    values, vectors = np.linalg.eigh(to_matrix(mean))
    return compose(np.exp(values), vectors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000, help="points to sample, tensors to decompose")
    parser.add_argument("--edge", type=float, default=1.25, help="edge of a voxel, mm")
    parser.add_argument("--turns", type=int, default=3, help="times that sampling is repeated")
    main(measure, parser)
