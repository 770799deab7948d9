"""Laws at a point, nothing compiled: formulas, symmetries, objectivity, finite differences."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from fibertwin import constitutive
from fibertwin.case.tables import reader_of
from fibertwin.constitutive import (
    PRESETS,
    VOLUMETRIC,
    ActiveStress,
    BlemkerShear,
    Costa,
    Demiray,
    Formula,
    GasserOgdenHolzapfel,
    Guccione,
    HolzapfelGasserOgden,
    HolzapfelOgden,
    Material,
    MooneyRivlin,
    NeoHookean,
    Ogden,
    SaintVenantKirchhoff,
    StandardReinforcing,
    StrainEnergy,
    TransverselyIsotropic,
    Yeoh,
    kappa_from_fa,
)
from fibertwin.constitutive.point import Fabric, axisymmetric_fabric, energy, first_piola_kirchhoff, tangent
from fibertwin.curve import Curve, Moment

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "laws.md"
RNG = np.random.default_rng(7)
F_GENERAL = np.array([[1.3, 0.2, -0.3], [0.15, 0.95, 0.1], [-0.1, 0.3, 1.2]])
TRIAXIAL = Fabric(np.array([1.0, 0.0, 0.0]), np.diag([0.6, 0.3, 0.1]), 0.7, np.array([0.0, 1.0, 0.0]))
PAIR = (0.7, -0.7)

LAWS: dict[str, StrainEnergy] = {
    "neo-hookean": NeoHookean(1.3),
    "neo-hookean full": NeoHookean(1.3, strain="full"),
    "mooney-rivlin": MooneyRivlin(1.3, 0.4),
    "mooney-rivlin full": MooneyRivlin(1.3, 0.4, strain="full"),
    "yeoh": Yeoh(1.3, -0.2, 0.05),
    "yeoh full": Yeoh(1.3, -0.2, 0.05, strain="full"),
    "ogden": Ogden(1.3, -15.0),
    "ogden terms": Ogden((1.3, 0.4), (-5.0, 3.0)),
    "ogden mu/alpha full": Ogden((0.4, -0.3), (3.0, -5.0), "mu/alpha", "full"),
    "demiray": Demiray(1.3, 2.0),
    "demiray full": Demiray(1.3, 2.0, strain="full"),
    "saint-venant-kirchhoff": SaintVenantKirchhoff(1.3),
    "saint-venant-kirchhoff full": SaintVenantKirchhoff(1.3, strain="full"),
    "hgo": HolzapfelGasserOgden(5.0, 1.7),
    "hgo families": HolzapfelGasserOgden(5.0, 1.7, PAIR, "smooth", "isochoric"),
    "goh tensor": GasserOgdenHolzapfel(5.0, 1.7),
    "goh fa": GasserOgdenHolzapfel(5.0, 1.7, "fa"),
    "goh kappa": GasserOgdenHolzapfel(5.0, 1.7, 0.1),
    "goh families": GasserOgdenHolzapfel(5.0, 1.7, 0.1, PAIR),
    "goh quadratic": GasserOgdenHolzapfel(5.0, 0.0, 0.1),
    "goh two-sided": GasserOgdenHolzapfel(5.0, 1.7, 0.1, switch="none"),
    "goh isochoric": GasserOgdenHolzapfel(5.0, 1.7, "tensor", strain="isochoric"),
    "holzapfel-ogden": HolzapfelOgden(0.6, 2.0, 5.0, 1.5, 2.5, 1.1, 0.9, 1.2),
    "holzapfel-ogden full smooth": HolzapfelOgden(
        0.6, 2.0, 5.0, 1.5, 2.5, 1.1, 0.9, 1.2, switch="smooth", strain="full"
    ),
    "holzapfel-ogden isochoric": HolzapfelOgden(0.6, 2.0, 5.0, 1.5, 2.5, 1.1, 0.9, 1.2, fiber_strain="isochoric"),
    "holzapfel-ogden without sheets": HolzapfelOgden(0.6, 2.0, 5.0, 1.5, sheets=False),
    "guccione": Guccione(2.0, 3.0, 1.0, 2.0),
    "guccione sheets": Guccione(2.0, 3.0, 1.0, 2.0, sheets=True),
    "guccione full": Guccione(2.0, 3.0, 1.0, 2.0, strain="full"),
    "costa": Costa(2.0, 3.0, 1.0, 1.5, 2.0, 0.7, 0.4),
    "transversely-isotropic toe": TransverselyIsotropic(0.5, 10.0),
    "transversely-isotropic line": TransverselyIsotropic(0.5, 10.0, 1.2),
    "transversely-isotropic c5": TransverselyIsotropic(0.5, 10.0, 1.2, 40.0, 1.05),
    "transversely-isotropic smooth": TransverselyIsotropic(0.5, 10.0, 1.2, switch="smooth", strain="isochoric"),
    "transversely-isotropic nominal toe": TransverselyIsotropic(0.5, 10.0, measure="nominal"),
    "transversely-isotropic nominal line": TransverselyIsotropic(0.5, 10.0, 1.2, 40.0, 1.05, "nominal"),
    "blemker-shear": BlemkerShear(1.3, 0.7),
    "standard-reinforcing": StandardReinforcing(1.3),
    "standard-reinforcing i5": StandardReinforcing(1.3, 0.7, "hard", "isochoric"),
    "active-stress": ActiveStress(10.0, 0.3),
    "active-stress linear": ActiveStress(10.0, 0.3, "linear", slope=1.45),
    "active-stress force-length": ActiveStress(10.0, 0.3, "force-length", optimal_stretch=1.1),
    "active-stress force-length foot": ActiveStress(10.0, 0.0, "force-length", optimal_stretch=0.88),
}


def invariants(F, isochoric):
    """J, C (or its isochoric part) and its first two invariants, by numpy."""
    J = np.linalg.det(F)
    C = F.T @ F * (J ** (-2 / 3) if isochoric else 1)
    return J, C, np.trace(C), (np.trace(C) ** 2 - np.trace(C @ C)) / 2


def positive(x):
    return max(x, 0.0)


def fung(k1, k2, E):
    return k1 / (2 * k2) * (np.exp(k2 * E**2) - 1)


def stretches(F, isochoric):
    found = np.linalg.svd(F)[1]
    return found / np.prod(found) ** (1 / 3) if isochoric else found


def integral(function, start, end):
    """By the trapezoidal rule of so many points that six digits are right."""
    x = np.linspace(start, end, 20001)
    return np.trapezoid(function(x), x)


def _holzapfel_ogden(F, matrix_isochoric, fibers_isochoric, logistic=False, rest=0.0):
    J, _, I1, _ = invariants(F, matrix_isochoric)
    C = invariants(F, fibers_isochoric)[1]
    along, across = C[0, 0] - 1, C[1, 1] - 1
    if logistic:
        fibers = fung(5, 1.5, along) / (1 + np.exp(-100 * along)) + fung(2.5, 1.1, across) / (1 + np.exp(-100 * across))
    else:
        fibers = fung(5, 1.5, positive(along)) + fung(2.5, 1.1, positive(across))
    matrix = 0.6 / 4 * (np.exp(2 * (I1 - 3)) - 1) - rest * np.log(J)
    return matrix + fibers + fung(0.9, 1.2, C[0, 1])


def _fung_exponent(F, isochoric, b):
    """b: coefficients of E_ij², all nine components counted."""
    E = (invariants(F, isochoric)[1] - np.eye(3)) / 2
    return np.exp((np.array(b) * E**2).sum()) - 1


def _family(F, angle, isochoric):
    a = np.array([np.cos(angle), np.sin(angle), 0.0])
    return a @ invariants(F, isochoric)[1] @ a - 1


def _transverse(F):
    _, C, I1, _ = invariants(F, False)
    return 0.3 * 10 / 2 * (I1 - C[0, 0] - 2)


def _force_length(x):
    beside = np.where(x < 0.6, 9 * (x - 0.4) ** 2, 9 * (x - 1.6) ** 2)
    inside = np.where((x > 0.6) & (x < 1.4), 1 - 4 * (1 - x) ** 2, beside)
    return np.where((x > 0.4) & (x < 1.6), inside, 0.0)


def _toe(end, *, slack=1.0, star=np.inf, slope=None, cauchy=True):
    """Energy of the fiber up to the stretch ``end`` by integration of the published stress."""

    def stress(stretch):
        x = stretch / slack
        toe = 0.5 * (np.exp(10 * (np.minimum(x, star / slack) - 1)) - 1)
        steepness = 0.5 * 10 / slack * np.exp(10 * (star / slack - 1)) if slope is None else slope
        line = steepness * np.maximum(stretch - star, 0) if np.isfinite(star) else 0
        return (toe + line) / (stretch if cauchy else slack)

    kink = min(max(star, slack), end)
    return integral(stress, slack, kink) + integral(stress, kink, end)


def _stretch(F, isochoric=False):
    return np.sqrt(invariants(F, isochoric)[1][0, 0])


def _criscione(F):
    J, C, I1, _ = invariants(F, False)
    I4, I5 = C[0, 0], (C @ C)[0, 0]
    return 1.3 * (I5 / I4**2 - 1) + 0.7 * np.arccosh((I1 * I4 - I5) / (2 * J * np.sqrt(I4))) ** 2


def _mooney_rivlin(F, isochoric):
    J, _, I1, I2 = invariants(F, isochoric)
    return 1.3 * (I1 - 3) + 0.4 * (I2 - 3) - (0 if isochoric else (2 * 1.3 + 4 * 0.4) * np.log(J))


def _of_I1(F, isochoric, function, rest):
    J, _, I1, _ = invariants(F, isochoric)
    return function(I1 - 3) - (0 if isochoric else rest * np.log(J))


def _kirchhoff(F, isochoric):
    E = (invariants(F, isochoric)[1] - np.eye(3)) / 2
    deviator = E - np.trace(E) / 3 * np.eye(3)
    return 1.3 * (deviator**2).sum()


def _dispersed(F, kappa, angle=0.0, isochoric=False):
    return kappa * (invariants(F, isochoric)[2] - 3) + (1 - 3 * kappa) * _family(F, angle, isochoric)


def _tensor(F, isochoric):
    return (TRIAXIAL.structure_tensor * invariants(F, isochoric)[1]).sum() - 1


FORMULAS = {
    "neo-hookean": lambda F: _of_I1(F, True, lambda x: 0.65 * x, 0),
    "neo-hookean full": lambda F: _of_I1(F, False, lambda x: 0.65 * x, 1.3),
    "mooney-rivlin": lambda F: _mooney_rivlin(F, True),
    "mooney-rivlin full": lambda F: _mooney_rivlin(F, False),
    "yeoh": lambda F: _of_I1(F, True, lambda x: 1.3 * x - 0.2 * x**2 + 0.05 * x**3, 0),
    "yeoh full": lambda F: _of_I1(F, False, lambda x: 1.3 * x - 0.2 * x**2 + 0.05 * x**3, 2.6),
    "ogden": lambda F: 2 * 1.3 / 225 * (stretches(F, True) ** -15.0 - 1).sum(),
    "ogden terms": lambda F: (
        2 * 1.3 / 25 * (stretches(F, True) ** -5.0 - 1).sum() + 2 * 0.4 / 9 * (stretches(F, True) ** 3.0 - 1).sum()
    ),
    "ogden mu/alpha full": lambda F: (
        0.4 / 3 * (stretches(F, False) ** 3.0 - 1).sum()
        + 0.3 / 5 * (stretches(F, False) ** -5.0 - 1).sum()
        - (0.4 - 0.3) * np.log(np.linalg.det(F))
    ),
    "demiray": lambda F: _of_I1(F, True, lambda x: 1.3 / 4 * (np.exp(2 * x) - 1), 0),
    "demiray full": lambda F: _of_I1(F, False, lambda x: 1.3 / 4 * (np.exp(2 * x) - 1), 1.3),
    "saint-venant-kirchhoff": lambda F: _kirchhoff(F, True),
    "saint-venant-kirchhoff full": lambda F: _kirchhoff(F, False),
    "hgo": lambda F: fung(5, 1.7, positive(_family(F, 0, False))),
    "hgo families": lambda F: sum(
        fung(5, 1.7, E) / (1 + np.exp(-100 * E)) for E in (_family(F, a, True) for a in PAIR)
    ),
    "goh tensor": lambda F: fung(5, 1.7, positive(_tensor(F, False))),
    "goh fa": lambda F: fung(5, 1.7, positive(_dispersed(F, float(kappa_from_fa(TRIAXIAL.fa))))),
    "goh kappa": lambda F: fung(5, 1.7, positive(_dispersed(F, 0.1))),
    "goh families": lambda F: sum(fung(5, 1.7, positive(_dispersed(F, 0.1, a))) for a in PAIR),
    "goh quadratic": lambda F: 2.5 * positive(_dispersed(F, 0.1)) ** 2,
    "goh two-sided": lambda F: fung(5, 1.7, _dispersed(F, 0.1)),
    "goh isochoric": lambda F: fung(5, 1.7, positive(_tensor(F, True))),
    "holzapfel-ogden": lambda F: _holzapfel_ogden(F, True, False),
    "holzapfel-ogden full smooth": lambda F: _holzapfel_ogden(F, False, False, logistic=True, rest=0.6),
    "holzapfel-ogden isochoric": lambda F: _holzapfel_ogden(F, True, True),
    "holzapfel-ogden without sheets": lambda F: (
        _of_I1(F, True, lambda x: 0.15 * (np.exp(2 * x) - 1), 0) + fung(5, 1.5, positive(_family(F, 0, False)))
    ),
    "guccione": lambda F: _fung_exponent(F, True, [[3, 2, 2], [2, 1, 1], [2, 1, 1]]),
    "guccione sheets": lambda F: _fung_exponent(F, True, [[3, 2, 2], [2, 1, 1], [2, 1, 1]]),
    "guccione full": lambda F: _fung_exponent(F, False, [[3, 2, 2], [2, 1, 1], [2, 1, 1]]),
    "costa": lambda F: _fung_exponent(F, True, [[3, 2, 0.7], [2, 1, 0.4], [0.7, 0.4, 1.5]]),
    "transversely-isotropic toe": lambda F: _toe(_stretch(F)),
    "transversely-isotropic line": lambda F: _toe(_stretch(F), star=1.2),
    "transversely-isotropic c5": lambda F: _toe(_stretch(F), slack=1.05, star=1.2, slope=40.0),
    "transversely-isotropic smooth": lambda F: (
        _toe(_stretch(F, True), star=1.2) / (1 + np.exp(-100 * (_stretch(F, True) - 1)))
    ),
    "transversely-isotropic nominal toe": lambda F: _toe(_stretch(F), cauchy=False),
    "transversely-isotropic nominal line": lambda F: _toe(_stretch(F), slack=1.05, star=1.2, slope=40.0, cauchy=False),
    "blemker-shear": _criscione,
    "standard-reinforcing": lambda F: 0.65 * _family(F, 0, False) ** 2,
    "standard-reinforcing i5": lambda F: (
        0.65 * positive(_family(F, 0, True)) ** 2
        + 0.35 * positive((invariants(F, True)[1] @ invariants(F, True)[1])[0, 0] - 1) ** 2
    ),
    "active-stress": lambda F: 5 * _family(F, 0, False) + _transverse(F),
    "active-stress linear": lambda F: (
        10 * integral(lambda x: (1 + 1.45 * (x - 1)) * x, 1, _stretch(F)) + _transverse(F)
    ),
    "active-stress force-length": lambda F: (
        10 * integral(lambda x: _force_length(x / 1.1) * x, 1, _stretch(F)) + _transverse(F)
    ),
    "active-stress force-length foot": lambda F: 10 * integral(lambda x: _force_length(x / 0.88) * x, 1, _stretch(F)),
}
"""Each law written out once more in numpy along the fiber x and the sheet y, stresses integrated where energies are."""


MORE: dict[str, tuple[StrainEnergy, Callable[[np.ndarray], float]]] = {}
"""Further laws: values, and the energy of these in numpy. A new law takes one line here and is tested by all below."""

LAWS |= {name: law for name, (law, _) in MORE.items()}
FORMULAS |= {name: formula for name, (_, formula) in MORE.items()}


def alone(law: StrainEnergy) -> Material:
    return Material((law,), 1e3)


def rotation() -> np.ndarray:
    q, r = np.linalg.qr(RNG.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation about a unit vector (Rodrigues)."""
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) - np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def test_every_law_is_in_this_table():
    here = {law for law in StrainEnergy.members().values() if law.__module__.startswith("fibertwin.constitutive")}
    assert {type(law) for law in LAWS.values()} >= here
    assert FORMULAS.keys() == LAWS.keys()


