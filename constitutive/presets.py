"""Materials with published parameters, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import radians
from types import MappingProxyType

from .blemker_shear import BlemkerShear
from .costa import Costa
from .gasser_ogden_holzapfel import GasserOgdenHolzapfel
from .guccione import Guccione
from .holzapfel_gasser_ogden import HolzapfelGasserOgden
from .holzapfel_ogden import HolzapfelOgden
from .material import Material
from .mooney_rivlin import MooneyRivlin
from .neo_hookean import NeoHookean
from .ogden import Ogden
from .transversely_isotropic import TransverselyIsotropic


@dataclass(frozen=True)
class Preset:
    """A material with the place where its numbers were published.

    Attributes:
        title: tissue and law in a few words.
        source: paper with its DOI, or the address of the software whose numbers they are.
        material: the material, kPa.
        note: what to know before its use: what was measured, what was added here, what is second-hand.
    """

    title: str
    source: str
    material: Material
    note: str = ""


BUDDAY = "Budday et al. 2017, Acta Biomater. 48:319 (doi 10.1016/j.actbio.2016.10.036)"
HOLZAPFEL_OGDEN = "Holzapfel & Ogden 2009, Phil. Trans. R. Soc. A 367:3445, table 1 (doi 10.1098/rsta.2009.0091)"
HGO = "Holzapfel, Gasser & Ogden 2000, J. Elasticity 61:1, table II (doi 10.1023/A:1010835316564)"
LAND = "Land et al. 2015, Proc. R. Soc. A 471:20150641 (doi 10.1098/rspa.2015.0641)"
BLEMKER = "Blemker, Pinsky & Delp 2005, J. Biomech. 38:657 (doi 10.1016/j.jbiomech.2004.04.009)"
VESSEL = "Fiber: around the vessel; sheet: along it."


FITTED = "Fitted here to tension, compression and shear of that paper together (R² of each in this order: "


def _pair(degrees: float) -> tuple[float, float]:
    return radians(degrees), -radians(degrees)


BRAIN = {
    "gray-matter-cortex": Preset(
        "human cortex, Mooney–Rivlin",
        "Peirlinck, Linka, Hurtado & Kuhl 2024, Comput. Methods Appl. Mech. Eng. 418:116534, table 1 "
        "(doi 10.1016/j.cma.2023.116534)",
        Material((MooneyRivlin(0.0026 * 0.4128, 2.2122 * 0.4253),), "incompressible"),
        "Fitted to tension, compression and shear of Budday et al. 2017 together; the second invariant bears all.",
    ),
    "gray-matter-basal-ganglia": Preset(
        "human basal ganglia in compression, one-term Ogden",
        BUDDAY,
        Material((Ogden(0.83, -15.5),), "incompressible"),
        "Second-hand, but it meets the paper's curve with R² = 0.9999. Tension alone gave 0.65 kPa and −32.5.",
    ),
    "white-matter-corpus-callosum": Preset(
        "human corpus callosum in compression, neo-Hookean",
        BUDDAY,
        Material((NeoHookean(0.99),), "incompressible"),
        "Second-hand. The same paper has 0.29 kPa in tension, where this is three times too stiff.",
    ),
    "gray-matter-cortex-ogden": Preset(
        "human cortex, one-term Ogden fitted to three tests together",
        BUDDAY,
        Material((Ogden(1.457, -18.94),), "incompressible"),
        FITTED + "0.92, 1.00, 0.99).",
    ),
    "gray-matter-basal-ganglia-ogden": Preset(
        "human basal ganglia, one-term Ogden fitted to three tests together",
        BUDDAY,
        Material((Ogden(0.6950, -18.40),), "incompressible"),
        FITTED + "0.97, 0.99, 0.99).",
    ),
    "white-matter-corona-radiata-ogden": Preset(
        "human corona radiata, one-term Ogden fitted to three tests together",
        BUDDAY,
        Material((Ogden(0.6328, -23.58),), "incompressible"),
        FITTED + "0.99, 0.95, 0.98).",
    ),
    "white-matter-corpus-callosum-ogden": Preset(
        "human corpus callosum, one-term Ogden fitted to three tests together",
        BUDDAY,
        Material((Ogden(0.3515, -23.56),), "incompressible"),
        FITTED + "0.99, 0.94, 0.98).",
    ),
    "white-matter-axons": Preset(
        "porcine white matter with axons, dispersed by FA",
        "Hajiaghamemar, Wu, Panzer & Margulies 2020, Biomech. Model. Mechanobiol. 19:1109, table 2, PMC7203590 "
        "(doi 10.1007/s10237-019-01273-8)",
        Material((NeoHookean(3.0478), GasserOgdenHolzapfel(35.767, 0.0, "fa")), 2.19e6),
        "Second-hand: check the paper. Moduli at once, for impacts; the published tissue relaxes to a tenth within a "
        "second. Its further fibers of 43.432 kPa are elements of their own there, and left out here.",
    ),
    "brain-torsion": Preset(
        "porcine brain in torsion, Mooney–Rivlin",
        "Balbi, Trotta, Destrade & Ní Annaidh 2019, Soft Matter 15:5147 (doi 10.1039/C9SM00131J)",
        Material((MooneyRivlin(0.5 * 0.900 - 0.297, 0.297),), "incompressible"),
        "Means of the abstract: shear modulus 900 ± 312 Pa, c2 = 297 ± 189 Pa; c1 is half the modulus less c2.",
    ),
    "brain-impact": Preset(
        "human brain under impact, two-term Ogden",
        "Kleiven 2007, Stapp Car Crash J. 51:81 (doi 10.4271/2007-22-0003)",
        Material((Ogden((0.0538, -0.1204), (10.1, -12.9), "mu/alpha"),), "incompressible"),
        "Second-hand: check the paper. Its six relaxing terms are left out.",
    ),
}

MYOCARDIUM = {
    "myocardium-shear": Preset(
        "porcine myocardium, orthotropic Holzapfel–Ogden fitted to shear",
        HOLZAPFEL_OGDEN,
        Material((HolzapfelOgden(0.059, 8.023, 18.472, 16.026, 2.481, 11.120, 0.216, 11.436),), "incompressible"),
    ),
    "myocardium-reduced": Preset(
        "porcine myocardium, Holzapfel–Ogden without coupling, fitted to shear",
        HOLZAPFEL_OGDEN,
        Material((HolzapfelOgden(0.057, 8.094, 21.503, 15.819, 6.841, 6.959),), "incompressible"),
    ),
    "myocardium-biaxial": Preset(
        "canine myocardium, transversely isotropic Holzapfel–Ogden fitted to biaxial tests",
        HOLZAPFEL_OGDEN,
        Material((HolzapfelOgden(2.280, 9.726, 1.685, 15.779, sheets=False),), "incompressible"),
    ),
    "myocardium-em01": Preset(
        "myocardium, orthotropic Holzapfel–Ogden of the CardioMechanics software",
        "case EM01 of CardioMechanics (https://github.com/KIT-IBT/CardioMechanics)",
        Material((HolzapfelOgden(0.33, 9.242, 18.535, 15.972, 2.564, 10.446, 0.417, 11.602),), "incompressible"),
        "Numbers of a software; the paper of the fit is not told there.",
    ),
    "myocardium-benchmark": Preset(
        "myocardium of the elastodynamic benchmark: shear fit, smooth switch, nearly incompressible",
        "Aróstica et al. 2025, Comput. Methods Appl. Mech. Eng. 117485 (doi 10.1016/j.cma.2024.117485)",
        Material(
            (HolzapfelOgden(0.059, 8.023, 18.472, 16.026, 2.481, 11.120, 0.216, 11.436, switch="smooth"),),
            1e3,
            "simo-miehe",
        ),
        "Without the benchmark's viscosity.",
    ),
    "myocardium-guccione": Preset(
        "myocardium, Guccione with fibers, problems 1 and 3",
        LAND,
        Material((Guccione(2.0, 8.0, 2.0, 4.0),), "incompressible"),
        "Chosen for a benchmark, not fitted.",
    ),
    "myocardium-guccione-isotropic": Preset(
        "myocardium, Guccione without anisotropy, problem 2",
        LAND,
        Material((Guccione(10.0, 1.0, 1.0, 1.0),), "incompressible"),
        "Chosen for a benchmark, not fitted.",
    ),
    "myocardium-orthotropic-fung": Preset(
        "myocardium, orthotropic exponential",
        "Usyk, LeGrice & McCulloch 2002, Comput. Vis. Sci. 4:249 (doi 10.1007/s00791-002-0081-9)",
        Material((Costa(0.88, 8.0, 6.0, 3.0, 12.0, 3.0, 3.0),), "incompressible"),
        "Second-hand, as the software pulse has it.",
    ),
    "myocardium-orthotropic-fung-canine": Preset(
        "canine myocardium, orthotropic exponential",
        "Usyk, Mazhari & McCulloch 2000, J. Elasticity 61:143 (doi 10.1023/A:1010883920374)",
        Material((Costa(0.88, 5.0, 6.0, 3.0, 10.0, 2.0, 2.0),), "incompressible"),
        "Second-hand, as the software CardioMechanics has it.",
    ),
}

ARTERY = {
    "artery-adventitia-iliac": Preset(
        "human iliac adventitia, two dispersed families",
        "Gasser, Ogden & Holzapfel 2006, J. R. Soc. Interface 3:15 (doi 10.1098/rsif.2005.0073)",
        Material((NeoHookean(7.64), GasserOgdenHolzapfel(996.6, 524.6, 0.226, _pair(49.98))), "incompressible"),
        VESSEL + " c and κ second-hand. The switch is on E of each family.",
    ),
    "artery-media-carotid": Preset(
        "rabbit carotid media, two families",
        HGO,
        Material((NeoHookean(3.0), HolzapfelGasserOgden(2.3632, 0.8393, _pair(29))), "incompressible"),
        VESSEL + " Second-hand.",
    ),
    "artery-adventitia-carotid": Preset(
        "rabbit carotid adventitia, two families",
        HGO,
        Material((NeoHookean(0.3), HolzapfelGasserOgden(0.5620, 0.7112, _pair(62))), "incompressible"),
        VESSEL + " Second-hand.",
    ),
}

MUSCLE_TENDON_SKIN = {
    # the toe's scale is the strongest tension, 300 kPa, times P1
    "skeletal-muscle": Preset(
        "skeletal muscle at rest, Blemker",
        BLEMKER,
        Material(
            (
                BlemkerShear(0.5, 0.5),
                TransverselyIsotropic(300 * 0.05, 6.6, 1.4, slack=1.07, measure="nominal", strain="isochoric"),
            ),
            1e4,
            "logarithmic",
        ),
        "Optimal stretch 1.07 as in the manual of FEBio; the bulk modulus is the paper's. Contraction is another term.",
    ),
    "tendon": Preset(
        "tendon, Blemker",
        BLEMKER,
        Material(
            (BlemkerShear(50.0, 50.0), TransverselyIsotropic(2.7e3, 46.4, 1.03, strain="isochoric")),
            1e4,
            "logarithmic",
        ),
        "Numbers as in the manual of FEBio, the bulk modulus too.",
    ),
    "skin": Preset(
        "human skin of the back, two dispersed families",
        "Ní Annaidh et al. 2012, Ann. Biomed. Eng. 40:1666 (doi 10.1007/s10439-012-0542-3)",
        Material(
            (NeoHookean(201.4), GasserOgdenHolzapfel(201.4 * 243.6 / 2, 0.1327, 0.1404, _pair(41))), "incompressible"
        ),
        "Fiber: along Langer's lines; sheet: across them in the skin. mu, κ, k2 and 243.6 (k1 over mu/2) are in the "
        "abstract; the form that makes k1 24.5 MPa, and the angle, are second-hand.",
    ),
}

PRESETS: Mapping[str, Preset] = MappingProxyType(BRAIN | MYOCARDIUM | ARTERY | MUSCLE_TENDON_SKIN)
"""All of them."""
