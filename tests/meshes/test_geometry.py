"""Points, facets and volumes through the coordinate map, against the forms that the solver assembles."""

import numpy as np
import pytest
import ufl
from dolfinx.fem import Constant, assemble_scalar, form
from dolfinx.mesh import meshtags

from fibertwin.meshes import (
    Block,
    Cylinder,
    Facing,
    Patch,
    ThickSphere,
    ThickTube,
    TruncatedEllipsoid,
    area,
    axisymmetric_tensor,
    boundary_of,
    centroid,
    fibers_from,
    mean_normal,
    name_surfaces,
    uniform_fibers,
)
from fibertwin.meshes.geometry import mirror, reference_nodes

pytestmark = pytest.mark.mpi

BODIES = {
    "bricks": Block((2.0, 3.0, 1.0), (2, 3, 2), cell="hexahedra"),
    "oblique hexahedra": Cylinder(1.0, 2.0, (1, 8, 2), curved=False),
    "curved hexahedra": ThickTube(1.0, 2.0, 1.5, (1, 4, 2), "quarter"),
    "curved tetrahedra": TruncatedEllipsoid(cells=(1, 8, 2)),
}
DEGREE = 4


@pytest.fixture(params=BODIES)
def body(request, comm):
    return BODIES[request.param].build(comm)


def _sum(comm, integrand) -> float:
    return float(comm.allreduce(assemble_scalar(form(integrand))))


def test_fibers_lie_at_the_points_of_the_form(comm, body):
    def tensor(points):
        x, y, z = points.T
        return np.column_stack([60 + x, y, 70 + z, 2 * x, z - y, 80 - x - y])

    field = fibers_from(body.mesh, DEGREE, tensor)
    assert len(field.points) == body.mesh.topology.index_map(3).size_local
    dx = ufl.Measure("dx", body.mesh, metadata={"quadrature_degree": DEGREE, "quadrature_scheme": "default"})
    x = ufl.SpatialCoordinate(body.mesh)
    D = ufl.as_matrix(
        [[60 + x[0], x[1], 2 * x[0]], [x[1], 70 + x[2], x[2] - x[1]], [2 * x[0], x[2] - x[1], 80 - x[0] - x[1]]]
    )
    error = field.structure_tensor - D / ufl.tr(D)
    wrong = ufl.inner(error, error) + ufl.inner(field.axis, field.sheet) ** 2
    for direction in (field.axis, field.sheet):
        residual = ufl.dot(D, direction) - ufl.dot(direction, ufl.dot(D, direction)) * direction
        wrong += ufl.inner(residual, residual) / ufl.tr(D) ** 2
    assert _sum(comm, wrong * dx) < 1e-20 * body.quality.volume


def test_volumes_areas_and_normals_are_those_of_the_form(comm, body):
    """Integrals of 1, x and n over each surface, and of the same over the body, by one form each."""
    mesh = body.mesh
    x, n, pick = ufl.SpatialCoordinate(mesh), ufl.FacetNormal(mesh), Constant(mesh, np.zeros(7))
    ds, dx = (
        ufl.Measure(kind, mesh, subdomain_data=tags, subdomain_id=1, metadata={"quadrature_degree": 8})
        for kind, tags in (("ds", None), ("dx", body.cell_tags))
    )

    def integrals(values, measure) -> np.ndarray:
        compiled = form(ufl.inner(pick, ufl.as_vector(values)) * measure)
        found = []
        for k in range(7):
            pick.value = np.eye(7)[k]
            found.append(float(comm.allreduce(assemble_scalar(compiled))))
        return np.array(found)

    inside = integrals([1.0, *x, 0, 0, 0], dx)
    assert body.quality.volume == pytest.approx(inside[0])
    assert boundary_of(body).centroid() == pytest.approx(inside[1:4] / inside[0], abs=1e-10)
    for name in list(body.surfaces)[1:]:
        facets = body.surfaces[name]
        tags = meshtags(mesh, 2, facets, np.ones(len(facets), np.int32))
        wanted = integrals([1.0, *x, *n], ds(subdomain_data=tags))
        boundary = boundary_of(body, name)
        assert boundary.total(boundary.area_vectors) == pytest.approx(wanted[4:], abs=1e-9)
        # the norm of a curved facet's normal is no polynomial: two rules differ a little
        assert area(body, name) == pytest.approx(wanted[0], rel=1e-5)
        assert centroid(body, name) == pytest.approx(wanted[1:4] / wanted[0], abs=1e-4)


