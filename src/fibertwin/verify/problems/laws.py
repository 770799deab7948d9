"""Laws at a point: every law against plain numpy, and the printed tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fibertwin.constitutive import (
    ActiveStress,
    BlemkerShear,
    Costa,
    Demiray,
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
from fibertwin.constitutive import study as studies
from fibertwin.constitutive.point import Fabric, axisymmetric_fabric, first_piola_kirchhoff
from fibertwin.verify import plain
from fibertwin.verify.entry import Finding, at_most, entry, near
from fibertwin.verify.plain import Array, Stress, Tissue, along, dispersed, fung, isochoric, stress_of, total

if TYPE_CHECKING:
    from mpi4py import MPI

AXES = np.linalg.qr(np.array([[1.0, 0.2, 0.3], [2.0, -1.0, 0.1], [-0.5, 0.4, 1.0]]))[0]
TISSUE = Tissue(AXES[:, 0], AXES[:, 1], AXES @ np.diag([0.6, 0.3, 0.1]) @ AXES.T, 0.7)
FABRIC = Fabric(TISSUE.f, TISSUE.H, TISSUE.fa, TISSUE.s)
F_, S_, I3 = TISSUE.f, TISSUE.s, np.eye(3)
ANGLE = 0.7
PAIR = tuple(np.cos(ANGLE) * F_ + sign * np.sin(ANGLE) * S_ for sign in (1, -1))
KAPPA = 0.5 * (6 - 4 * 0.7**2 - 2 * np.sqrt(3 * 0.7**2 - 2 * 0.7**4)) / (9 - 6 * 0.7**2)


def _along_fiber(longitudinal: float, across: float) -> Array:
    """A symmetric deformation with a stretch along the fiber."""
    return across * I3 + (longitudinal - across) * np.outer(F_, F_)


STATES: dict[str, Array] = {
    "uniaxial": _along_fiber(1.15, 1.15**-0.5),
    "biaxial": 1.1 * (np.outer(F_, F_) + np.outer(S_, S_)) + np.outer(TISSUE.n, TISSUE.n) / 1.21,
    "compression": _along_fiber(0.9, 0.9**-0.5),
    "shear": I3 + 0.3 * np.outer(F_, S_) + 0.1 * np.outer(S_, TISSUE.n),
    "volume": 1.1 * (I3 + 0.2 * np.outer(F_, F_) + 0.1 * np.outer(F_, S_) - 0.07 * np.outer(S_, S_ + F_)),
}
"""Deformation gradients; the last one changes the volume too."""


@dataclass(frozen=True)
class Pair:
    """A law of the library and its stress in plain numpy."""

    ours: StrainEnergy
    plain: Stress


def _holzapfel_ogden(strain: Callable[[plain.Energy], plain.Energy]) -> plain.Energy:
    a, b, a_f, b_f, a_s, b_s, a_fs, b_fs = HO
    matrix = strain(plain.demiray(a, b))
    return total(
        matrix,
        fung(a_f, b_f, along(F_)),
        fung(a_s, b_s, along(S_)),
        fung(a_fs, b_fs, along(F_, S_), one_sided=False),
    )


HO = (0.059, 8.023, 18.472, 16.026, 2.481, 11.120, 0.216, 11.436)
B = np.array([[8.0, 3.0, 4.0], [3.0, 2.5, 1.5], [4.0, 1.5, 2.0]])


def _kept(energy: plain.Energy) -> plain.Energy:
    return energy


PAIRS: dict[str, Pair] = {
    "neo-hookean": Pair(NeoHookean(1.3), stress_of(isochoric(plain.mooney_rivlin(0.65, 0.0)))),
    "neo-hookean, full C": Pair(NeoHookean(1.3, "full"), stress_of(plain.at_rest(plain.mooney_rivlin(0.65, 0.0), 1.3))),
    "mooney-rivlin": Pair(MooneyRivlin(0.4, 0.25), stress_of(isochoric(plain.mooney_rivlin(0.4, 0.25)))),
    "mooney-rivlin, full C": Pair(
        MooneyRivlin(0.4, 0.25, "full"), stress_of(plain.at_rest(plain.mooney_rivlin(0.4, 0.25), 1.8))
    ),
    "yeoh": Pair(Yeoh(0.5, -0.05, 0.02), stress_of(isochoric(plain.yeoh(0.5, -0.05, 0.02)))),
    "ogden, 2mu/alpha^2": Pair(Ogden(0.83, -15.5), plain.ogden((2 * 0.83 / 15.5**2,), (-15.5,))),
    "ogden, mu/alpha, three terms": Pair(
        Ogden((0.63, 0.0012, -0.01), (1.3, 5.0, -2.0), "mu/alpha"),
        plain.ogden((0.63 / 1.3, 0.0012 / 5.0, 0.005), (1.3, 5.0, -2.0)),
    ),
    "ogden, full C": Pair(Ogden(0.83, 4.0, strain="full"), plain.ogden((0.83 / 8,), (4.0,), full=True)),
    "demiray": Pair(Demiray(2.28, 9.726), stress_of(isochoric(plain.demiray(2.28, 9.726)))),
    "saint-venant-kirchhoff": Pair(SaintVenantKirchhoff(1.3), stress_of(isochoric(plain.saint_venant_kirchhoff(1.3)))),
    "saint-venant-kirchhoff, full C": Pair(
        SaintVenantKirchhoff(1.3, "full"), stress_of(plain.saint_venant_kirchhoff(1.3))
    ),
    "holzapfel-gasser-ogden": Pair(HolzapfelGasserOgden(50.0, 2.0), stress_of(fung(50.0, 2.0, along(F_)))),
    "holzapfel-gasser-ogden, two families": Pair(
        HolzapfelGasserOgden(50.0, 2.0, (ANGLE, -ANGLE)), stress_of(total(*(fung(50.0, 2.0, along(a)) for a in PAIR)))
    ),
    "holzapfel-gasser-ogden, smooth switch": Pair(
        HolzapfelGasserOgden(50.0, 2.0, switch="smooth"),
        stress_of(plain.smoothed(fung(50.0, 2.0, along(F_), one_sided=False), along(F_))),
    ),
    "holzapfel-gasser-ogden, isochoric": Pair(
        HolzapfelGasserOgden(50.0, 2.0, strain="isochoric"), stress_of(isochoric(fung(50.0, 2.0, along(F_))))
    ),
    "gasser-ogden-holzapfel, H": Pair(
        GasserOgdenHolzapfel(50.0, 2.0, "tensor"), stress_of(fung(50.0, 2.0, dispersed(TISSUE.H)))
    ),
    "gasser-ogden-holzapfel, kappa of FA": Pair(
        GasserOgdenHolzapfel(50.0, 2.0, "fa"),
        stress_of(fung(50.0, 2.0, dispersed(KAPPA * I3 + (1 - 3 * KAPPA) * np.outer(F_, F_)))),
    ),
    "holzapfel-ogden": Pair(HolzapfelOgden(*HO), stress_of(_holzapfel_ogden(isochoric))),
    "holzapfel-ogden, full C": Pair(
        HolzapfelOgden(*HO, strain="full"), stress_of(_holzapfel_ogden(lambda e: plain.at_rest(e, HO[0])))
    ),
    "guccione": Pair(Guccione(2.0, 8.0, 2.0, 4.0), stress_of(isochoric(plain.guccione(2.0, 8.0, 2.0, 4.0, TISSUE)))),
    "guccione, with sheets, full C": Pair(
        Guccione(2.0, 8.0, 2.0, 4.0, sheets=True, strain="full"),
        stress_of(plain.guccione(2.0, 8.0, 2.0, 4.0, TISSUE)),
    ),
    "costa": Pair(Costa(2.0, 8.0, 2.5, 2.0, 3.0, 4.0, 1.5), stress_of(isochoric(plain.costa(2.0, B, TISSUE)))),
    "standard-reinforcing": Pair(StandardReinforcing(3.0, 1.5), stress_of(plain.standard_reinforcing(3.0, 1.5, F_))),
    "transversely-isotropic": Pair(
        TransverselyIsotropic(2.5, 20.0, 1.06), stress_of(plain.tendon(2.5, 20.0, 1.06, F_))
    ),
    "transversely-isotropic, nominal": Pair(
        TransverselyIsotropic(2.5, 20.0, 1.3, measure="nominal"),
        stress_of(plain.tendon(2.5, 20.0, 1.3, F_, nominal=True)),
    ),
    "blemker-shear": Pair(BlemkerShear(3.0, 2.0), stress_of(isochoric(plain.blemker_shear(3.0, 2.0, F_)))),
    "active-stress": Pair(ActiveStress(60.0, 0.3), plain.active(60.0, 0.3, F_, lambda x: 1.0)),
    "active-stress, linear in length": Pair(
        ActiveStress(60.0, length_dependence="linear", slope=4.0),
        plain.active(60.0, 0.0, F_, lambda x: max(1 + 4 * (x - 1), 0.0)),
    ),
    "active-stress, force and length": Pair(
        ActiveStress(60.0, length_dependence="force-length", optimal_stretch=1.2),
        plain.active(60.0, 0.0, F_, lambda x: 1 - 4 * (x / 1.2 - 1) ** 2),
    ),
}
"""Every law, in every form that differs, with what it is compared with."""


def stress(law: StrainEnergy, fabric: Fabric | None = FABRIC) -> Stress:
    """The library's stress (..., 3, 3) of a law."""
    material = Material((law,), 1.0)
    return lambda F: first_piola_kirchhoff(material, F, fabric)