def test_the_reference_page_names_every_law_parameter_preset_and_volumetric_part():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {line.split("`")[1]: line for line in rows}
    published = {kind for name in constitutive.__all__ if isinstance(kind := getattr(constitutive, name), type)}
    laws = {law.kind(): law for law in published if issubclass(law, StrainEnergy) and law is not StrainEnergy}
    assert named.keys() == laws.keys() | PRESETS.keys() | VOLUMETRIC.keys()
    for name, law in laws.items():
        words = set(re.split(r"[^\w]+", named[name].rpartition("| ")[0].split(" | ")[2]))
        options = {"definition", "measure", "sheets", "switch", "strain", "fiber_strain"}
        assert {field.name for field in fields(law)} - options <= words
    for name, preset in PRESETS.items():
        assert preset.title in named[name]
        assert preset.source in named[name]
        assert ("second-hand" in preset.note.lower()) == ("second-hand" in named[name])
    for name, part in VOLUMETRIC.items():
        assert f"| {part.convex} |" in named[name]


@pytest.mark.parametrize("name", LAWS)
def test_the_energy_is_the_formula(name):
    for F in (F_GENERAL, np.diag([0.9, 1.15, 0.97]) @ F_GENERAL.T, rotation() @ np.diag([1.25, 0.7, 1.1])):
        assert energy(alone(LAWS[name]), F, TRIAXIAL) == pytest.approx(FORMULAS[name](F), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_stress_is_the_derivative_of_the_energy(law):
    P = first_piola_kirchhoff(alone(law), F_GENERAL, TRIAXIAL)
    h = 1e-6
    differences = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[i, j] = h
        up, down = (energy(alone(law), F_GENERAL + sign * step, TRIAXIAL) for sign in (1, -1))
        differences[i, j] = (up - down) / (2 * h)
    assert np.abs(P).max() > 0.1
    np.testing.assert_allclose(P, differences, atol=1e-7 * np.abs(P).max())


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_tangent_is_the_derivative_of_the_stress(law):
    steps = np.eye(9).reshape(9, 3, 3) * 1e-6
    up, down = (first_piola_kirchhoff(alone(law), F_GENERAL + sign * steps, TRIAXIAL) for sign in (1, -1))
    differences = np.moveaxis((up - down).reshape(3, 3, 3, 3) / 2e-6, (0, 1), (2, 3))
    exact = tangent(alone(law), F_GENERAL, TRIAXIAL)
    np.testing.assert_allclose(exact, differences, atol=2e-8 * np.abs(exact).max())


@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if not law.needs_fibers])
def test_isotropic_tissue_at_rest_is_hookean(name):
    """Where all principal stretches coincide: ∂P/∂F = mu (δik δjl + δil δjk − 2/3 δij δkl), and its share of volume."""
    one = np.eye(3)
    shear = np.einsum("ik,jl->ijkl", one, one) + np.einsum("il,jk->ijkl", one, one)
    volume = np.einsum("ij,kl->ijkl", one, one)
    exact = tangent(alone(LAWS[name]), one)
    modulus = alone(LAWS[name]).shear_modulus
    bulk = np.einsum("iijj", exact) / 9
    np.testing.assert_allclose(exact, modulus * (shear - 2 / 3 * volume) + bulk * volume, atol=2e-5 * modulus)
    assert getattr(LAWS[name], "strain", "isochoric") == "full" or abs(bulk) < 1e-8 * modulus


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_every_parameter_may_vary_in_space(law):
    expected = energy(alone(law), F_GENERAL, TRIAXIAL)
    somewhere = Formula("2 * FA")
    for name, value in law.parameters.items():
        field, _, place = name.partition(".")
        items = getattr(law, field)
        changed = somewhere if not place else tuple(somewhere if str(i) == place else v for i, v in enumerate(items))
        try:
            varied = replace(law, **{field: changed})
        except ValueError:
            assert law.parameters[name] == next(f.default for f in fields(law) if f.name == field), "refused in use"
            continue
        assert varied.parameters[name] == somewhere
        assert varied.structure == law.structure
        assert energy(alone(varied.bind({name: value})), F_GENERAL, TRIAXIAL) == expected


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_case_file_can_hold_the_law(law):
    reader = reader_of(Material)
    written = reader.dump_python(alone(law), mode="json", exclude_none=True)
    read = reader.validate_python(written)
    assert read == alone(law)
    assert read.needs_sheets == law.needs_sheets


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_rotating_the_observer_changes_nothing(law):
    Q = rotation()
    assert energy(alone(law), Q @ F_GENERAL, TRIAXIAL) == pytest.approx(
        energy(alone(law), F_GENERAL, TRIAXIAL), rel=1e-12
    )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_rotating_tissue_and_deformation_together_changes_nothing(law):
    Q = rotation()
    turned = Fabric(Q @ TRIAXIAL.axis, Q @ TRIAXIAL.structure_tensor @ Q.T, TRIAXIAL.fa, Q @ TRIAXIAL.sheet)
    there = energy(alone(law), Q @ F_GENERAL @ Q.T, turned)
    assert there == pytest.approx(energy(alone(law), F_GENERAL, TRIAXIAL), rel=1e-12)


