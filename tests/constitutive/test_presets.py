"""Materials with published parameters: their places of publication, and stresses worked out by hand."""

import re

import numpy as np
import pytest

from fibertwin.constitutive import PRESETS, GasserOgdenHolzapfel, Ogden, TransverselyIsotropic, Varying
from fibertwin.constitutive.experiments import Experiment, dataset
from fibertwin.constitutive.fitting import fit
from fibertwin.constitutive.parameters import annotation
from fibertwin.constitutive.point import Fabric, energy, first_piola_kirchhoff

FABRIC = Fabric(np.array([1.0, 0.0, 0.0]), np.diag([0.5, 0.3, 0.2]), 0.5, np.array([0.0, 1.0, 0.0]))


def test_every_tissue_has_a_preset():
    for tissue in ("white-matter", "gray-matter", "myocardium", "artery", "skeletal-muscle", "tendon", "skin"):
        assert any(name.startswith(tissue) for name in PRESETS)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_tells_its_source(preset):
    assert re.search(r"doi 10\.\d{4,}/\S+\)|https://\S+\)", preset.source)
    assert preset.title


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_parameters_keep_the_bounds_of_their_laws(preset):
    for law in preset.material.energies:
        for name, value in law.parameters.items():
            _, bounds = annotation(type(law), name)
            assert not isinstance(value, Varying)
            for bound in bounds:
                for side, holds in (("ge", np.greater_equal), ("gt", np.greater), ("le", np.less_equal)):
                    limit = getattr(bound, side, None)
                    assert limit is None or holds(value, limit)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_at_rest_free_of_stress_and_stiff_in_every_shear(preset):
    np.testing.assert_allclose(
        first_piola_kirchhoff(preset.material, np.eye(3), FABRIC), 0, atol=1e-13 * preset.material.shear_modulus
    )
    for i, j in ((0, 1), (1, 2), (0, 2)):
        F = np.eye(3)
        F[i, j] = 1e-3
        assert energy(preset.material, F, FABRIC) > 0
    assert preset.material.shear_modulus > 0.05


@pytest.mark.parametrize(
    ("name", "modulus"),
    [
        ("gray-matter-cortex", 1.884),  # kPa: 2 (c1 + c2)
        ("brain-torsion", 0.900),  # kPa: Balbi et al. 2019, abstract
        ("brain-impact", 1.048),  # kPa: (53.8 · 10.1 + 120.4 · 12.9)/2 Pa
        ("tendon", 100.0),  # kPa: 2 g1
        ("myocardium-guccione-isotropic", 5.0),  # kPa: c b/2
    ],
)
def test_shear_modulus_at_rest(name, modulus):
    assert PRESETS[name].material.shear_modulus == pytest.approx(modulus, rel=1e-3)


def fiber_stress(name: str, stretch: float) -> float:
    """Cauchy stress (kPa) of the fibers alone where the body keeps its volume, less that across."""
    material = PRESETS[name].material
    fibers = [law for law in material.energies if isinstance(law, TransverselyIsotropic)]
    F = np.diag([stretch, stretch**-0.5, stretch**-0.5])
    sigma = first_piola_kirchhoff(type(material)(tuple(fibers), 1e3), F, FABRIC) @ F.T
    return float(sigma[0, 0] - sigma[1, 1])


def test_tendon_and_muscle_along_their_fibers():
    """Blemker et al. 2005: lambda W' is L1 [exp(L2 (λ − 1)) − 1], and 300 kPa λ/λ0 P1 [exp(P2 (λ/λ0 − 1)) − 1]."""
    assert fiber_stress("tendon", 1.02) == pytest.approx(2700 * np.expm1(46.4 * 0.02), rel=1e-12)
    slope = 2700 * 46.4 * np.exp(46.4 * 0.03)
    assert fiber_stress("tendon", 1.05) == pytest.approx(2700 * np.expm1(46.4 * 0.03) + slope * 0.02, rel=1e-12)
    assert fiber_stress("skeletal-muscle", 1.05) == 0
    ratio = 1.3 / 1.07
    assert fiber_stress("skeletal-muscle", 1.3) == pytest.approx(
        300 * ratio * 0.05 * np.expm1(6.6 * (ratio - 1)), rel=1e-12
    )


REGIONS = {
    "gray-matter-cortex-ogden": "cortex",
    "gray-matter-basal-ganglia-ogden": "basal-ganglia",
    "white-matter-corona-radiata-ogden": "corona-radiata",
    "white-matter-corpus-callosum-ogden": "corpus-callosum",
}


@pytest.mark.parametrize("name", REGIONS)
def test_a_preset_that_is_fitted_here_is_the_best_fit(name):
    preset = PRESETS[name]
    best = fit(Ogden(1.0, -15.0), dataset(f"budday-{REGIONS[name]}").experiments, starts=2)
    assert preset.material.energies[0].parameters == pytest.approx(best.parameters, rel=1e-3)
    told = [float(number) for number in re.findall(r"\d\.\d\d", preset.note)]
    assert told == pytest.approx(
        [best.r_squared[test] for test in ("tension", "compression", "simple shear")], abs=0.006
    )


def _r_squared(name: str, experiment: Experiment) -> float:
    predicted = experiment.response(PRESETS[name].material).nominal_stress
    measured = experiment.measured
    return float(1 - ((predicted - measured) ** 2).sum() / ((measured - measured.mean()) ** 2).sum())


def test_quoted_numbers_of_brain_meet_the_measured_curves():
    ganglia = {test.name: test for test in dataset("budday-basal-ganglia").experiments}
    assert _r_squared("gray-matter-basal-ganglia", ganglia["compression"]) > 0.9998
    cortex = {test.name: test for test in dataset("budday-cortex").experiments}
    assert _r_squared("gray-matter-cortex", cortex["simple shear"]) > 0.94


def test_families_lie_on_both_sides_of_the_fiber():
    for name in ("artery-adventitia-iliac", "skin"):
        law = next(law for law in PRESETS[name].material.energies if isinstance(law, GasserOgdenHolzapfel))
        assert law.angles == (-law.angles[1], -law.angles[0])
        assert PRESETS[name].material.needs_sheets


def test_no_preset_is_activated():
    assert not any(law.changes for preset in PRESETS.values() for law in preset.material.energies)
