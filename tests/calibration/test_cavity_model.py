"""Derivatives of a cavity's pressure and volume, where the one or the other is prescribed."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import CavityPressure, CavityVolume
from fibertwin.constitutive import Material, NeoHookean
from fibertwin.meshes import ThickSphere
from fibertwin.solver import Cavity, Problem, Stepping, SymmetryPlane

RUBBER = Material((NeoHookean(1.0),), "incompressible")
VOLUME = 4 / 3 * np.pi / 8 * 1.2**3
SEEN = ((1.0, CavityVolume("c")), (1.0, CavityPressure("c")))


def model(**control):
    comm = MPI.COMM_WORLD
    anatomy = ThickSphere(1.0, 2.0, (2, 2), sector="octant").build(comm)
    planes = {name: SymmetryPlane(f"symmetry-{name}") for name in "xyz"}
    problem = Problem(anatomy, {"tissue": RUBBER}, planes, {"c": Cavity("inner", center=(0.0, 0.0, 0.0), **control)})
    places = {"mu": "materials.tissue.energies.0.mu", "control": f"loads.c.{next(iter(control))}"}
    return EquilibriumModel.of(problem, places, SEEN, Stepping(first=0.5, tolerance=1e-11), rtol=1e-11)


@pytest.mark.mpi
def test_pressure_answers_to_volume_as_volume_to_pressure():
    filled = model(volume=VOLUME)
    (volume, pressure), slopes = filled.linearise(filled.theta)
    assert filled.units == ("mm^3", "kPa")
    assert volume == pytest.approx(VOLUME, rel=1e-9)
    np.testing.assert_allclose(slopes[0], [0.0, 1.0], atol=1e-8)
    assert slopes[1, 0] == pytest.approx(pressure, rel=1e-7)  # tissue alike but stiffer: p ~ mu
    pushed = model(pressure=pressure)
    (same, _), others = pushed.linearise(pushed.theta)
    assert same == pytest.approx(volume, rel=1e-7)
    np.testing.assert_allclose(others[1], [0.0, 1.0], atol=1e-8)
    assert others[0, 1] * slopes[1, 1] == pytest.approx(1.0, rel=1e-6)
    assert others[0, 0] == pytest.approx(-pressure * others[0, 1], rel=1e-6)  # V is a function of p / mu
