"""Laws without a mesh: printed tables, closed forms, sides that are free of stress."""

import numpy as np
import pytest

from fibertwin.constitutive import (
    GasserOgdenHolzapfel,
    Guccione,
    HolzapfelGasserOgden,
    HolzapfelOgden,
    Material,
    MooneyRivlin,
    NeoHookean,
    Ogden,
)
from fibertwin.constitutive.point import Fabric, axisymmetric_fabric
from fibertwin.constitutive.studied import Studied
from fibertwin.constitutive.study import biaxial, planar_tension, simple_shear, uniaxial, volumetric
from fibertwin.errors import InputError, SolveError

MYOCARDIUM = HolzapfelOgden(0.059, 8.023, 18.472, 16.026, 2.481, 11.120, 0.216, 11.436)
STRETCHES = [1.05, 1.1, 1.15, 1.2]

# Cauchy stress (kPa) of incompressible solids in uniaxial tension, computed from the closed forms by another program;
# the last digit of the print is the tolerance.
HOLZAPFEL_OGDEN = {
    "f": [4.949877, 19.054271, 83.479756, 521.057853],
    "s": [0.639616, 2.081161, 6.771494, 27.150910],
    "n": [0.009388, 0.022258, 0.043816, 0.084230],
}
ADVENTITIA = {
    0.0: ([50.746, 197.696, 901.894], 5e-4, 55758),
    0.1: ([22.597, 63.911, 169.405], 5e-4, 1789.03),
    0.226: ([4.69825, 10.57617, 18.75006], 5e-6, 51.56178),
    1 / 3: ([0.23119, 0.47420, 0.74061], 5e-6, 1.38908),
}
GUCCIONE = {
    (2.0, 8.0, 2.0, 4.0): [1.018183, 2.420691, 4.557186, 8.096521, 26.467350],
    (10.0, 1.0, 1.0, 1.0): [0.794772, 1.709438, 2.794425, 4.110683, 7.771426],
}
ONE_TERM_OGDEN = {  # nominal stress at 0.9, 0.95, 1.05, 1.1
    -25.0: [-1.214366, -0.259230, 0.117707, 0.232677],
    -20.0: [-0.875176, -0.230608, 0.119239, 0.222282],
    2.0: [-0.334568, -0.158033, 0.142971, 0.273554],
    10.0: [-0.298851, -0.146025, 0.161023, 0.358695],
}


@pytest.mark.parametrize("direction", HOLZAPFEL_OGDEN)
def test_table_of_holzapfel_ogden(direction):
    found = uniaxial(MYOCARDIUM, STRETCHES, direction).cauchy_stress
    np.testing.assert_allclose(found, HOLZAPFEL_OGDEN[direction], rtol=0, atol=5.1e-7)


@pytest.mark.parametrize("kappa", ADVENTITIA)
def test_table_of_gasser_ogden_holzapfel(kappa):
    material = Material((NeoHookean(7.64), GasserOgdenHolzapfel(996.6, 524.6, kappa)), "incompressible")
    wanted, digit, last = ADVENTITIA[kappa]
    found = uniaxial(material, [1.01, 1.02, 1.03, 1.05]).cauchy_stress
    np.testing.assert_allclose(found[:3], wanted, rtol=0, atol=1.02 * digit)
    assert found[3] == pytest.approx(last, rel=1e-5)


@pytest.mark.parametrize("numbers", GUCCIONE)
def test_table_of_guccione(numbers):
    found = uniaxial(Guccione(*numbers), [1.05, 1.1, 1.15, 1.2, 1.3]).cauchy_stress
    np.testing.assert_allclose(found, GUCCIONE[numbers], rtol=0, atol=5.1e-7)


@pytest.mark.parametrize("alpha", ONE_TERM_OGDEN)
def test_table_of_one_term_ogden(alpha):
    found = uniaxial(Ogden(1.0, alpha), [0.9, 0.95, 1.05, 1.1]).nominal_stress
    np.testing.assert_allclose(found, ONE_TERM_OGDEN[alpha], rtol=0, atol=5.1e-7)


