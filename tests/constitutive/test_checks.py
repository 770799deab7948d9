"""The checks find what is wrong with a law, and nothing where nothing is."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import ufl

from fibertwin.constitutive import (
    ActiveStress,
    GasserOgdenHolzapfel,
    HolzapfelOgden,
    Material,
    NeoHookean,
    Ogden,
    StrainEnergy,
)
from fibertwin.constitutive.checks import check
from fibertwin.units import Unit

STRESS, TANGENT, MAJOR, OBJECTIVE, SYMMETRY, SIGN, REST, ELLIPTICITY = range(8)
MYOCARDIUM = HolzapfelOgden(0.059, 8.023, 18.472, 16.026, 2.481, 11.120, 0.216, 11.436)


@dataclass(frozen=True)
class _Bad(StrainEnergy):
    """A law with something wrong in it."""

    needs_fibers: ClassVar[bool] = True
    mu: Annotated[float, Unit("kPa")] = 1.0


@dataclass(frozen=True)
class _Noisy(_Bad):
    """Its energy trembles faster than any difference can follow."""

    def psi(self, kinematics):
        return self.mu * (kinematics.I1_isochoric - 3 + 1e-4 * ufl.sin(3e4 * (kinematics.I1_isochoric - 3)))


@dataclass(frozen=True)
class _Turning(_Bad):
    """It looks at F itself."""

    def psi(self, kinematics):
        return self.mu * (kinematics.I1_isochoric - 3 + (ufl.tr(kinematics.F) - 3) ** 2)


@dataclass(frozen=True)
class _FixedAxis(_Bad):
    """It looks at an axis of its own, whatever the fabric."""

    def psi(self, kinematics):
        return self.mu * (kinematics.I1_isochoric - 3 + (kinematics.C[0, 0] - 1) ** 2)


@dataclass(frozen=True)
class _Signed(_Bad):
    """It tells the fiber's one end from the other."""

    def psi(self, kinematics):
        shear = ufl.inner(kinematics.fabric.axis, kinematics.C * kinematics.fabric.sheet_direction)
        return self.mu * (kinematics.I1_isochoric - 3 + shear**3 / 10)


@dataclass(frozen=True)
class _Stressed(_Bad):
    """Its fibers pull at rest."""

    def psi(self, kinematics):
        return self.mu * (kinematics.I1_isochoric - 3 + 0.1 * (kinematics.C[0, 0] - 1))


@dataclass(frozen=True)
class _Pressed(_Bad):
    """It is under pressure at rest."""

    needs_fibers: ClassVar[bool] = False

    def psi(self, kinematics):
        return 0.5 * self.mu * (ufl.tr(kinematics.C) - 3)


@pytest.mark.parametrize(
    "law",
    [NeoHookean(1.0), Ogden(1.0, -20.0), GasserOgdenHolzapfel(5.0, 2.0, "fa"), MYOCARDIUM],
    ids=lambda law: law.kind(),
)
def test_a_sound_law_holds(law):
    assert [result.verdict for result in check(law)[:ELLIPTICITY]] == ["holds"] * ELLIPTICITY
    material = Material((NeoHookean(0.1), law), 50.0)
    assert [result.verdict for result in check(material)[:ELLIPTICITY]] == ["holds"] * ELLIPTICITY


@pytest.mark.parametrize(
    ("law", "failing"),
    [
        (_Noisy(), {STRESS, TANGENT}),
        (_Turning(), {OBJECTIVE, SYMMETRY}),
        (_FixedAxis(), {SYMMETRY}),
        (_Signed(), {SIGN}),
        (_Stressed(), {SYMMETRY, REST}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_wrong_is_found(law, failing):
    results = check(law)
    assert {number for number, result in enumerate(results[:ELLIPTICITY]) if result.verdict == "fails"} == failing


def test_pressure_at_rest_is_told():
    rest = check(_Pressed())[REST]
    assert rest.verdict == "note"
    assert "pressure of 1 kPa" in rest.detail
    assert check(Material((_Pressed(),), 10.0))[REST].verdict == "fails"


def test_active_tissue_need_not_rest():
    results = check(ActiveStress(10.0))
    assert results[REST].verdict == "note"
    assert {result.verdict for result in results[:REST]} == {"holds"}


def test_ellipticity_is_kept_by_rubber_and_lost_by_fibers_under_compression():
    assert check(NeoHookean(2.0))[ELLIPTICITY].verdict == "holds"
    # of an incompressible neo-Hookean solid the acoustic tensor on tangential m is mu N · N: its least is mu
    assert check(NeoHookean(2.0))[ELLIPTICITY].error == pytest.approx(2.0, rel=0.5)
    two_sided = Material((NeoHookean(1.0), GasserOgdenHolzapfel(50.0, 2.0, 0.0, switch="none")), "incompressible")
    lost = check(two_sided)[ELLIPTICITY]
    assert lost.verdict == "note"
    assert lost.error < 0
    assert "compression along f from 0.9" in lost.detail
    assert check(two_sided, stretches=(0.999, 1.001))[ELLIPTICITY].verdict == "holds"


def test_states_that_overflow_are_counted():
    steep = Material((NeoHookean(1.0), GasserOgdenHolzapfel(1.0, 2000.0, 0.0)), "incompressible")
    assert "overflow" in check(steep)[ELLIPTICITY].detail