@entry(
    "Law {case} in uniaxial, biaxial, shear and volume-changing deformations",
    "the paper's formula in plain numpy, derivatives by complex steps",
    quick=True,
    cases=PAIRS,
)
def law(comm: "MPI.Comm", pair: Pair) -> Iterator[Finding]:
    """First Piola–Kirchhoff stress, all nine components."""
    tolerance = 2e-8 if isinstance(pair.ours, Ogden) else 1e-11
    computed = stress(pair.ours)(np.array(list(STATES.values())))
    worst = 0.0
    for (state, F), ours in zip(STATES.items(), computed, strict=True):
        wanted = pair.plain(F)
        at = np.unravel_index(np.argmax(np.abs(wanted)), (3, 3))
        size, error = float(np.abs(wanted).max()), float(np.abs(ours - wanted).max())
        if size < 1e-13:
            yield at_most(f"{state}: greatest stress where there is none, kPa", 1e-13, error)
            continue
        yield near(f"{state}: greatest component of P, kPa", float(wanted[at]), float(ours[at]), relative=tolerance)
        worst = max(worst, error / size)
    yield at_most("greatest error of any component over the greatest component", tolerance, worst)


@entry(
    "Law {case} by itself, incompressible: stress that the studies of a law give, sides free",
    "the paper's formula in plain numpy, free sides found there by bisection",
    quick=True,
    cases=PAIRS,
)
def study(comm: "MPI.Comm", pair: Pair) -> Iterator[Finding]:
    """Cauchy stress in uniaxial and equibiaxial stretch and in simple shear, along fiber and sheet."""
    tolerance = 2e-8 if isinstance(pair.ours, Ogden) else 1e-9
    frame = np.column_stack([F_, S_, TISSUE.n])

    def turned(F: Array) -> Array:
        return np.asarray(frame.T @ pair.plain(frame @ F @ frame.T) @ frame)

    def cauchy(F: Array) -> Array:
        return turned(F) @ F.T

    stretched, sheared = np.diag([1.1, 1.1, 1.1**-2]), I3 + 0.3 * np.outer(I3[1], I3[0])
    biaxial = cauchy(stretched)
    wanted = {
        "uniaxial stretch 1.15": plain.uniaxial(turned, I3[0], 1.15),
        "equibiaxial stretch 1.1": float(biaxial[0, 0] - biaxial[2, 2]),
        "simple shear 0.3 of the fibers along the sheets": float(cauchy(sheared)[0, 1]),
    }
    ours = (
        studies.uniaxial(pair.ours, (1.15,), "f", FABRIC),
        studies.biaxial(pair.ours, (1.1,), fabric=FABRIC),
        studies.simple_shear(pair.ours, (0.3,), "fs", fabric=FABRIC),
    )
    scale = max(map(abs, wanted.values()))
    for (state, value), found in zip(wanted.items(), ours, strict=True):
        yield near(f"{state}, kPa", value, float(found.cauchy_stress[0]), absolute=tolerance * scale)


