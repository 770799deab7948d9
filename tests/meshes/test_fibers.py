"""Tensors on the mesh: right at the form's own quadrature points, and blind to signs, numbering and ranks."""

import basix.ufl
import numpy as np
import pytest
import ufl
from dolfinx.fem import assemble_scalar, form
from dolfinx.mesh import create_mesh
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, fractional_anisotropy, open_tensors, write_tensors
from fibertwin.imaging.algebra import exponential, from_matrix, logarithm, rotated, to_matrix
from fibertwin.meshes import (
    Block,
    axisymmetric_tensor,
    fibers_from,
    fibers_from_axes,
    sample_fibers,
    uniform_fibers,
)

pytestmark = pytest.mark.mpi

LOG_SLOPE = np.array([[0.02, 0.01, 0.0, 0.005, 0.0, -0.01], [0.0, 0.01, -0.02, 0.0, 0.004, 0.0], [0.01] * 6])


def smooth(points: np.ndarray) -> np.ndarray:
    """Tensors (n, 6) whose logarithm is linear in space, so that log-Euclidean interpolation is exact."""
    start = logarithm(axisymmetric_tensor((1.0, 2.0, 0.5), 0.6))
    return exponential(start + np.asarray(points) @ LOG_SLOPE)


def image(radius: float = 100.0, affine: np.ndarray | None = None) -> TensorImage:
    """20 x 18 x 16 voxels of 2.5 mm about the origin, valid within a radius of it, running right to left."""
    shape = (20, 18, 16)
    if affine is None:
        affine = np.diag([-2.5, 2.5, 2.5, 1.0])
        affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    mask = np.linalg.norm(points, axis=-1) < radius
    tensors = smooth(points.reshape(-1, 3)).reshape(*shape, 6) * mask[..., None]
    return TensorImage(tensors, affine, mask, np.zeros(shape, bool))


def block(comm, cells: int = 4):
    return Block((24.0, 22.0, 18.0), (cells, cells, cells)).build(comm).mesh


def total(mesh, integrand, degree: int) -> float:
    dx = ufl.Measure("dx", domain=mesh, metadata={"quadrature_degree": degree, "quadrature_scheme": "default"})
    return float(mesh.comm.allreduce(assemble_scalar(form(integrand * dx))))


@pytest.mark.parametrize("degree", [2, 4])
def test_values_lie_at_the_points_of_the_form(comm, degree):
    mesh = block(comm, 2)

    def tensor(points):
        x, y, z = points.T
        return np.column_stack([30 + x, y, 40 + z, 2 * x, z - y, 50 - x - y])

    field = fibers_from(mesh, degree, tensor)
    x = ufl.SpatialCoordinate(mesh)
    D = ufl.as_matrix(
        [[30 + x[0], x[1], 2 * x[0]], [x[1], 40 + x[2], x[2] - x[1]], [2 * x[0], x[2] - x[1], 50 - x[0] - x[1]]]
    )
    error = field.structure_tensor - D / ufl.tr(D)
    assert total(mesh, ufl.inner(error, error), degree) < 1e-22 * total(mesh, 1.0 + 0 * x[0], degree)
    a = field.axis
    residual = ufl.dot(D, a) - ufl.dot(a, ufl.dot(D, a)) * a
    assert total(mesh, ufl.inner(residual, residual) + (ufl.inner(a, a) - 1) ** 2, degree) < 1e-18 * 24 * 22 * 18
    deviator = D - ufl.tr(D) / 3 * ufl.Identity(3)
    fa_squared = 1.5 * ufl.inner(deviator, deviator) / ufl.inner(D, D)
    assert total(mesh, (field.fa**2 - fa_squared) ** 2, degree) < 1e-22 * 24 * 22 * 18


