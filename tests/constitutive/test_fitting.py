"""Fits find the parameters that made the data, and say how well measured data are met."""

import numpy as np
import pytest

from fibertwin.constitutive import (
    FromImage,
    Guccione,
    HolzapfelGasserOgden,
    Material,
    MooneyRivlin,
    NeoHookean,
    Ogden,
    Yeoh,
)
from fibertwin.constitutive.experiments import Experiment, dataset, names
from fibertwin.constitutive.fitting import fit
from fibertwin.errors import InputError

STRETCH = np.linspace(0.85, 1.3, 10)


def made(law, mode="uniaxial", amount=STRETCH, name="", **options):
    """What a law gives in a test, as if it had been measured."""
    blank = Experiment(name or mode, mode, amount, np.zeros_like(amount), **options)
    return Experiment(name or mode, mode, amount, blank.response(law).nominal_stress, **options)


def test_parameters_that_made_the_data_are_found():
    truth = Material((NeoHookean(1.3), HolzapfelGasserOgden(12.0, 3.0)), "incompressible")
    data = [
        made(truth, directions=("f", "s"), name="along"),
        made(truth, directions=("s", "f"), name="across"),
        made(truth, "biaxial", across=np.sqrt(STRETCH), name="both"),
        made(truth, "planar tension"),
        made(truth, "simple shear", np.linspace(0, 0.4, 5), prestretch=1.1),
    ]
    start = Material((NeoHookean(5.0), HolzapfelGasserOgden(2.0, 1.0)), "incompressible")
    found = fit(start, data, starts=3)
    assert found.parameters == pytest.approx({"0.mu": 1.3, "1.k1": 12.0, "1.k2": 3.0}, rel=1e-5)
    assert found.material.energies[1].k1 == found.parameters["1.k1"]
    assert min(found.r_squared.values()) > 1 - 1e-9
    assert max(found.standard_errors.values()) < 1e-4


def test_only_what_is_free_changes():
    found = fit(Guccione(1.0, 8.0, 2.0, 4.0), [made(Guccione(2.0, 8.0, 2.0, 4.0))], ["c"], starts=2)
    assert found.parameters == pytest.approx({"c": 2.0}, rel=1e-6)
    assert found.material.energies[0].b_f == 8.0


def test_terms_of_one_law_are_fitted_each():
    truth = Ogden((0.8, 0.2), (-8.0, 6.0))
    data = [made(truth), made(truth, "equibiaxial", name="two")]
    found = fit(Ogden((0.5, 0.5), (-5.0, 5.0)), data, starts=2)
    assert found.parameters == pytest.approx({"mu.0": 0.8, "mu.1": 0.2, "alpha.0": -8.0, "alpha.1": 6.0}, rel=1e-3)


def test_bounds_are_kept_and_told():
    """Data of a solid that softens: the coefficient c2, at least zero, ends there."""
    found = fit(
        MooneyRivlin(1.0, 1.0), [made(Yeoh(1.0, -0.3, 0.0)), made(Yeoh(1.0, -0.3, 0.0), "equibiaxial")], starts=2
    )
    assert found.parameters["c2"] == pytest.approx(0, abs=1e-6)
    assert found.at_bounds == ("c2",)


def test_covariance_is_that_of_repeated_measurements():
    """Over many noisy data sets the estimates scatter as the standard error says."""
    random = np.random.default_rng(5)
    clean = made(NeoHookean(1.0))
    found = [
        fit(
            NeoHookean(2.0),
            [Experiment("noisy", "uniaxial", STRETCH, clean.measured + 0.02 * random.normal(size=STRETCH.size))],
            starts=1,
        )
        for _ in range(60)
    ]
    scatter = np.std([f.parameters["mu"] for f in found])
    told = np.mean([f.standard_errors["mu"] for f in found])
    assert scatter == pytest.approx(told, rel=0.3)


