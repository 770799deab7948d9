"""The example of a dose for one patient: what is learned and what is chosen."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "dose" / "dose.py"


@pytest.fixture(scope="module")
def dose():
    spec = importlib.util.spec_from_file_location("dose_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def twin(dose):
    return dose.learned()[-1]


def test_the_patient_is_learned(dose, twin):
    assert twin.known.certificate.passed
    assert not any(update.surprise.odd for update in twin.updates[1:])
    known = twin.known
    assert np.abs(np.log(known.mean()[[0, 3]] / [11.0, 1.9])).max() < 0.2  # whom the visits were made up of
    assert known.contraction()[1] > 0.2  # Emax


def test_the_dose_is_the_greatest_whose_risk_is_accepted(dose, twin):
    found = dose.compared(twin)
    chosen = found[found.chosen]
    assert found.chosen == "700 mg"
    assert chosen.harm.value <= dose.LIMIT < found["750 mg"].harm.value
    assert 0.8 < chosen.success.value < 0.9
    naive = found[found.naive]
    assert naive.plug_in["success"]
    assert naive.success.value < 0.75  # which the mean calls certain


def test_what_cannot_be_had_is_said(dose, twin):
    assert dose.compared(twin, wanted=0.95).sentences()[0].startswith("No candidate satisfies")
    both = dose.compared(twin, utility=dose.well)
    knowing, counting = both.value_of_knowing, both.value_of_measuring(dose.Count(500.0, 3))
    assert 0 < counting.value < knowing.value