def test_neo_hookean_in_every_test():
    stretch, shear, law = np.array([0.8, 1.0, 1.7]), np.array([-0.3, 0.0, 0.5]), NeoHookean(2.0)
    np.testing.assert_allclose(uniaxial(law, stretch).nominal_stress, 2 * (stretch - stretch**-2), atol=1e-14)
    np.testing.assert_allclose(biaxial(law, stretch).cauchy_stress, 2 * (stretch**2 - stretch**-4), atol=1e-13)
    np.testing.assert_allclose(planar_tension(law, stretch).nominal_stress, 2 * (stretch - stretch**-3), atol=1e-13)
    np.testing.assert_allclose(biaxial(law, stretch, 1.2).nominal_stress, 2 * (stretch - stretch**-3 / 1.44))
    np.testing.assert_allclose(simple_shear(law, shear).cauchy_stress, 2 * shear, atol=1e-14)


def test_normal_stress_of_simple_shear():
    """Poynting effect of Mooney–Rivlin, the third axis free: σ11 − σ33 = 2 c1 γ², σ22 − σ33 = −2 c2 γ²."""
    cauchy = simple_shear(MooneyRivlin(0.7, 0.4), [0.5]).cauchy[0]
    assert cauchy[0, 0] == pytest.approx(2 * 0.7 * 0.25)
    assert cauchy[1, 1] == pytest.approx(-2 * 0.4 * 0.25)


def test_compound_shear_is_sheared_at_a_stretch():
    """F = [[λ^-1/2, γ], [0, λ]] of a neo-Hookean solid: P12 = mu γ."""
    response = simple_shear(NeoHookean(2.0), [0.1, 0.2], prestretch=1.21)
    assert response.mode == "compound shear"
    np.testing.assert_allclose(response.nominal_stress, [0.2, 0.4], rtol=1e-12)
    np.testing.assert_allclose(response.cauchy_stress, [0.2 * 1.21, 0.4 * 1.21], rtol=1e-12)


def test_planes_of_shear_are_ordered_as_published():
    """Shifting the face across the fibers stretches these; shifting along them does not."""
    stress = {p: simple_shear(MYOCARDIUM, [0.4], p).cauchy_stress[0] for p in ("fs", "fn", "sf", "sn", "nf", "ns")}
    order = sorted(stress, key=stress.__getitem__, reverse=True)
    assert order[:4] == ["fs", "fn", "sf", "sn"]
    assert stress["nf"] == pytest.approx(stress["ns"], rel=1e-12)


def test_sides_of_an_anisotropic_solid_differ_and_are_free():
    law = Guccione(2.0, 8.0, 2.0, 4.0)
    across = uniaxial(law, [0.8, 1.3], "s")
    fiber, normal = np.sort(across.lateral_stretches[1])[::-1]
    assert fiber - normal > 0.02  # the fiber resists being shortened more
    free = across.first_piola_kirchhoff.copy()
    free[:, 0, 0] = 0
    np.testing.assert_allclose(free, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(across.F), 1, rtol=1e-13)


def test_fibers_at_an_angle_shear_the_specimen():
    material = Material((NeoHookean(1.0), HolzapfelGasserOgden(5.0, 1.0)), 500.0)
    response = uniaxial(material, [1.2], (1.0, 1.0, 0.0))
    assert np.abs(response.F[0, [0, 0, 1], [1, 2, 2]]).max() > 0.05
    cauchy = response.cauchy[0]
    np.testing.assert_allclose(cauchy[0, 0], response.cauchy_stress[0])
    cauchy[0, 0] = 0
    np.testing.assert_allclose(cauchy, 0, atol=1e-11)


def test_compressible_solids_change_volume():
    """Small strain: E = 9 K G/(3 K + G), nu = (3 K − 2 G)/(6 K + 2 G)."""
    K, G, e = 2.0, 1.0, 1e-5
    response = uniaxial(Material((NeoHookean(G),), K), [1 + e])
    assert response.cauchy_stress[0] == pytest.approx(9 * K * G / (3 * K + G) * e, rel=1e-4)
    assert 1 - response.lateral_stretches[0, 0] == pytest.approx((3 * K - 2 * G) / (6 * K + 2 * G) * e, rel=1e-4)
    assert 1 - response.lateral_stretches[0, 0] < 0.4 * e