def test_weight_decides_between_contradicting_data():
    soft, stiff = made(NeoHookean(1.0), name="soft"), made(NeoHookean(3.0), name="stiff")
    heavy = Experiment("stiff", "uniaxial", STRETCH, stiff.measured, weight=100.0)
    assert fit(NeoHookean(2.0), [soft, heavy], starts=1).parameters["mu"] == pytest.approx(3, rel=1e-2)


def test_rubber_of_treloar():
    """Known shape: a neo-Hookean solid misses the upturn, three invariant terms of Yeoh catch it."""
    data = dataset("treloar").experiments
    neo, yeoh = fit(NeoHookean(300.0), data, starts=1), fit(Yeoh(180.0, -1.0, 0.03), data, starts=2)
    assert neo.r_squared["uniaxial tension"] < 0.7
    assert min(yeoh.r_squared.values()) > 0.96


def test_ogdens_own_parameters_meet_treloars_rubber():
    """Ogden 1972: mu 6.3, 0.012, −0.1 kg/cm² and alpha 1.3, 5, −2 for these data."""
    kilopond = 98.0665  # kPa
    law = Ogden((6.3 * kilopond, 0.012 * kilopond, -0.1 * kilopond), (1.3, 5.0, -2.0), "mu/alpha")
    for experiment in dataset("treloar").experiments:
        error = experiment.response(law).nominal_stress - experiment.measured
        assert np.sqrt((error**2).mean()) < 0.06 * np.abs(experiment.measured).max()


def test_brain_of_budday():
    """One Ogden term with a large negative exponent meets tension, compression and shear of the cortex together."""
    found = fit(Ogden(1.0, -15.0), dataset("budday-cortex").experiments, starts=2)
    assert -25 < found.parameters["alpha"] < -10
    assert min(found.r_squared.values()) > 0.9


def test_every_data_set_can_be_read():
    assert {"treloar", "kawabata", "budday-cortex"} <= set(names())
    for name in names():
        data = dataset(name)
        assert "doi" in data.source
        for experiment in data.experiments:
            assert (np.sign(experiment.measured[-1]) == 1) or experiment.name == "compression"
            assert (np.diff(experiment.amounts) > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(NeoHookean(1.0), [made(NeoHookean(1.0))], ["k1"]), "is no parameter"),
        (lambda: fit(Yeoh(1.0), [made(NeoHookean(1.0), amount=np.array([1.1]))]), "1 points for 3 parameters"),
        (lambda: fit(NeoHookean(1.0), []), "too few"),
        (lambda: fit(NeoHookean(1.0), [made(NeoHookean(1.0))] * 2), "two experiments of one name"),
        (lambda: fit(NeoHookean(FromImage("mu.nii")), [made(NeoHookean(1.0))]), "varies in space"),
        (lambda: Experiment("x", "uniaxial", [1.0, 1.1], [0.0]), "as many stresses"),
        (lambda: Experiment("x", "uniaxial", [1.0], [np.nan]), "finite"),
        (lambda: Experiment("x", "torsion", [1.0], [1.0]), "is no known test"),
        (lambda: Experiment("x", "biaxial", [1.0], [1.0]), "stretches across"),
        (lambda: dataset("trelor"), "one of budday"),
        (lambda: dataset("nowhere.toml"), "cannot be read"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('title = "a"\nsource = "b"\n', "has no experiment"),
        ('title = "a"\nsource = "b"\n[[experiment]]\nname = "c"\nmood = 1\n', "not of the form"),
        ("title =", "cannot be read"),
        (
            'title = "a"\nsource = "b"\n[[experiment]]\nname="c"\nmode="uniaxial"\namount=["x"]\nnominal_stress=[1]\n',
            "form",
        ),
    ],
)
def test_bad_files_of_data(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        dataset(str(file))


def test_own_data_from_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "Mine"\nsource = "me"\n[[experiment]]\nname = "along s"\nmode = "uniaxial"\n'
        'directions = ["s", "f"]\namount = [1.1, 1.2]\nnominal_stress = [1.0, 2.0]\n'
    )
    (experiment,) = dataset(str(file)).experiments
    assert experiment.directions == ("s", "f")
    assert experiment.measured.tolist() == [1.0, 2.0]