def test_sampling_is_exact_where_the_logarithm_is_linear(comm):
    mesh = block(comm)
    field = sample_fibers(mesh, image(), 4, radius=1.0)
    expected = smooth(field.points.reshape(-1, 3)).reshape(field.tensors.shape)
    assert field.tensors == pytest.approx(expected, rel=1e-10)
    assert not field.filled.any()
    assert field.fa_values == pytest.approx(fractional_anisotropy(expected))
    assert field.md == pytest.approx(to_matrix(expected).trace(axis1=-2, axis2=-1) / 3)
    # the log-Euclidean mean of a linear logarithm is its value at the centroid
    centroids = mesh.geometry.x[mesh.geometry.dofmaps[0]].mean(axis=1)
    assert field.cell_tensors == pytest.approx(smooth(centroids), rel=1e-9)
    assert field.cell_fa == pytest.approx(fractional_anisotropy(smooth(centroids)))


def test_each_rank_may_read_its_own_window(comm, shared_path):
    file = shared_path / "tensors.nii"
    if comm.rank == 0:
        write_tensors(image(), file)
    comm.Barrier()
    mesh = block(comm)
    window, whole = sample_fibers(mesh, open_tensors(file), 2, radius=2.0), sample_fibers(mesh, image(), 2, radius=2.0)
    assert window.tensors == pytest.approx(whole.tensors, rel=1e-12)
    assert window.notes == whole.notes


def test_points_outside_the_mask_are_filled_and_counted_or_refused(comm):
    mesh = block(comm)
    field = sample_fibers(mesh, image(radius=14.0), 2, radius=12.0)
    far = np.linalg.norm(field.points, axis=-1) > 14 + 2.5 * np.sqrt(3)
    assert field.filled[far].all()
    assert (field.distance[far] > 0).all()
    assert 0 < comm.allreduce(int(field.filled.sum())) < comm.allreduce(field.filled.size)
    assert "outside valid ones" in field.notes[0]
    with pytest.raises(InputError, match="farther than the fill radius"):
        sample_fibers(mesh, image(radius=14.0), 2, radius=1.0)


def test_mesh_beside_the_image_is_refused_with_both_boxes(comm):
    mesh = Block((0.024, 0.022, 0.018), (2, 2, 2), (0.5, 0.0, 90.0)).build(comm).mesh
    with pytest.raises(InputError, match="don't overlap") as caught:
        sample_fibers(mesh, image(), 2, radius=5.0)
    assert "[0.5, 0.5] × [-0.0, 0.0] × [90.0, 90.0] mm" in str(caught.value)
    assert "[-25.0, 25.0] × [-22.5, 22.5] × [-20.0, 20.0] mm" in str(caught.value)


