"""Cavities: their volumes, and pressures found for given volumes, beyond limit points too."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.curve import Curve
from fibertwin.errors import InputError
from fibertwin.meshes import ThickSphere, ThickTube, TruncatedEllipsoid
from fibertwin.solver import Cavity, Clamp, Problem, Stepping, SymmetryPlane, require, solve

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD
RUBBER = Material((NeoHookean(1.0),), "incompressible")
OCTANT = {name: SymmetryPlane(f"symmetry-{name}") for name in "xyz"}
ORIGIN = (0.0, 0.0, 0.0)
FULL = 4 / 3 * np.pi / 8


def sphere(outer=2.0, cells=(2, 2)):
    return ThickSphere(1.0, outer, cells, sector="octant").build(WORLD)


def inflation_pressure(inner, outer, a):
    """Incompressible neo-Hookean sphere: p = mu/2 [(4/lb + 1/lb⁴) − (4/la + 1/la⁴)]."""
    la = a / inner
    lb = (outer**3 + a**3 - inner**3) ** (1 / 3) / outer
    return 0.5 * ((4 / lb + lb**-4) - (4 / la + la**-4))


def test_a_full_cavity_tells_its_volume_and_the_pressure_that_keeps_it():
    stretch = 1.2
    loads = {"cavity": Cavity("inner", center=ORIGIN, volume=FULL * stretch**3)}
    solution = require(solve(Problem(sphere(), {"tissue": RUBBER}, OCTANT, loads), Stepping(first=0.5)))
    state = solution.cavities["cavity"]
    assert state.volume == pytest.approx(FULL * stretch**3, rel=1e-9)
    assert state.pressure == pytest.approx(inflation_pressure(1, 2, stretch), rel=5e-3)
    assert [step.cavities["cavity"].volume for step in solution.outcome.steps][-1] == pytest.approx(state.volume)


def test_pressure_and_volume_control_meet():
    pressure = 0.4
    pushed = require(
        solve(
            Problem(sphere(), {"tissue": RUBBER}, OCTANT, {"c": Cavity("inner", center=ORIGIN, pressure=pressure)}),
            Stepping(first=0.5),
        )
    )
    volume = pushed.cavities["c"].volume
    filled = require(
        solve(
            Problem(sphere(), {"tissue": RUBBER}, OCTANT, {"c": Cavity("inner", center=ORIGIN, volume=volume)}),
            Stepping(first=0.5),
        )
    )
    assert pushed.cavities["c"].pressure == pressure
    assert filled.cavities["c"].pressure == pytest.approx(pressure, rel=1e-7)


def test_a_thin_sphere_is_filled_beyond_its_limit_point():
    """B/A = 1.2: the pressure peaks near a stretch of 1.5 and falls after it; volume control follows."""
    loads = {"c": Cavity("inner", center=ORIGIN, volume=FULL * 2.0**3)}
    solution = require(
        solve(Problem(sphere(1.2, (1, 2)), {"tissue": RUBBER}, OCTANT, loads), Stepping(first=0.1, growth=1.0))
    )
    pressures = [step.cavities["c"].pressure for step in solution.outcome.steps]
    assert max(pressures) > 1.1 * pressures[-1]
    assert pressures[-1] == pytest.approx(inflation_pressure(1, 1.2, 2.0), rel=2e-2)


def test_an_open_cavity_is_closed_by_a_flat_lid_wherever_the_body_stands():
    """Half an ellipsoid, open at its base: the wall alone tells the volume, also off the origin."""
    shape = TruncatedEllipsoid(cells=(1, 8, 4), cell="hexahedra")
    anatomy = shape.build(WORLD)
    anatomy.mesh.geometry.x[:] += (3.0, -2.0, 50.0)
    loads = {"c": Cavity("endocardium", pressure=1e-9)}
    solution = require(solve(Problem(anatomy, {"tissue": RUBBER}, {"base": Clamp("base")}, loads)))
    depth = 5 / 17  # of the base's plane over the long radius
    expected = np.pi * 7**2 * 17 * ((depth - depth**3 / 3) + 2 / 3)
    assert solution.cavities["c"].volume == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("sector", ["full", "quarter"])
def test_the_lumen_of_a_tube_is_closed_by_its_two_ends(sector):
    anatomy = ThickTube(1.0, 1.5, 2.0, (1, 2 if sector == "quarter" else 8, 2), sector).build(WORLD)
    anatomy.mesh.geometry.x[:] += (0.0, 0.0, 5.0)
    supports = {"bottom": Clamp("bottom"), "top": Clamp("top")}
    where = {} if sector == "full" else {"center": ORIGIN, "axis": (0.0, 0.0, 2.0)}
    solution = require(
        solve(Problem(anatomy, {"tissue": RUBBER}, supports, {"c": Cavity("inner", pressure=1e-9, **where)}))
    )
    whole = 2 * np.pi if sector == "full" else np.pi / 2
    assert solution.cavities["c"].volume == pytest.approx(whole, rel=5e-3)


def test_a_closed_cavity_needs_no_lid():
    anatomy = ThickSphere(1.0, 2.0, (1, 2)).build(WORLD)
    anatomy.mesh.geometry.x[:] += (3.0, -2.0, 50.0)
    loads = {"c": Cavity("inner", pressure=1e-9)}
    solution = require(solve(Problem(anatomy, {"tissue": RUBBER}, {"held": Clamp("outer")}, loads)))
    assert solution.cavities["c"].volume == pytest.approx(4 / 3 * np.pi, rel=5e-3)


def test_a_sector_whose_planes_are_not_told_is_refused():
    with pytest.raises(InputError, match="open in several directions"):
        solve(Problem(sphere(), {"tissue": RUBBER}, OCTANT, {"c": Cavity("inner", pressure=0.1)}))


def test_a_cavity_that_is_filled_and_emptied_by_a_curve_ends_as_it_began():
    loads = {"c": Cavity("inner", center=ORIGIN, volume=FULL * 1.2, curve=Curve((0.0, 0.5, 1.0), (0.0, 1.0, 0.0)))}
    solution = require(solve(Problem(sphere(), {"tissue": RUBBER}, OCTANT, loads)))
    assert solution.cavities["c"].volume == pytest.approx(FULL, rel=5e-3)
    assert solution.cavities["c"].pressure == pytest.approx(0.0, abs=1e-7)