def _uniaxial(laws: tuple[StrainEnergy, ...], direction: str, stretches: tuple[float, ...]) -> Array:
    """Cauchy stress (n,) (kPa) along a direction of the aligned fabric."""
    return studies.uniaxial(Material(laws, "incompressible"), stretches, direction).cauchy_stress


def _printed(stretches: tuple[float, ...], printed: tuple[str, ...], ours: Array) -> Iterator[Finding]:
    for stretch, shown, value in zip(stretches, printed, ours, strict=True):
        yield near(f"stretch {stretch:g}, kPa", float(shown), float(value), absolute=_digits(shown))


def _digits(shown: str) -> float:
    """Half a unit of the last digit of a printed number."""
    return 0.5001 * 10.0 ** -len(shown.partition(".")[2])


ORTHOTROPIC = {
    "f": ("4.949877", "19.054271", "83.479756", "521.057853"),
    "s": (".639616", "2.081161", "6.771494", "27.150910"),
    "n": (".009388", ".022258", ".043816", ".084230"),
}


@entry(
    "Holzapfel–Ogden, orthotropic shear fit, incompressible: uniaxial Cauchy stress along {case}",
    "closed form of eq. 5.38 of Holzapfel & Ogden 2009 (doi 10.1098/rsta.2009.0091)",
    quick=True,
    cases={direction: (direction, printed) for direction, printed in ORTHOTROPIC.items()},
)
def holzapfel_ogden(comm: "MPI.Comm", case: tuple[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Both stretches across are free."""
    direction, printed = case
    stretches = (1.05, 1.1, 1.15, 1.2)
    yield from _printed(stretches, printed, _uniaxial((HolzapfelOgden(*HO),), direction, stretches))


ADVENTITIA = {
    "0": (0.0, ("50.746", "197.696", "901.894", "55758")),
    "0.1": (0.1, ("22.597", "63.911", "169.405", "1789.03")),
    "0.226": (0.226, ("4.69825", "10.57617", "18.75006", "51.56178")),
    "1/3": (1 / 3, (".23119", ".47420", ".74061", "1.38908")),
}


@entry(
    "Gasser–Ogden–Holzapfel adventitia, one family, κ = {case}: uniaxial Cauchy stress along the fiber",
    "closed form of Gasser, Ogden & Holzapfel 2006 (doi 10.1098/rsif.2005.0073)",
    quick=True,
    cases=ADVENTITIA,
)
def gasser_ogden_holzapfel(comm: "MPI.Comm", case: tuple[float, tuple[str, ...]]) -> Iterator[Finding]:
    """With the neo-Hookean matrix c = 7.64 kPa, k1 = 996.6 kPa, k2 = 524.6; psi of the matrix is c/2 (I1 − 3)."""
    kappa, printed = case
    stretches = (1.01, 1.02, 1.03, 1.05)
    laws = (NeoHookean(7.64), GasserOgdenHolzapfel(996.6, 524.6, kappa))
    yield from _printed(stretches, printed, _uniaxial(laws, "f", stretches))


GUCCIONE = {
    "fiber": (Guccione(2.0, 8.0, 2.0, 4.0), ("1.018183", "2.420691", "4.557186", "8.096521", "26.467350")),
    "isotropic": (Guccione(10.0, 1.0, 1.0, 1.0), (".794772", "1.709438", "2.794425", "4.110683", "7.771426")),
}


@entry(
    "Guccione, {case} parameters of Land et al. 2015: uniaxial Cauchy stress along the fiber",
    "closed form of Guccione et al. 1991 (doi 10.1115/1.2894084)",
    quick=True,
    cases=GUCCIONE,
)
def guccione(comm: "MPI.Comm", case: tuple[Guccione, tuple[str, ...]]) -> Iterator[Finding]:
    """The law needs the fiber alone."""
    law, printed = case
    stretches = (1.05, 1.1, 1.15, 1.2, 1.3)
    yield from _printed(stretches, printed, _uniaxial((law,), "f", stretches))


OGDEN = {
    "-25": (-25.0, ("-1.214366", "-.259230", ".117707", ".232677")),
    "-20": (-20.0, ("-.875176", "-.230608", ".119239", ".222282")),
    "2": (2.0, ("-.334568", "-.158033", ".142971", ".273554")),
    "10": (10.0, ("-.298851", "-.146025", ".161023", ".358695")),
}


@entry(
    "One-term Ogden, α = {case}: uniaxial nominal stress",
    "closed form 2 μ/α (λ^(α−1) − λ^(−α/2−1)); Ogden 1972 (doi 10.1098/rspa.1972.0026)",
    quick=True,
    cases=OGDEN,
)
def ogden(comm: "MPI.Comm", case: tuple[float, tuple[str, ...]]) -> Iterator[Finding]:
    """Two stretches coincide throughout, where a careless formula divides by zero."""
    alpha, printed = case
    stretches = (0.9, 0.95, 1.05, 1.1)
    yield from _printed(stretches, printed, studies.uniaxial(Ogden(1.0, alpha), stretches).nominal_stress)


TABLE_OF_KAPPA = (
    ".333333", ".314024", ".294320", ".273784", ".251887", ".227924", ".200880", ".169161", ".130002", ".077956",
    "0.000000",
)  # fmt: skip


@entry(
    "Fiber dispersion κ of fractional anisotropy",
    "Giordano & Kleiven 2014 (doi 10.1098/rsif.2013.0914)",
    quick=True,
)
def kappa(comm: "MPI.Comm") -> Iterator[Finding]:
    """The printed table."""
    for fa, shown in zip(np.linspace(0, 1, 11), TABLE_OF_KAPPA, strict=True):
        yield near(f"FA {fa:.1f}", float(shown), float(kappa_from_fa(fa)), absolute=_digits(shown))


@entry(
    "Aligned fibers in pure dilation, k1 = 50 kPa, k2 = 2",
    "2 k1 (I4 − 1) exp(k2 (I4 − 1)²); Helfenstein et al. 2010, Int. J. Solids Struct. 47:2056",
    quick=True,
)
def dilation(comm: "MPI.Comm") -> Iterator[Finding]:
    """Fibers that look at the full C feel a change of volume, those that look at its isochoric part do not."""
    fabric = axisymmetric_fabric((1, 0, 0), 1.0)
    F = 1.05 * I3
    for kind in (HolzapfelGasserOgden, GasserOgdenHolzapfel):
        full, split = (stress(kind(50.0, 2.0, strain=s), fabric)(F) / 1.05 for s in ("full", "isochoric"))
        yield near(
            f"{kind.__name__}, full C: S along the fiber, kPa", 10.4677, float(full[0, 0]), absolute=_digits("10.4677")
        )
        yield at_most(f"{kind.__name__}, isochoric C: greatest stress, kPa", 1e-12, float(np.abs(split).max()))


@entry(
    "Incompressible neo-Hookean solid at stretch 2",
    "closed form, exact",
    quick=True,
)
def stretch_two(comm: "MPI.Comm") -> Iterator[Finding]:
    """The sides find their place by themselves."""
    found = studies.uniaxial(NeoHookean(1.0), (2.0,))
    yield near("lateral stretch − 1", 0.5**0.5 - 1, float(found.lateral_stretches[0, 0]) - 1, absolute=1e-9)
    yield near("Cauchy stress over μ", 3.5, float(found.cauchy_stress[0]), relative=1e-9)


@entry(
    "Turning the observer, and turning tissue and deformation together, changes nothing: {case}",
    "objectivity and material symmetry, exact",
    quick=True,
    cases=PAIRS,
)
def rotation(comm: "MPI.Comm", pair: Pair) -> Iterator[Finding]:
    """P(Q F) = Q P(F), and P(F Qᵀ) of the turned tissue = P(F) Qᵀ."""
    Q = np.linalg.qr(np.array([[0.3, 1.0, -0.2], [-0.7, 0.1, 0.9], [0.5, 0.6, 0.4]]))[0]
    Q *= np.sign(np.linalg.det(Q))
    F, tolerance = 1.15 * STATES["volume"], 1e-10
    P = stress(pair.ours)(F)
    size = float(np.abs(P).max())
    turned = Fabric(Q @ F_, Q @ TISSUE.H @ Q.T, TISSUE.fa, Q @ S_)
    seen, moved = stress(pair.ours)(Q @ F), stress(pair.ours, turned)(F @ Q.T)
    yield at_most("observer: error of the stress", tolerance, float(np.abs(seen - Q @ P).max()) / size)
    yield at_most("tissue: error of the stress", tolerance, float(np.abs(moved - P @ Q.T).max()) / size)