def test_volume_of_a_material_and_of_a_law_alone():
    J = np.array([0.9, 1.0, 1.2])
    found = volumetric(Material((NeoHookean(1.0),), 30.0), J)
    np.testing.assert_allclose(found.cauchy_stress, 30 * (J - 1), atol=1e-12)
    # second Piola stress of full-C fibers in pure dilation at stretch 1.05: 4 k1 E/2 exp(k2 E²) with E = 0.1025
    alone = volumetric(HolzapfelGasserOgden(50.0, 2.0), [1.05**3])
    assert alone.first_piola_kirchhoff[0, 0, 0] / 1.05 == pytest.approx(10.4677, abs=5e-5)
    assert alone.first_piola_kirchhoff[0, 1, 1] == 0


def test_axes_follow_the_fabric():
    fabric = axisymmetric_fabric((1.0, 2.0, -0.5), 0.6)
    law = Guccione(2.0, 8.0, 2.0, 4.0)
    turned, straight = uniaxial(law, [1.2], "f", fabric), uniaxial(law, [1.2])
    assert turned.cauchy_stress == pytest.approx(straight.cauchy_stress, rel=1e-11)
    np.testing.assert_allclose(turned.axes[0], fabric.axis)
    np.testing.assert_allclose(turned.axes @ turned.axes.T, np.eye(3), atol=1e-14)


def test_a_fiber_law_alone_contracts_alike():
    sides = uniaxial(HolzapfelGasserOgden(5.0, 1.0), [1.1, 1.3]).lateral_stretches
    np.testing.assert_allclose(sides[:, 0], sides[:, 1], rtol=1e-12)


def test_far_stretches_are_approached_in_steps():
    response = uniaxial(Material((Ogden((0.4, 0.6), (-15.0, 10.0)),), 20.0), [0.3, 3.0])
    free = response.first_piola_kirchhoff[:, [1, 2], [1, 2]]
    assert np.abs(free).max() < 1e-8 * np.abs(response.nominal_stress).max()


def test_what_cannot_be_freed_is_told():
    softening = Material((NeoHookean(1e-6), HolzapfelGasserOgden(50.0, 30.0, (0.5, -0.5), "none")), "incompressible")
    with pytest.raises(SolveError, match=r"uniaxial: the sides cannot be freed of stress at"):
        uniaxial(softening, [30.0])


def test_stress_that_overflows_is_told():
    with pytest.raises(SolveError, match="no finite stress at 40"):
        simple_shear(MYOCARDIUM, [0.1, 40.0])


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (lambda: uniaxial(MYOCARDIUM, [1.0, 0.0]), "must be positive"),
        (lambda: uniaxial(MYOCARDIUM, [np.nan]), "finite"),
        (lambda: uniaxial(MYOCARDIUM, [1.1], "q"), "one of f, s, n"),
        (lambda: uniaxial(MYOCARDIUM, [1.1], (0, 0, 0)), "is no direction"),
        (lambda: uniaxial(NeoHookean(1.0), [1.1], "s", Fabric(np.array([1.0, 0, 0]), np.eye(3) / 3, 0.0)), "one of f"),
        (lambda: biaxial(MYOCARDIUM, [1.1], directions=("f", (1, 1, 0))), "right angles"),
        (lambda: simple_shear(MYOCARDIUM, [0.1], "f"), "is no plane"),
        (lambda: volumetric(Material((MYOCARDIUM,), "incompressible"), [1.1]), "cannot change"),
    ],
)
def test_bad_input(test, message):
    with pytest.raises(InputError, match=message):
        test()


class _Studied(NeoHookean, Studied):
    """A law with the tests as methods."""


def test_methods_are_the_functions():
    law, plain = _Studied(2.0), NeoHookean(2.0)
    assert law.uniaxial([1.2]).nominal_stress == uniaxial(plain, [1.2]).nominal_stress
    assert law.biaxial([1.2], directions=("s", "n")).nominal_stress == biaxial(plain, [1.2]).nominal_stress
    assert law.planar_tension([1.2]).mode == "planar tension"
    assert law.simple_shear([0.2]).nominal_stress == pytest.approx(0.4)
    assert law.volumetric([1.1]).nominal_stress == pytest.approx(0)
    assert all(check.verdict == "holds" for check in law.check())
