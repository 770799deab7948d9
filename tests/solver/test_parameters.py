"""Numbers that vary: from their sources to the quadrature points, in the law's unit, the same verdict on every rank."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt
from bodies import block, displacements
from mpi4py import MPI

from fibertwin.constitutive import (
    Formula,
    FromImage,
    FromMesh,
    GasserOgdenHolzapfel,
    Material,
    NeoHookean,
    Ogden,
    kappa_from_fa,
)
from fibertwin.constitutive.active_strain import ActiveStrain
from fibertwin.constitutive.parameters import Parametric
from fibertwin.errors import InputError
from fibertwin.meshes import axisymmetric_tensor, fibers_from, quadrature_points
from fibertwin.solver import Clamp, PrescribedDisplacement, Problem, solve
from fibertwin.solver.parameters import check, looked_up, needs_scan, resolve
from fibertwin.units import Unit

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD
DEGREE = 2


@pytest.fixture(scope="module")
def anatomy():
    return block(WORLD, 2)


@pytest.fixture(scope="module")
def points(anatomy):
    return quadrature_points(anatomy.mesh, DEGREE)[0]


@pytest.fixture(scope="module")
def fibers(anatomy):
    def tensor(at):
        return np.array([axisymmetric_tensor((1, 0, 0), 0.2 + 0.5 * x, 1e-3 * (1 + x)) for x in at[:, 0]])

    return fibers_from(anatomy.mesh, DEGREE, tensor)


def image(folder: Path, values: np.ndarray, spacing: float = 0.5, start: float = 0.0) -> FromImage:
    import nibabel

    if WORLD.rank == 0:
        affine = np.diag([spacing, spacing, spacing, 1.0])
        affine[:3, 3] = start
        nibabel.save(nibabel.Nifti1Image(values, affine), folder / "map.nii")
    WORLD.Barrier()
    return FromImage(folder / "map.nii")


def ramp(scale: float = 1.0) -> np.ndarray:
    """2 + x on voxel centers at 0, 0.5 and 1."""
    return scale * np.broadcast_to(2 + 0.5 * np.arange(3.0)[:, None, None], (3, 3, 3))


def values(varying, points, law=NeoHookean, name="mu", fibers=None, cells=None):
    return resolve(varying, law, name, points, fibers, WORLD, "materials.tissue.energies[0].mu", cells)


def refused(*arguments, **more) -> str:
    with pytest.raises(InputError) as caught:
        values(*arguments, **more)
    text = str(caught.value)
    assert set(WORLD.allgather(text)) == {text}
    return text


def test_an_image_is_linear_between_voxels(points, shared_path):
    np.testing.assert_allclose(values(image(shared_path, ramp()), points), 2 + points[..., 0], atol=1e-12)


def test_units_are_converted(points, shared_path):
    given = FromImage(image(shared_path, ramp(1e3)).image, unit="Pa")
    np.testing.assert_allclose(values(given, points), 2 + points[..., 0], atol=1e-12)
    share = Formula("50 * x", unit="percent")
    np.testing.assert_allclose(values(share, points, Ogden, "alpha.0"), 0.5 * points[..., 0], atol=1e-12)


@pytest.mark.parametrize("where", ["point", "cell"])
def test_a_field_of_a_mesh(where, points, shared_path):
    import meshio

    if WORLD.rank == 0:
        corners = 0.1 * np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
        bricks = [("hexahedron", np.array([[0, 4, 6, 2, 1, 5, 7, 3]]))]
        fields = {"point": {"point_data": {"E": 2 + 10 * corners[:, 0]}}, "cell": {"cell_data": {"E": [[5.0]]}}}
        meshio.Mesh(corners, bricks, **fields[where]).write(shared_path / "field.vtu")
    WORLD.Barrier()
    found = values(FromMesh("E", shared_path / "field.vtu", length_unit="cm"), points)
    np.testing.assert_allclose(found, 2 + points[..., 0] if where == "point" else 5.0, atol=1e-9)
    assert "point data E" in refused(FromMesh("F", shared_path / "field.vtu"), points) or where == "cell"
    assert "does not cover the tissue" in refused(FromMesh("E", shared_path / "field.vtu"), points)


def test_a_formula_looks_at_the_scan_and_at_places(points, fibers):
    fa, md = 0.2 + 0.5 * points[..., 0], 1e-3 * (1 + points[..., 0])
    found = values(Formula("1 + FA + 1e3 * MD * y"), points, fibers=fibers)
    np.testing.assert_allclose(found, 1 + fa + 1e3 * md * points[..., 1], rtol=1e-9)
    found = values(Formula("kappa"), points, GasserOgdenHolzapfel, "dispersion", fibers)
    np.testing.assert_allclose(found, kappa_from_fa(fa), rtol=1e-9)
    assert needs_scan(Formula("2 * kappa"))
    assert not needs_scan(Formula("2 * x"))


def test_only_the_cells_of_a_region_are_looked_up(points):
    cells = np.flatnonzero((points[..., 0] < 0.5).all(axis=1))
    found = values(Formula("where(x < 0.5, 3, -1)"), points, cells=cells)
    assert (found[cells] == 3).all()
    assert np.isnan(np.delete(found, cells, axis=0)).all()


def test_what_is_out_of_bounds_is_refused_on_every_rank(points):
    text = refused(Formula("x - 0.5"), points)
    assert "out of range" in text
    assert "more than 0" in text
    assert "materials.tissue.energies[0].mu" in text
    assert "0.333" in refused(Formula("x"), points, GasserOgdenHolzapfel, "dispersion")


def test_every_kind_of_bound_is_checked(points):
    @dataclass(frozen=True)
    class Bounded(Parametric):
        above: Annotated[float, Unit(""), Gt(0.5)]
        least: Annotated[float, Unit(""), Ge(0.5)]
        below: Annotated[float, Unit(""), Lt(0.5)]
        most: Annotated[float, Unit(""), Le(0.5)]
        between: Annotated[float, Unit(""), Interval(gt=0, le=0.5)]

    for name, words in (("above", "more"), ("below", "less"), ("between", "at most 0.5")):
        assert words in refused(Formula("x"), points, Bounded, name)
    for name in ("least", "most", "between"):
        assert (values(Formula("0.5"), points, Bounded, name) == 0.5).all()
    for name in ("above", "below"):
        assert "0.5" in refused(Formula("0.5"), points, Bounded, name)


def test_points_outside_an_image_are_counted(points, shared_path):
    count = WORLD.allreduce(int((points[..., 0] > 0.75).sum()))
    text = refused(image(shared_path, np.ones((2, 4, 4))), points)
    assert f"{count} of {WORLD.allreduce(points[..., 0].size)} points outside" in text
    assert "map.nii" in text


def test_voxels_without_values_are_refused(points, shared_path):
    holes = ramp().copy()
    holes[2, 2, 2] = np.nan
    assert "not finite" in refused(image(shared_path, holes), points)
    assert "not finite" in refused(Formula("log(x - 0.5)"), points)


def test_what_cannot_be_looked_up_is_refused(points, shared_path):
    assert "no such image" in refused(FromImage(shared_path / "none.nii"), points)
    assert "can't be read" in refused(FromMesh("E", shared_path / "none.vtu"), points)
    assert "there is no scan" in refused(Formula("FA"), points)
    assert "mu.formula" in refused(Formula("2 +"), points)
    assert "mu.unit" in refused(Formula("2", unit="mm"), points)


def test_a_source_is_judged_without_opening_its_file():
    unit = Unit("kPa")
    assert check(FromImage(Path("none.nii"), "MPa"), unit) == []
    bad = check(FromMesh("E", Path("none.vtu"), unit="kpa", length_unit="kPa"), unit)
    assert [problem.where for problem in bad] == ["unit", "length_unit"]
    assert [problem.where for problem in check(Formula("2 + q"), unit)] == ["formula"]


def test_looked_up_values_stay_where_the_mesh_goes(points):
    anatomy = block(WORLD, 2)
    material = Material(
        (NeoHookean(Formula("2 + x")), Ogden((Formula("1 + y"), 1.0), (2.0, -2.0))),
        50.0,
        active_strain=ActiveStrain(Formula("-0.1 * x")),
    )
    problem = Problem(anatomy, {"tissue": material}, {"fixed": Clamp("left")}, quadrature_degree=DEGREE)
    known = looked_up(problem).materials["tissue"]
    anatomy.mesh.geometry.x[:] += 5.0
    moved, _ = quadrature_points(anatomy.mesh, DEGREE)
    neo, ogden = known.energies
    np.testing.assert_allclose(values(neo.mu, moved), 2 + points[..., 0])
    np.testing.assert_allclose(values(ogden.mu[0], moved, Ogden, "mu.0"), 1 + points[..., 1])
    assert ogden.mu[1] == 1.0
    np.testing.assert_allclose(values(known.active_strain.shortening, moved), -0.1 * points[..., 0])


def test_what_is_wrong_is_told_at_its_place():
    problem = Problem(
        block(WORLD, 2),
        {"tissue": Material((NeoHookean(1.0), NeoHookean(Formula("-x"))), 50.0)},
        {"fixed": Clamp("left")},
        quadrature_degree=DEGREE,
    )
    with pytest.raises(InputError, match=r"materials\.tissue\.energies\[1\]\.mu"):
        looked_up(problem)


def test_a_formula_that_is_a_number_gives_what_the_number_gives(anatomy):
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.1, 0.03, 0.0))}

    def moved(mu):
        return solve(Problem(anatomy, {"tissue": Material((NeoHookean(mu),), 50.0)}, supports))

    number, formula, other = moved(2.0), moved(Formula("2000 + 0 * x", unit="Pa")), moved(Formula("1 + 2 * x"))
    np.testing.assert_allclose(displacements(formula), displacements(number), atol=1e-9)
    assert formula.stored_energy == pytest.approx(number.stored_energy, rel=1e-9)
    assert np.abs(displacements(other) - displacements(number)).max() > 1e-4
