"""Laws at a point, nothing compiled: tables, limits, objectivity, finite differences."""

import numpy as np
import pytest

from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean, Ogden, StrainEnergy, kappa_from_fa
from fibertwin.constitutive.point import Fabric, axisymmetric_fabric, energy, first_piola_kirchhoff

RNG = np.random.default_rng(7)
F_GENERAL = np.array([[1.3, 0.2, -0.3], [0.15, 0.95, 0.1], [-0.1, 0.3, 1.2]])
TRIAXIAL = Fabric(np.array([1.0, 0.0, 0.0]), np.diag([0.6, 0.3, 0.1]), 0.7)

LAWS: dict[str, StrainEnergy] = {
    "neo-hookean": NeoHookean(1.3),
    "ogden": Ogden(1.3, -15.0),
    "goh tensor": GasserOgdenHolzapfel(5.0, 1.7),
    "goh fa": GasserOgdenHolzapfel(5.0, 1.7, "fa"),
    "goh kappa": GasserOgdenHolzapfel(5.0, 1.7, 0.1),
    "goh quadratic": GasserOgdenHolzapfel(5.0, 0.0, 0.1),
    "goh two-sided": GasserOgdenHolzapfel(5.0, 1.7, 0.1, switch="none"),
    "goh isochoric": GasserOgdenHolzapfel(5.0, 1.7, "tensor", strain="isochoric"),
}


def alone(law: StrainEnergy) -> Material:
    return Material((law,), 1e3)


def rotation() -> np.ndarray:
    q, r = np.linalg.qr(RNG.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def test_every_law_is_in_this_table():
    assert {type(law) for law in LAWS.values()} >= set(StrainEnergy.members().values())


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
def test_rotating_the_observer_changes_nothing(law):
    Q = rotation()
    assert energy(alone(law), Q @ F_GENERAL, TRIAXIAL) == pytest.approx(
        energy(alone(law), F_GENERAL, TRIAXIAL), rel=1e-12
    )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_rotating_tissue_and_deformation_together_changes_nothing(law):
    Q = rotation()
    turned = Fabric(Q @ TRIAXIAL.axis, Q @ TRIAXIAL.structure_tensor @ Q.T, TRIAXIAL.fa)
    there = energy(alone(law), Q @ F_GENERAL @ Q.T, turned)
    assert there == pytest.approx(energy(alone(law), F_GENERAL, TRIAXIAL), rel=1e-12)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_sign_of_the_axis_does_not_matter(law):
    flipped = Fabric(-TRIAXIAL.axis, TRIAXIAL.structure_tensor, TRIAXIAL.fa)
    assert energy(alone(law), F_GENERAL, flipped) == energy(alone(law), F_GENERAL, TRIAXIAL)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_undeformed_tissue_is_free_of_energy_and_stress(law):
    assert energy(alone(law), np.eye(3), TRIAXIAL) == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(first_piola_kirchhoff(alone(law), np.eye(3), TRIAXIAL), 0, atol=1e-13)


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


# Incompressible uniaxial Cauchy stress (kPa) along one family, c = 7.64, k1 = 996.6, k2 = 524.6 (the adventitia of
# Gasser, Ogden & Holzapfel 2006): closed form sigma = lambda^2 W1' - W2'/lambda written out independently
ADVENTITIA = {
    0.0: (50.746, 197.696, 901.894, 55758.0),
    0.1: (22.597, 63.911, 169.405, 1789.03),
    0.226: (4.69825, 10.57617, 18.75006, 51.56178),
    1 / 3: (0.23119, 0.47420, 0.74061, 1.38908),
}


@pytest.mark.parametrize("kappa", ADVENTITIA)
def test_uniaxial_tension_matches_the_table(kappa):
    tissue = Material((NeoHookean(7.64), GasserOgdenHolzapfel(996.6, 524.6, kappa)), "incompressible")
    for stretch, expected in zip((1.01, 1.02, 1.03, 1.05), ADVENTITIA[kappa], strict=True):
        F = np.diag([stretch, stretch**-0.5, stretch**-0.5])
        sigma = first_piola_kirchhoff(tissue, F, axisymmetric_fabric((1, 0, 0), 0.0)) @ F.T
        digits = len(f"{expected:g}".replace(".", "").lstrip("0"))
        assert sigma[0, 0] - sigma[1, 1] == pytest.approx(expected, rel=0.6 * 10.0 ** (1 - digits))


def test_shear_modulus_of_a_material():
    tissue = Material((NeoHookean(1.3),), 1e3)
    assert tissue.shear_modulus == pytest.approx(1.3, rel=1e-5)


def test_parameters_are_the_numbers_and_structure_is_the_rest():
    one, other = GasserOgdenHolzapfel(5.0, 1.7, 0.1), GasserOgdenHolzapfel(9.0, 0.2, 0.3)
    assert one.parameters == {"k1": 5.0, "k2": 1.7, "dispersion": 0.1}
    assert one.structure == other.structure
    assert one.structure != GasserOgdenHolzapfel(5.0, 1.7, "fa").structure
    assert one.structure != GasserOgdenHolzapfel(5.0, 1.7, 0.1, switch="none").structure


# Incompressible uniaxial nominal stress (kPa), mu = 1, at stretches 0.9, 0.95, 1.05, 1.1: the closed form
# 2/alpha (s^(alpha−1) − s^(−alpha/2−1)). Two principal stretches coincide throughout.
OGDEN = {
    -25: (-1.214366, -0.259230, 0.117707, 0.232677),
    -20: (-0.875176, -0.230608, 0.119239, 0.222282),
    2: (-0.334568, -0.158033, 0.142971, 0.273554),
    10: (-0.298851, -0.146025, 0.161023, 0.358695),
}


@pytest.mark.parametrize("alpha", OGDEN)
def test_ogden_matches_the_table_where_stretches_coincide(alpha):
    tissue, h = alone(Ogden(1.0, alpha)), 1e-5
    for stretch, expected in zip((0.9, 0.95, 1.05, 1.1), OGDEN[alpha], strict=True):
        longer, shorter = (energy(tissue, np.diag([s, s**-0.5, s**-0.5])) for s in (stretch + h, stretch - h))
        assert (longer - shorter) / (2 * h) == pytest.approx(expected, abs=6e-7)


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


def test_ogden_refuses_a_zero_exponent():
    with pytest.raises(ValueError, match="zero"):
        Ogden(1.0, 0.0)
