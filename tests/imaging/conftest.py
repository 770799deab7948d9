"""Synthetic tensors with known directions, and other programs' files written from first principles."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibertwin.imaging import TensorImage, from_matrix

OBLIQUE = np.array([[0.9, -0.36, 0.24], [0.43, 0.80, -0.42], [-0.04, 0.48, 0.87]])


def affine_of(kind: str) -> np.ndarray:
    """An affine with spacing (1.5, 2, 2.5) mm: ``ras``, ``las`` (det < 0) or their oblique, permuted relatives."""
    u, _, vt = np.linalg.svd(OBLIQUE)
    rotation = u @ vt
    axes = {
        "ras": np.eye(3),
        "las": np.diag([-1.0, 1.0, 1.0]),
        "oblique-right": rotation,
        "oblique-left": rotation @ np.diag([-1.0, 1.0, 1.0]),
        "permuted": rotation @ np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    }[kind]
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag([1.5, 2.0, 2.5])
    affine[:3, 3] = (11.0, -7.0, 3.0)
    return affine


def random_tensors(count: int, seed: int = 3) -> np.ndarray:
    """(n, 6) positive definite, in mm²/s, with eigenvalues of brain tissue and random axes."""
    rng = np.random.default_rng(seed)
    values = rng.uniform([1.1e-3, 0.5e-3, 0.2e-3], [1.8e-3, 0.9e-3, 0.45e-3], (count, 3))
    axes = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    return from_matrix(np.einsum("nik,nk,njk->nij", axes, values, axes))


@pytest.fixture
def make_image() -> Callable[..., TensorImage]:
    """Random tensors on a small grid; ``hole`` takes one voxel out of the mask."""

    def make(kind: str = "oblique-left", shape: tuple[int, int, int] = (5, 4, 3), hole: bool = True) -> TensorImage:
        components = random_tensors(int(np.prod(shape))).reshape(*shape, 6)
        mask = np.ones(shape, dtype=bool)
        if hole:
            mask[1, 2, 1] = False
            components[1, 2, 1] = 0.0
        return TensorImage(components, affine_of(kind), mask, np.zeros(shape, dtype=bool))

    return make


@pytest.fixture
def rings() -> Callable[..., TensorImage]:
    """Fibers that circle an axis of the body: a tract whose right direction is known in every voxel."""

    def make(kind: str = "oblique-left") -> TensorImage:
        shape = (26, 22, 18)
        affine = affine_of(kind)
        world = np.argwhere(np.ones(shape)) @ affine[:3, :3].T
        world -= world.mean(axis=0)
        # circles about a tilted axis, no symmetry plane of which is one of the grid's
        normal = np.array([0.48, 0.60, 0.64])
        tangent = np.cross(normal, world)
        radius = np.linalg.norm(tangent, axis=1)
        tangent /= np.where(radius > 0, radius, 1.0)[:, None]
        height = world @ normal
        inside = (radius > 8.0) & (radius < 16.0) & (np.abs(height) < 8.0)
        matrices = 0.3e-3 * np.eye(3) + 1.2e-3 * tangent[:, :, None] * tangent[:, None, :]
        components = np.where(inside[:, None], from_matrix(matrices), 0.0).reshape(*shape, 6)
        mask = inside.reshape(shape)
        return TensorImage(components, affine, mask, np.zeros(shape, dtype=bool))

    return make


ORDERS = {"lower": "xx xy yy xz yz zz", "upper": "xx xy xz yy yz zz", "diagonal": "xx yy zz xy xz yz"}


@pytest.fixture
def as_stored() -> Callable[..., np.ndarray]:
    """Components as a program with this order and frame would store them, from the definition B' D B."""

    def stored(image: TensorImage, order: str, frame: str) -> np.ndarray:
        c = image.components
        xx, xy, yy, xz, yz, zz = np.moveaxis(c, -1, 0)
        full = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1).reshape(*image.shape, 3, 3)
        grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
        flip = np.diag([-1.0, 1.0, 1.0]) if np.linalg.det(grid) > 0 else np.eye(3)
        basis = {"world": np.eye(3), "lps": np.diag([-1.0, -1.0, 1.0]), "voxel": grid, "fsl": grid @ flip}[frame]
        turned = np.einsum("ia,xyzij,jb->xyzab", basis, full, basis)
        names = ORDERS.get(order, order).split()
        return np.stack([turned[..., "xyz".index(n[0]), "xyz".index(n[1])] for n in names], axis=-1)

    return stored


@pytest.fixture
def scan_files(tmp_path: Path) -> Callable[..., tuple[Path, Path, Path]]:
    """A noise-free scan of an image, with b-vectors in FSL's axes."""

    def write(image: TensorImage, suffix: str = ".nii", columns: bool = False) -> tuple[Path, Path, Path]:
        import nibabel as nib

        rng = np.random.default_rng(8)
        world = rng.normal(size=(13, 3))
        world /= np.linalg.norm(world, axis=1)[:, None]
        world[0] = 0.0
        bvals = np.where(np.arange(13) == 0, 0.0, 1000.0)
        xx, xy, yy, xz, yz, zz = np.moveaxis(image.components, -1, 0)
        full = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1).reshape(*image.shape, 3, 3)
        exponent = np.einsum("g,ga,xyzab,gb->xyzg", bvals, world, full, world)
        signal = 1000.0 * np.exp(-exponent) * image.mask[..., None]
        grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
        flip = np.diag([-1.0, 1.0, 1.0]) if np.linalg.det(grid) > 0 else np.eye(3)
        stored = world @ grid @ flip
        paths = (tmp_path / f"dwi{suffix}", tmp_path / "dwi.bval", tmp_path / "dwi.bvec")
        nib.save(nib.Nifti1Image(signal, image.affine), paths[0])
        np.savetxt(paths[1], bvals[None])
        np.savetxt(paths[2], stored if columns else stored.T)
        return paths

    return write
