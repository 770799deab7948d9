"""Maxwell branches at a point: the recurrence, the energy that it is written as, and what a case may say."""

from dataclasses import replace

import numpy as np
import pytest
import ufl

from fibertwin.case.tables import reader_of
from fibertwin.constitutive import ActiveStrain, ActiveStress, Fiber, Kinematics, Material, NeoHookean
from fibertwin.constitutive.numeric import Program, symbol
from fibertwin.constitutive.relaxation import PAIRS, Relaxation, carried, relaxed, work_of

BRANCHES = (Relaxation(0.8, 0.3), Relaxation(1.5, 2.0))
SOLID = Material((NeoHookean(1.3),), 20.0)
RANDOM = np.random.default_rng(2)


def symmetric(values):
    """The tensor (3, 3) of six numbers."""
    tensor = np.zeros((3, 3))
    for (i, j), value in zip(PAIRS, values, strict=True):
        tensor[i, j] = tensor[j, i] = value
    return tensor


@pytest.mark.parametrize("dt", [0.0, 0.1, 50.0])
def test_what_is_carried_over_gives_the_stress_of_the_recurrence(dt):
    Q, S, new = RANDOM.normal(size=(4, 2, 6)), RANDOM.normal(size=(4, 6)), RANDOM.normal(size=(4, 6))
    factor, G = carried(BRANCHES, dt, Q, S)
    np.testing.assert_allclose(factor * new + G, new + relaxed(BRANCHES, dt, Q, new - S).sum(axis=-2), atol=1e-13)


def test_time_that_stands_still_changes_no_stress():
    Q, S = RANDOM.normal(size=(3, 2, 6)), RANDOM.normal(size=(3, 6))
    factor, G = carried(BRANCHES, 0.0, Q, S)
    np.testing.assert_allclose(factor * S + G, S + Q.sum(axis=-2), atol=1e-13)


def test_held_tissue_relaxes_alike_in_one_step_and_in_many():
    Q, still = RANDOM.normal(size=(2, 6)), np.zeros(6)
    many = Q
    for _ in range(10):
        many = relaxed(BRANCHES, 0.13, many, still)
    np.testing.assert_allclose(many, relaxed(BRANCHES, 1.3, Q, still), rtol=1e-12)


def test_no_branches_leave_the_energies_alone():
    factor, G = carried((), 0.4, np.zeros((5, 0, 6)), np.ones((5, 6)))
    assert factor == 1.0
    np.testing.assert_array_equal(G, np.zeros((5, 6)))


def test_the_work_of_a_stress_has_it_for_derivative():
    F, G = ufl.variable(symbol((3, 3))), symbol((6,))
    numbers, place = RANDOM.normal(size=6), RANDOM.normal(size=(3, 3))
    program = Program(ufl.diff(work_of(G, F.T * F), F))
    found = program({F.ufl_operands[0]: place, G: numbers})[0]
    np.testing.assert_allclose(found, place @ symmetric(numbers), atol=1e-13)


def test_what_the_tissue_does_by_itself_is_not_multiplied():
    F, factor, G = ufl.variable(symbol((3, 3))), symbol(), symbol((6,))
    fabric = ufl.as_vector([1.0, 0.0, 0.0])
    fiber = Fiber(fabric, ufl.outer(fabric, fabric), ufl.as_ufl(1.0))
    both = replace(SOLID, energies=(NeoHookean(1.3), ActiveStress(2.0)), relaxation=BRANCHES)
    kinematics = Kinematics(F, fiber)
    place = np.eye(3) + 0.1 * RANDOM.normal(size=(3, 3))
    values = {F.ufl_operands[0]: place, factor: 3.0, G: np.zeros(6)}

    def number(psi):
        return float(Program(psi)(values)[0])

    wanted = 3 * number(NeoHookean(1.3).psi(kinematics)) + number(ActiveStress(2.0).psi(kinematics))
    assert number(both.relaxing_psi(kinematics, factor, G)) == pytest.approx(wanted, rel=1e-12)


def test_the_long_term_modulus_is_that_of_the_energies():
    assert replace(SOLID, relaxation=BRANCHES).shear_modulus == SOLID.shear_modulus
    assert replace(SOLID, relaxation=BRANCHES).remembers
    assert not SOLID.remembers
    assert replace(SOLID, relaxation=BRANCHES).structure != SOLID.structure


def test_a_case_says_branches_as_a_list_of_tables():
    reader = reader_of(Material)
    table = {
        "bulk_modulus": "20 kPa",
        "energies": [{"law": "neo-hookean", "mu": "1.3 kPa"}],
        "relaxation": [{"share": 0.8, "time": "300 ms"}, {"share": 1.5, "time": "2 s"}],
    }
    material = reader.validate_python(table)
    assert material == replace(SOLID, relaxation=BRANCHES)
    assert reader.dump_python(material, mode="json")["relaxation"] == [
        {"share": 0.8, "time": "0.3 s"},
        {"share": 1.5, "time": "2 s"},
    ]


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="relaxation and an active strain"):
        Material((NeoHookean(1.0),), 20.0, active_strain=ActiveStrain(-0.1), relaxation=BRANCHES)
    with pytest.raises(ValueError, match="no energy that could relax"):
        Material((ActiveStress(1.0),), 20.0, relaxation=BRANCHES)