@pytest.mark.parametrize("law", [law for law in LAWS.values() if not law.needs_fibers], ids=lambda law: law.kind())
def test_isotropic_tissue_may_be_turned_before_it_is_deformed(law):
    assert energy(alone(law), F_GENERAL @ rotation()) == pytest.approx(energy(alone(law), F_GENERAL), rel=1e-12)


@pytest.mark.parametrize(
    "law", [law for law in LAWS.values() if law.needs_fibers and not law.needs_sheets], ids=lambda law: law.kind()
)
def test_fibers_without_sheets_may_be_turned_about_themselves(law):
    fabric = axisymmetric_fabric((1.0, 2.0, -0.5), 0.6)
    turned = F_GENERAL @ about(fabric.axis, 0.8)
    assert energy(alone(law), turned, fabric) == pytest.approx(energy(alone(law), F_GENERAL, fabric), rel=1e-12)


def test_sheets_tell_directions_across_the_fiber_apart():
    for law in (LAWS["holzapfel-ogden"], LAWS["costa"], LAWS["hgo families"]):
        turned = F_GENERAL @ about(TRIAXIAL.axis, 0.8)
        assert energy(alone(law), turned, TRIAXIAL) != pytest.approx(energy(alone(law), F_GENERAL, TRIAXIAL), rel=1e-3)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_signs_of_fiber_and_sheet_do_not_matter(law):
    for axis, sheet in ((-1, 1), (1, -1), (-1, -1)):
        flipped = Fabric(axis * TRIAXIAL.axis, TRIAXIAL.structure_tensor, TRIAXIAL.fa, sheet * TRIAXIAL.sheet)
        assert energy(alone(law), F_GENERAL, flipped) == pytest.approx(
            energy(alone(law), F_GENERAL, TRIAXIAL), rel=1e-14
        )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_undeformed_tissue_is_free_of_energy(law):
    assert energy(alone(law), np.eye(3), TRIAXIAL) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("law", [law for law in LAWS.values() if not law.changes], ids=lambda law: law.kind())
