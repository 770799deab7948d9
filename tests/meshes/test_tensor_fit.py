"""Smooth tensor fields fitted to voxels: exact where they can be, less noisy than their voxels, blind to ranks."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage
from fibertwin.imaging.algebra import exponential, from_matrix, logarithm
from fibertwin.meshes import Block, Helix, TensorFit, ThickTube, axisymmetric_tensor, fit_fibers
from fibertwin.meshes.heart import angular_difference

SLOPE = np.array([[0.02, 0.01, 0.0, 0.005, 0.0, -0.01], [0.0, 0.01, -0.02, 0.0, 0.004, 0.0], [0.01] * 6])
START = logarithm(axisymmetric_tensor((1.0, 2.0, 0.5), 0.6))


def image(logs_at, edge: float, half: float, keep=lambda x: np.ones(len(x), bool)) -> TensorImage:
    """Voxels of ``edge`` mm in a cube about the origin."""
    n = 2 * int(half / edge) + 1
    affine = np.diag([-edge, edge, edge, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, (n - 1) / 2)
    points = np.argwhere(np.ones((n, n, n), bool)) @ affine[:3, :3].T + affine[:3, 3]
    mask = keep(points).reshape(n, n, n)
    tensors = exponential(logs_at(points)).reshape(n, n, n, 6) * mask[..., None]
    return TensorImage(tensors, affine, mask, np.zeros_like(mask))


def linear(points):
    return START + points @ SLOPE


@pytest.mark.mpi
@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
def test_a_log_linear_field_is_found_exactly(comm, cell):
    body = Block((8.0, 8.0, 8.0), (2, 2, 2), cell=cell).build(comm)
    found = fit_fibers(body.mesh, image(linear, 2.0, 6.0), 2, TensorFit(length=1e-4))
    assert found.voxels == 5**3  # those on the faces count, once
    assert logarithm(found.fibers.tensors) == pytest.approx(linear(found.fibers.points), abs=1e-6)
    assert found.residual < 1e-6
    assert found.angle < 1e-3
    assert "fitted to 125 voxels" in found.fibers.notes[0]


@pytest.mark.mpi
def test_a_constant_field_is_found_whatever_the_length(comm):
    body = Block((8.0, 8.0, 8.0), (2, 2, 2)).build(comm)
    few = image(lambda x: np.tile(START, (len(x), 1)), 2.0, 6.0, lambda x: np.abs(x[:, 2]) < 0.1)
    found = fit_fibers(body.mesh, few, 2, TensorFit(length=50.0))
    assert found.voxels == 25
    assert logarithm(found.fibers.tensors) == pytest.approx(np.broadcast_to(START, (*found.fibers.points.shape[:2], 6)))
    far = np.abs(found.fibers.points[..., 2]) > 2
    assert (found.fibers.distance[far] >= np.abs(found.fibers.points[..., 2])[far]).all()


def noisy(points):
    return linear(points) + 0.3 * np.random.default_rng(1).normal(size=(len(points), 6))


@pytest.mark.mpi
def test_cross_validation_takes_noise_away(comm):
    body = Block((8.0, 8.0, 8.0), (4, 4, 4)).build(comm)
    found = fit_fibers(body.mesh, image(noisy, 1.0, 5.0), 2)
    error = np.sqrt(np.mean((logarithm(found.fibers.tensors) - linear(found.fibers.points)) ** 2))
    assert error < 0.08  # of 0.3 in a voxel
    assert min(found.scores, key=found.scores.get) == found.length
    assert found.length > 0.5
    # the residual is the noise, of nine components
    assert found.residual == pytest.approx(0.3 * 3, rel=0.1)
    alone = fit_fibers(Block((8.0, 8.0, 8.0), (4, 4, 4)).build(MPI.COMM_SELF).mesh, image(noisy, 1.0, 5.0), 2)
    assert alone.scores == pytest.approx(found.scores, rel=1e-6)
    assert (alone.residual, alone.angle) == pytest.approx((found.residual, found.angle), rel=1e-6)


def test_three_slices_give_back_a_helix():
    tube = ThickTube(inner_radius=7.0, outer_radius=10.0, length=12.0, cells=(4, 24, 8), cell="tetrahedra")
    body = tube.build(MPI.COMM_SELF)
    rule = Helix(inner=7.0, outer=10.0, helix=(np.pi / 3, -np.pi / 3))

    def inside(points):
        radius = np.hypot(points[:, 0], points[:, 1])
        return (radius > 7) & (radius < 10) & np.isin(np.round(points[:, 2] * 2), [2, 12, 22])

    def helix(points):
        logs = np.tile(START, (len(points), 1))
        wall = inside(points)
        up, around = np.array([0.0, 0.0, 1.0]), np.cross([0.0, 0.0, 1.0], points[wall])
        around /= np.linalg.norm(around, axis=1, keepdims=True)
        angle = np.pi / 3 * (1 - 2 * (np.hypot(*points[wall].T[:2]) - 7) / 3)[:, None]
        f = np.sin(angle) * up + np.cos(angle) * around
        logs[wall] = logarithm(from_matrix(1e-3 * (0.7 * np.eye(3) + 0.9 * np.einsum("ni,nj->nij", f, f))))
        return logs

    slices = image(helix, 0.5, 12.0, inside)
    found, plain = (
        fit_fibers(body.mesh, slices, 2, how)
        for how in (TensorFit(length=0.1, axis="up", reach=20.0), TensorFit(length=0.1))
    )
    wanted = rule.fibers(body, 2)
    ours, others = (angular_difference(fit.fibers, wanted) for fit in (found, plain))
    assert ours.median < 3
    # as smooth in all directions the field forgets the helix between the slices
    assert others.percentiles[90] > 2 * ours.percentiles[90]


def test_voxels_elsewhere_and_half_an_axis_are_refused():
    body = Block((2.0, 2.0, 2.0), (1, 1, 1)).build(MPI.COMM_SELF)
    with pytest.raises(InputError, match="no valid voxel"):
        fit_fibers(body.mesh, image(linear, 2.0, 6.0, lambda x: x[:, 0] > 3), 2, TensorFit(length=1.0))
    with pytest.raises(InputError, match="together"):
        TensorFit(axis="up", reach=3.0)
