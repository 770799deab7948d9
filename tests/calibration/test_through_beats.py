"""Derivatives through a beat into a circuit, against differences of whole solves."""

from dataclasses import replace

import numpy as np
from beating import EIGHTH, STEPS, ventricle
from mpi4py import MPI

from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import CavityPressure, CavityVolume
from fibertwin.solver import Valve

PLACES = {
    "resistance": "loads.lv.circuit.resistance",
    "compliance": "loads.lv.circuit.compliance",
    "filling": "loads.lv.circuit.filling_pressure",
    "valve": "loads.lv.circuit.outflow.resistance",
    "mu": "materials.tissue.energies.0.mu",
    "tension": "materials.tissue.energies.1.tension",
}
SEEN = [(0.5, CavityVolume("lv")), (0.8, CavityPressure("lv")), (1.0, CavityVolume("lv"))]


def test_what_a_beat_shows_answers_to_circuit_and_tissue():
    """Ventricle behind shut valves, at the height of the tension, and as it has ejected."""
    wide = Valve(4e-6, opening=0.1)  # so that no stencil reaches over a bend of its slope
    problem = ventricle(MPI.COMM_SELF, replace(EIGHTH, inflow=wide, outflow=wide))
    model = EquilibriumModel.of(problem, PLACES, SEEN, replace(STEPS, end=0.4, first=0.1, largest=0.1), rtol=1e-11)
    theta = model.theta
    seen, slopes = model.linearise(theta)
    for i, size in enumerate(1e-5 * theta):
        step = size * np.eye(len(theta))[i]
        wanted = (model.solve(theta + step) - model.solve(theta - step)) / (2 * size)
        np.testing.assert_allclose(slopes[:, i] * theta[i] / seen, wanted * theta[i] / seen, atol=1e-6)
    assert (np.abs(slopes[1] * theta) > 1e-3 * seen[1]).all()  # the pressure answers to all