def test_facets_face_outward_and_lie_on_their_corners(comm, body):
    for name in list(body.surfaces)[1:]:
        boundary = boundary_of(body, name)
        a, b, c = (boundary.corners[:, k] for k in range(3))
        turn = np.einsum("ni,ni->n", np.cross(b - a, c - a), boundary.area_vectors)
        assert (turn > 0).all()
        assert len(boundary.triangles) == len(boundary.facets) * (boundary.corners.shape[1] - 2)
        spread = np.linalg.norm(boundary.corners - boundary.midpoints[:, None], axis=2)
        assert (spread > 0.1).all()


def test_surface_rules_work_on_curved_hexahedra(comm):
    ball = ThickSphere(6.0, 10.0, (1, 8)).build(comm)
    rules = {"up": Facing("up", np.radians(40)), "blade": Patch(6.0, 6.0, direction=(1.0, 1.0, 0.5))}
    named = name_surfaces(ball, rules)
    assert mean_normal(named, "up") == pytest.approx([0, 0, 1], abs=1e-9)
    toward = np.array([1.0, 1.0, 0.5]) / 1.5
    assert mean_normal(named, "blade") @ toward > 0.98
    assert area(named, "blade") == pytest.approx(36.0, rel=0.4)
    near = name_surfaces(ball, {"spot": Patch(5.0, 5.0, near=(0.0, 0.0, 12.0), up="front")})
    assert centroid(near, "spot") == pytest.approx([0, 0, 9.5], abs=0.5)


def test_nodal_fibers_on_every_cell(comm, body):
    axis, fa = uniform_fibers(body.mesh, 2, axis=(0.0, 0.6, 0.8), fa=0.4).nodal()
    assert axis.x.array.reshape(-1, 3) == pytest.approx(np.broadcast_to([0, 0.6, 0.8], (len(fa.x.array), 3)), abs=1e-7)
    assert fa.x.array == pytest.approx(np.full(len(fa.x.array), 0.4))


def test_nodal_averages_weigh_cells_by_volume(comm):
    """Two bricks of lengths 1 and 2 share four nodes: FA there is (0.2 + 2 × 0.5) / 3."""
    from fibertwin.meshes.anatomy import RawMesh, spread

    points = np.array([[x, y, z] for x in (0.0, 1.0, 3.0) for z in (0.0, 1) for y in (0.0, 1)])
    cells = np.array([[0, 4, 1, 5, 2, 6, 3, 7], [4, 8, 5, 9, 6, 10, 7, 11]])
    raw = RawMesh(points, cells, np.ones(2, np.int32), {"tissue": 1})
    mesh = spread(comm, raw if comm.rank == 0 else None).mesh

    def tensor(points):
        return np.array([axisymmetric_tensor((0.0, 0.0, 1.0), 0.2 if x < 1 else 0.5) for x in points[:, 0]]).reshape(
            -1, 6
        )

    _, fa = fibers_from(mesh, 2, tensor).nodal()
    x = fa.function_space.tabulate_dof_coordinates()[:, 0]
    wanted = np.select([x < 0.5, x < 2], [0.2, (0.2 + 2 * 0.5) / 3], 0.5)
    assert fa.x.array == pytest.approx(wanted)


@pytest.mark.parametrize("nodes", [4, 8, 10, 27])
def test_mirroring_twice_gives_the_cell_back(nodes):
    there = mirror(nodes)
    assert np.array_equal(there[there], np.arange(nodes))
    assert reference_nodes(nodes)[there] == pytest.approx(reference_nodes(nodes)[:, [0, 2, 1]])