def test_undeformed_tissue_is_free_of_stress(law):
    np.testing.assert_allclose(first_piola_kirchhoff(alone(law), np.eye(3), TRIAXIAL), 0, atol=1e-13)


ISOCHORIC = ("neo-hookean", "mooney-rivlin", "yeoh", "ogden terms", "demiray", "saint-venant-kirchhoff", "hgo families")
ISOCHORIC += ("goh isochoric", "guccione", "costa", "blemker-shear", "holzapfel-ogden isochoric")


@pytest.mark.parametrize("name", ISOCHORIC)
def test_isochoric_laws_do_not_feel_a_change_of_volume(name):
    one, other = (energy(alone(LAWS[name]), scale * F_GENERAL, TRIAXIAL) for scale in (1.0, 1.2))
    assert one == pytest.approx(other, rel=1e-12)


def test_stiffening_of_zero_leaves_the_first_term_to_the_last_digit():
    I1 = np.trace(F_GENERAL.T @ F_GENERAL)
    E = _family(F_GENERAL, 0, False)
    for none in (0.0, 1e-30):
        assert energy(alone(HolzapfelGasserOgden(5.0, none)), F_GENERAL, TRIAXIAL) == pytest.approx(
            2.5 * E**2, rel=1e-14
        )
        expected = 0.65 * (I1 - 3) - 1.3 * np.log(np.linalg.det(F_GENERAL))
        assert energy(alone(Demiray(1.3, none, "full")), F_GENERAL) == pytest.approx(expected, rel=1e-14)


