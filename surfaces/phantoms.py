"""Voxel images of bodies whose true surface is known: where marching cubes and Poisson differ, they show it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.imaging import VoxelMask

from .marching import isosurface
from .surface import Surface

Depth = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Signed distance (mm), positive inside, of points (..., 3)."""

FINE = 3
"""How many times finer than the voxels the true surface is drawn."""


@dataclass(frozen=True)
class Phantom:
    """A body as an image shows it, and as it is.

    Attributes:
        name: what it is.
        mask: its voxels.
        truth: its surface.
        volume: its volume (mm³), in closed form.
    """

    name: str
    mask: VoxelMask
    truth: Surface
    volume: float


def noisy_sphere(radius: float = 16.0, voxel: float = 1.0, noise: float = 0.7) -> Phantom:
    """A ball whose voxels are taken for inside or outside by a distance with noise (mm, standard deviation)."""
    return _phantom("sphere with noise", _ball(radius), radius, voxel, noise, 4 / 3 * np.pi * radius**3)


def staircase_sphere(radius: float = 16.0, voxel: float = 2.0) -> Phantom:
    """A ball in voxels so coarse that it has terraces."""
    return _phantom("staircase sphere", _ball(radius), radius, voxel, 0.0, 4 / 3 * np.pi * radius**3)


def thin_walled(radius: float = 14.0, wall: float = 2.0, cavity: float = 1.3, voxel: float = 1.0) -> Phantom:
    """A thin-walled hollow ball with a small one beside its middle on a strut: a large cavity and, in it, a small one.

    The small cavity of radius ``cavity`` (mm) lies within a solid ball in the middle of the large one.
    """
    core = cavity + 3.0

    def depth(x: NDArray[np.float64]) -> NDArray[np.float64]:
        r = np.linalg.norm(x, axis=-1)
        shell = np.minimum(radius - r, r - (radius - wall))
        solid = np.minimum(core - r, r - cavity)
        strut = np.minimum(2.5 - np.hypot(x[..., 0], x[..., 1]), np.minimum(radius - 0.5 * wall - r, r - cavity - 1.0))
        every: NDArray[np.float64] = np.maximum.reduce([shell, solid, strut])
        return every

    return _phantom("thin-walled cavity", depth, radius, voxel, 0.0, float("nan"))


def sharp_box(half: float = 10.3, voxel: float = 1.0) -> Phantom:
    """A cube turned about the vertical by 20 degrees."""
    turn = np.radians(20)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])

    def depth(x: NDArray[np.float64]) -> NDArray[np.float64]:
        least: NDArray[np.float64] = half - np.abs(x @ axes).max(axis=-1)
        return least

    return _phantom("sharp box", depth, half * np.sqrt(2), voxel, 0.0, (2 * half) ** 3)


def phantoms() -> tuple[Phantom, ...]:
    """All of them."""
    return noisy_sphere(), thin_walled(), sharp_box(), staircase_sphere()


def _ball(radius: float) -> Depth:
    return lambda x: radius - np.linalg.norm(x, axis=-1)


def _phantom(name: str, depth: Depth, reach: float, voxel: float, noise: float, volume: float) -> Phantom:
    points, affine = _grid(reach, voxel)
    blurred = depth(points) + np.random.default_rng(0).normal(0.0, noise, points.shape[:3]) if noise else depth(points)
    fine, fine_affine = _grid(reach, voxel / FINE)
    truth = isosurface(depth(fine), fine_affine, 0.0)
    exact = volume if np.isfinite(volume) else truth.volume
    return Phantom(name, VoxelMask(blurred > 0, affine, name), truth, exact)


def _grid(reach: float, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (n, n, n, 3) of a cube around 0 with a margin, and their affine."""
    half = int(np.ceil(reach / step)) + 3
    line = step * np.arange(-half, half + 1)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = line[0]
    return np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1), affine