def _rotation(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def test_transform_moves_points_and_turns_tensors(comm):
    turn, shift = _rotation(0.4), np.array([3.0, -2.0, 1.0])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, shift
    small = Block((10.0, 10.0, 10.0), (2, 2, 2), tuple(shift)).build(comm).mesh
    field = sample_fibers(small, image(), 2, radius=1.0, transform=matrix)
    pulled = (field.points - shift) @ turn
    expected = rotated(smooth(pulled.reshape(-1, 3)), turn).reshape(field.tensors.shape)
    assert field.tensors == pytest.approx(expected, rel=1e-9)
    # a stretch moves points only
    matrix[:3, :3] = turn @ np.diag([1.1, 0.9, 1.05])
    stretched = sample_fibers(small, image(), 2, radius=1.0, transform=matrix)
    pulled = (stretched.points - shift) @ np.linalg.inv(matrix[:3, :3]).T
    assert stretched.md == pytest.approx(
        to_matrix(smooth(pulled.reshape(-1, 3))).trace(axis1=1, axis2=2).reshape(stretched.md.shape) / 3, rel=1e-9
    )


@pytest.mark.parametrize(
    "matrix", [np.diag([-1.0, 1, 1, 1]), np.diag([1.0, 1, 1, 2]), np.eye(3), np.full((4, 4), np.nan)]
)
def test_transforms_that_mirror_or_are_none_are_refused(comm, matrix):
    with pytest.raises(InputError, match="no affine map"):
        sample_fibers(block(comm, 1), image(), 2, radius=1.0, transform=matrix)


def test_numbering_and_ranks_leave_the_fibers_unchanged(comm):
    """The same cells in another order, on other ranks, with shuffled points: the same H at the same places."""
    reference = Block((24.0, 22.0, 18.0), (3, 3, 3)).build(MPI.COMM_SELF).mesh
    points, cells = reference.geometry.x, reference.geometry.dofmaps[0]
    rng = np.random.default_rng(5)
    order, number = rng.permutation(len(cells)), rng.permutation(len(points))
    shuffled = np.empty_like(points)
    shuffled[number] = points
    given = (
        (number[cells][order].astype(np.int64), shuffled)
        if comm.rank == 0
        else (np.zeros((0, 4), np.int64), np.zeros((0, 3)))
    )
    element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    mesh = create_mesh(comm, given[0], element, given[1])
    one, other = (sample_fibers(m, image(radius=14.0), 4, radius=12.0) for m in (reference, mesh))
    original = order[mesh.topology.original_cell_index]
    for got, wanted in ((other.cell_tensors, one.cell_tensors), (other.cell_fa, one.cell_fa)):
        assert got == pytest.approx(wanted[original], rel=1e-9, abs=1e-15)
    dyads = [np.einsum("ni,nj->nij", f.cell_axis, f.cell_axis) for f in (other, one)]
    assert dyads[0] == pytest.approx(dyads[1][original], abs=1e-8)
    names = ("structure_tensor", "fa")
    here = [total(mesh, ufl.inner(getattr(other, n), getattr(other, n)), 4) for n in names]
    alone = [total(reference, ufl.inner(getattr(one, n), getattr(one, n)), 4) for n in names]
    assert here == pytest.approx(alone, rel=1e-10)


def test_uniform_fibers(comm):
    mesh = block(comm, 1)
    aligned = uniform_fibers(mesh, 2, axis=(0.0, -3.0, 4.0))
    a = np.array([0.0, -0.6, 0.8])
    H = aligned.structure_tensor.x.array.reshape(-1, 3, 3)
    assert pytest.approx(np.broadcast_to(np.outer(a, a), H.shape), abs=1e-12) == H
    assert aligned.axis.x.array.reshape(-1, 3) == pytest.approx(np.broadcast_to(a, (len(H), 3)), abs=1e-12)
    assert aligned.cell_axis == pytest.approx(np.broadcast_to(a, aligned.cell_axis.shape), abs=1e-9)
    opposite = uniform_fibers(mesh, 2, axis=-a, fa=0.5)
    assert np.array_equal(opposite.axis.x.array, uniform_fibers(mesh, 2, axis=a, fa=0.5).axis.x.array)
    assert opposite.fa_values == pytest.approx(np.full(opposite.fa_values.shape, 0.5))
    isotropic = uniform_fibers(mesh, 2, fa=0.0, md=7e-4)
    assert isotropic.structure_tensor.x.array.reshape(-1, 9) == pytest.approx(
        np.broadcast_to(np.eye(3).ravel() / 3, (len(H), 9))
    )
    assert isotropic.md == pytest.approx(np.full(isotropic.md.shape, 7e-4))
    assert isotropic.fa.x.array == pytest.approx(0.0, abs=1e-12)
    for bad in ({"fa": 1.2}, {"axis": (0.0, 0.0, 0.0)}):
        with pytest.raises(InputError):
            uniform_fibers(mesh, 2, **bad)


@pytest.mark.parametrize("fa", [0.0, 0.3, 0.7, 1.0])
def test_axisymmetric_tensor_has_the_fa_it_is_asked_for(fa):
    tensor = axisymmetric_tensor((1.0, -1.0, 0.3), fa, 8e-4)
    assert fractional_anisotropy(tensor) == pytest.approx(fa, abs=1e-12)
    assert np.trace(to_matrix(tensor)) == pytest.approx(24e-4)


def test_nodal_fibers_ignore_signs(comm):
    """Two fiber axes 20 degrees apart on either side of y: the mean axis is y, whatever the stored signs."""
    mesh = block(comm, 2)
    axes = np.array([[np.sin(s), np.cos(s), 0.0] for s in (np.radians(10), -np.radians(10))])

    def tensor(points):
        return np.array([axisymmetric_tensor(axes[int(x > 0)], 0.8) for x in points[:, 0]])

    axis, fa = fibers_from(mesh, 2, tensor).nodal()
    x = axis.function_space.tabulate_dof_coordinates()
    middle = np.abs(x[:, 0]) < 1e-9
    values = axis.x.array.reshape(-1, 3)
    assert np.abs(values[middle, 1]) == pytest.approx(np.ones(middle.sum()), abs=0.02)
    side = x[:, 0] > 1
    dyads = np.einsum("ni,nj->nij", values[side], values[side])
    assert dyads == pytest.approx(np.broadcast_to(np.outer(axes[1], axes[1]), dyads.shape), abs=1e-9)
    assert fa.x.array == pytest.approx(np.full(len(fa.x.array), 0.8))


def test_tensors_give_sheets_normal_to_the_fibers(comm):
    mesh = block(comm, 1)
    turn = _rotation(0.7)

    def tensor(points):
        return np.broadcast_to(from_matrix(turn @ np.diag([3.0, 2.0, 1.0]) @ turn.T), (len(points), 6))

    sheet = fibers_from(mesh, 2, tensor).sheet.x.array.reshape(-1, 3)
    wanted = turn[:, 1] * np.sign(turn[np.argmax(np.abs(turn[:, 1])), 1])
    assert sheet == pytest.approx(np.broadcast_to(wanted, sheet.shape), abs=1e-12)
    axisymmetric = uniform_fibers(mesh, 2, axis=(0.0, -3.0, 4.0), fa=0.4)
    s, a = (f.x.array.reshape(-1, 3) for f in (axisymmetric.sheet, axisymmetric.axis))
    # the world axis most across the fiber is x
    assert s == pytest.approx(np.broadcast_to([1.0, 0.0, 0.0], s.shape), abs=1e-9)
    assert np.einsum("ni,ni->n", s, a) == pytest.approx(np.zeros(len(s)), abs=1e-12)


def test_axes_from_a_rule_keep_their_signs_and_are_made_normal(comm):
    mesh = block(comm, 1)

    def axes(points):
        angle = 0.1 * points[:, 0]
        fiber = 5 * np.column_stack([-np.cos(angle), np.sin(angle), 0 * angle])
        return fiber, np.column_stack([0 * angle, 0 * angle, -3 + 0 * angle]) + 0.2 * fiber

    field = fibers_from_axes(mesh, 3, axes, fa=0.6)
    flat = field.points.reshape(-1, 3)
    angle = 0.1 * flat[:, 0]
    wanted = np.column_stack([-np.cos(angle), np.sin(angle), 0 * angle])
    a, s = (f.x.array.reshape(-1, 3)[f.function_space.dofmap.list.ravel()] for f in (field.axis, field.sheet))
    assert a == pytest.approx(wanted, abs=1e-12)
    assert s == pytest.approx(np.broadcast_to([0, 0, -1.0], s.shape), abs=1e-12)
    assert field.fa_values == pytest.approx(np.full(field.fa_values.shape, 0.6))
    assert field.tensors.reshape(-1, 6)[:3] == pytest.approx(
        np.array([axisymmetric_tensor(w, 0.6) for w in wanted[:3]])
    )
    even = uniform_fibers(mesh, 2, axis=(0.0, 0.0, -2.0), sheet=(1.0, 0.0, 1.0))
    assert even.axis.x.array.reshape(-1, 3)[0] == pytest.approx([0, 0, -1])
    assert even.sheet.x.array.reshape(-1, 3)[0] == pytest.approx([1, 0, 0])
    for bad in ({"sheet": (0.0, 0.0, 3.0), "axis": (0.0, 0.0, 1.0)}, {"sheet": (0.0, 0.0, 0.0)}):
        with pytest.raises(InputError, match="sheet"):
            uniform_fibers(mesh, 2, **bad)