def test_guccione_with_all_coefficients_alike_is_isotropic():
    # Land et al. 2015, problem 2
    law = alone(Guccione(10.0, 1.0, 1.0, 1.0))
    values = [energy(law, F_GENERAL, axisymmetric_fabric(axis, 0.5)) for axis in np.eye(3)]
    np.testing.assert_allclose(values, values[0], rtol=1e-13)


def test_a_family_at_an_angle_needs_its_twin():
    with pytest.raises(ValueError, match="30 deg without its twin at -30 deg"):
        HolzapfelGasserOgden(5.0, 1.7, (np.pi / 6,))
    with pytest.raises(ValueError, match="twin"):
        GasserOgdenHolzapfel(5.0, 1.7, 0.1, (0.3, -0.3, 0.3))
    assert HolzapfelGasserOgden(5.0, 1.7, (0.0, np.pi / 2, 0.3, -0.3)).needs_sheets
    assert not HolzapfelGasserOgden(5.0, 1.7).needs_sheets


def test_options_that_exclude_each_other_are_refused():
    for wrong, words in (
        (lambda: GasserOgdenHolzapfel(5.0, 1.7, "tensor", PAIR), "tensor"),
        (lambda: HolzapfelOgden(0.6, 2.0, 5.0, 1.5, a_s=1.0, sheets=False), "no sheets"),
        (lambda: MooneyRivlin(0.0, 0.0), "no stiffness"),
        (lambda: TransverselyIsotropic(0.5, 10.0, c5=40.0), "lambda_star"),
        (lambda: TransverselyIsotropic(0.5, 10.0, 1.2, slack=1.3), "slack up to 1.3"),
        (lambda: TransverselyIsotropic(0.5, 10.0, slack=1.3, switch="none"), "must be"),
        (lambda: ActiveStress(10.0, slope=1.0), "slope"),
        (lambda: ActiveStress(10.0, optimal_stretch=1.2), "optimal_stretch"),
        (lambda: ActiveStress(10.0, length_dependence="linear"), "no slope"),
        (lambda: ActiveStress(10.0, onset=0.1), "no curve"),
        (lambda: Ogden((1.0, 2.0), -3.0), "2 moduli"),
        (lambda: Ogden(1.0, 0.0), "zero"),
        (lambda: Ogden(1.0, -3.0, "mu/alpha"), "-1.5 kPa"),
    ):
        with pytest.raises(ValueError, match=words):
            wrong()


def test_active_stress_is_a_second_piola_kirchhoff_stress_along_and_across_the_fiber():
    rest = first_piola_kirchhoff(alone(ActiveStress(10.0, 0.3)), np.eye(3), TRIAXIAL)
    np.testing.assert_allclose(rest, np.diag([10.0, 3.0, 3.0]), atol=1e-13)
    for law, share in (
        (ActiveStress(10.0), 1.0),
        (ActiveStress(10.0, 0.0, "linear", slope=1.45), 1 - 1.45 * 0.2),
        (ActiveStress(10.0, 0.0, "linear", slope=6.0), 0.0),
        (ActiveStress(10.0, 0.0, "force-length"), 1 - 4 * 0.2**2),
        (ActiveStress(10.0, 0.0, "force-length", optimal_stretch=0.8 / 0.6), 1 - 4 * 0.4**2),
        (ActiveStress(10.0, 0.0, "force-length", optimal_stretch=1.6), 9 * (0.5 - 0.4) ** 2),
        (ActiveStress(10.0, 0.0, "force-length", optimal_stretch=0.5), 0.0),
    ):
        F = np.diag([0.8, 1.1, 1.3])
        S = np.linalg.solve(F, first_piola_kirchhoff(alone(law), F, TRIAXIAL))
        np.testing.assert_allclose(S, np.diag([10 * share, 0, 0]), atol=1e-12)


def test_activation_follows_its_curve_from_its_onset():
    law = ActiveStress(10.0, curve=Curve((0.0, 1.0), (0.0, 2.0)), onset=0.25)
    assert law.at(Moment(0.5, 0.1), law.parameters)["tension"] == pytest.approx(5.0)
    late = law.at(Moment(0.5, 0.1), {"tension": np.array([10.0, 20.0]), "onset": np.array([0.25, 0.5])})
    np.testing.assert_allclose(late["tension"], [5.0, 0.0])
    assert ActiveStress(10.0).at(Moment(0.5, 0.1), {"tension": 10.0, "onset": 0.0})["tension"] == pytest.approx(1.0)


def test_the_straight_line_of_a_fiber_has_its_slope():
    """Against the published stress: lambda W' = c5 lambda + c6 beyond lambda_star (Weiss et al. 1996, eq. 33)."""
    for law, slope in (
        (TransverselyIsotropic(0.5, 10.0, 1.2, 40.0), 40.0),
        (TransverselyIsotropic(0.5, 10.0, 1.2), 5 * np.exp(2)),
    ):
        for stretch in (1.1, 1.2, 1.3, 1.5):
            F = np.diag([stretch, 1.0, 1.0])
            expected = 0.5 * (np.exp(10 * (min(stretch, 1.2) - 1)) - 1) + slope * max(stretch - 1.2, 0)
            cauchy = (first_piola_kirchhoff(alone(law), F, TRIAXIAL) @ F.T)[0, 0]
            assert cauchy == pytest.approx(expected, rel=1e-12)
        assert energy(alone(law), np.diag([0.9, 1.0, 1.0]), TRIAXIAL) == 0


@pytest.mark.parametrize(
    ("exponent", "promised"), [(0.01, 2e-13), (1.0, 1e-14), (5.0, 1e-14), (10.0, 1e-10), (20.0, 1e-6)]
)
def test_the_toe_integrated_by_points_is_exact_as_far_as_promised(exponent, promised):
    for stretch in (1.02, 1.3, 2.0):
        c4 = exponent / (stretch - 1)
        F = np.diag([stretch, 1.0, 1.0])
        cauchy = (first_piola_kirchhoff(alone(TransverselyIsotropic(0.5, c4)), F, TRIAXIAL) @ F.T)[0, 0]
        assert cauchy == pytest.approx(0.5 * np.expm1(exponent), rel=promised)


def test_shear_moduli_at_rest():
    for law, expected in (
        (MooneyRivlin(1.3, 0.4), 3.4),
        (Yeoh(1.3, -0.2, 0.05), 2.6),
        (Ogden((1.3, 0.4), (-5.0, 3.0)), 1.7),
        (Ogden((0.4, -0.3), (3.0, -5.0), "mu/alpha"), (1.2 + 1.5) / 2),
        (Demiray(1.3, 2.0), 1.3),
        (SaintVenantKirchhoff(1.3), 1.3),
        (BlemkerShear(1.3, 0.7), 2.6),
        (Guccione(2.0, 3.0, 1.0, 2.0), 2.0),
    ):
        assert alone(law).shear_modulus == pytest.approx(expected, rel=1e-4)


# Giordano & Kleiven 2014, eq. for kappa(FA), evaluated at FA = 0, 0.1, …, 1
KAPPA = (0.333333, 0.314024, 0.294320, 0.273784, 0.251887, 0.227924, 0.200880, 0.169161, 0.130002, 0.077956, 0.0)


def test_kappa_from_fa_matches_the_published_relation():
    np.testing.assert_allclose(kappa_from_fa(np.linspace(0, 1, 11)), KAPPA, atol=5.1e-7)


def test_kappa_is_the_transverse_share_of_an_axisymmetric_tensor():
    along, across = 1.7e-3, 0.4e-3
    mean = (along + 2 * across) / 3
    fa = np.sqrt(1.5 * ((along - mean) ** 2 + 2 * (across - mean) ** 2) / (along**2 + 2 * across**2))
    assert kappa_from_fa(fa) == pytest.approx(across / (along + 2 * across), abs=1e-14)


@pytest.mark.parametrize("fa", np.linspace(0, 1, 6))
def test_scalar_and_tensor_dispersion_agree_on_axisymmetric_tensors(fa):
    fabric = axisymmetric_fabric((1.0, 2.0, -0.5), fa)
    one, other = (energy(alone(GasserOgdenHolzapfel(5.0, 1.7, d)), F_GENERAL, fabric) for d in ("fa", "tensor"))
    assert one > 0
    assert one == pytest.approx(other, rel=1e-13)


@pytest.mark.parametrize("dispersion", ["fa", "tensor", 1 / 3])
def test_without_anisotropy_the_axis_has_no_say(dispersion):
    law = alone(GasserOgdenHolzapfel(5.0, 1.7, dispersion))
    values = [energy(law, F_GENERAL, axisymmetric_fabric(axis, 0.0)) for axis in np.eye(3)]
    np.testing.assert_allclose(values, values[0], rtol=1e-14)
    assert values[0] > 0


def test_without_fiber_stiffness_only_the_matrix_is_left():
    with_fibers = Material((NeoHookean(1.3), GasserOgdenHolzapfel(0.0, 1.7)), 1e3)
    assert energy(with_fibers, F_GENERAL, TRIAXIAL) == energy(alone(NeoHookean(1.3)), F_GENERAL)


def test_aligned_fibers_give_the_law_of_holzapfel_gasser_and_ogden():
    # Holzapfel, Gasser & Ogden 2000, J. Elasticity 61:1, eq. 65: k1/(2 k2) [exp(k2 (I4 - 1)^2) - 1]
    k1, k2, axis = 5.0, 1.7, np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
    F = F_GENERAL @ np.diag([1.2, 1.2, 1.0])
    I4 = axis @ F.T @ F @ axis
    assert I4 > 1
    expected = k1 / (2 * k2) * (np.exp(k2 * (I4 - 1) ** 2) - 1)
    fabric = axisymmetric_fabric(axis, 1.0)
    for dispersion in ("fa", "tensor", 0.0):
        assert energy(alone(GasserOgdenHolzapfel(k1, k2, dispersion)), F, fabric) == pytest.approx(expected, rel=1e-13)


def test_fibers_bear_no_compression_unless_asked_to():
    F = np.diag([0.9, 1 / np.sqrt(0.9), 1 / np.sqrt(0.9)])
    fabric = axisymmetric_fabric((1, 0, 0), 1.0)
    assert energy(alone(GasserOgdenHolzapfel(5.0, 1.7, 0.0)), F, fabric) == 0
    assert energy(alone(GasserOgdenHolzapfel(5.0, 1.7, 0.0, switch="none")), F, fabric) > 0


def test_full_strain_feels_dilation_and_isochoric_strain_does_not():
    # k1 = 50, k2 = 2, stretch 1.05 in every direction: second Piola–Kirchhoff stress along aligned fibers 10.4677 kPa
    F = 1.05 * np.eye(3)
    fabric = axisymmetric_fabric((1, 0, 0), 1.0)
    full = first_piola_kirchhoff(alone(GasserOgdenHolzapfel(50.0, 2.0, 0.0)), F, fabric)
    assert full[0, 0] / 1.05 == pytest.approx(10.4677, abs=5e-5)
    isochoric = GasserOgdenHolzapfel(50.0, 2.0, 0.0, strain="isochoric")
    np.testing.assert_allclose(first_piola_kirchhoff(alone(isochoric), F, fabric), 0, atol=1e-12)


def test_shear_modulus_of_a_material():
    tissue = Material((NeoHookean(1.3),), 1e3)
    assert tissue.shear_modulus == pytest.approx(1.3, rel=1e-5)


def test_parameters_are_the_numbers_and_structure_is_the_rest():
    one, other = GasserOgdenHolzapfel(5.0, 1.7, 0.1), GasserOgdenHolzapfel(9.0, 0.2, 0.3)
    assert one.parameters == {"k1": 5.0, "k2": 1.7, "dispersion": 0.1}
    assert one.structure == other.structure
    assert one.structure != GasserOgdenHolzapfel(5.0, 1.7, "fa").structure
    assert one.structure != GasserOgdenHolzapfel(5.0, 1.7, 0.1, switch="none").structure
    assert Ogden((1.0, 2.0), (3.0, -4.0)).parameters == {"mu.0": 1.0, "mu.1": 2.0, "alpha.0": 3.0, "alpha.1": -4.0}
    assert HolzapfelOgden(1, 2, 3, 4).structure != HolzapfelOgden(1, 2, 3, 4, sheets=False).structure


COINCIDENT = {
    "all three": np.eye(3),
    "two": np.diag([1.2, 1.2, 0.7]),
    "nearly": np.diag([1.4, 0.9, 0.9 + 1e-6]),
}


@pytest.mark.parametrize("F", COINCIDENT.values(), ids=COINCIDENT)
def test_the_stress_of_ogden_is_right_where_stretches_coincide(F):
    """Against principal stresses: P = sum of dpsi/dstretch n⊗N, from numpy's singular value decomposition."""
    mu, alpha = 1.3, -15.0
    left, stretches, right = np.linalg.svd(F)
    isochoric = stretches / np.prod(stretches) ** (1 / 3)
    along = 2 * mu / alpha * (isochoric**alpha - (isochoric**alpha).mean()) / stretches
    P = first_piola_kirchhoff(alone(Ogden(mu, alpha)), F)
    np.testing.assert_allclose(P, left @ np.diag(along) @ right, atol=1e-8)


def test_ogden_with_exponent_two_is_neo_hookean():
    one, other = (energy(alone(law), F_GENERAL) for law in (Ogden(1.3, 2.0), NeoHookean(1.3)))
    assert one == pytest.approx(other, rel=1e-12)


def test_fibers_in_every_direction_alike_are_those_of_full_dispersion():
    families = HolzapfelGasserOgden(5.0, 1.7)
    assert families.isotropic() == GasserOgdenHolzapfel(5.0, 1.7, 1 / 3)
    assert GasserOgdenHolzapfel(5.0, 1.7, 0.1).isotropic() == families.isotropic()
    assert NeoHookean(1.0).isotropic() == NeoHookean(1.0)


@pytest.mark.parametrize("law", [Guccione(2.0, 8.0, 2.0, 4.0), ActiveStress(1.0)], ids=["guccione", "active"])
def test_a_law_without_an_isotropic_form_says_so(law):
    with pytest.raises(ValueError, match="no form for fibers that run in every direction alike"):
        law.isotropic()
