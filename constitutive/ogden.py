"""Ogden solid with any number of terms."""

from dataclasses import dataclass
from typing import Annotated, Literal

from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain
from .principal import SHIFT, sum_over_principal

Modulus = Annotated[float, Unit("kPa")]
Exponent = Annotated[float, Unit("")]
Definition = Literal["2mu/alpha^2", "mu/alpha"]
"""What stands before Σ λ^alpha − 3: two customs, whose moduli differ by the factor alpha/2."""


@dataclass(frozen=True)
class Ogden(StrainEnergy):
    """psi = Σ w_i (Σ λ^alpha_i − 3) over principal stretches λ, with w = 2 mu/alpha² or w = mu/alpha.

    Ogden 1972, Proc. R. Soc. A 326:565 (doi 10.1098/rspa.1972.0026). With ``"2mu/alpha^2"`` (Budday et al. 2017, doi
    10.1016/j.actbio.2016.10.036) the shear modulus at rest is Σ mu_i, with ``"mu/alpha"`` (Ogden's own) it is Σ mu_i
    alpha_i/2. alpha = 2 is the neo-Hookean solid; brain tissue has large negative exponents, stiffer in compression
    than in tension. Smooth where stretches coincide.

    Attributes:
        mu: modulus of each term: a number, or several.
        alpha: exponent of each term, not zero: as many as moduli.
        definition: what mu is: ``"2mu/alpha^2"`` (the default) or ``"mu/alpha"``.
        strain: ``"isochoric"`` (stretches of J^(-1/3) F, the default), or ``"full"`` (stretches of F, and − Σ w_i
            alpha_i ln J, which frees rest of stress).
    """

    mu: Modulus | tuple[Modulus, ...]
    alpha: Exponent | tuple[Exponent, ...]
    definition: Definition = "2mu/alpha^2"
    strain: Strain = "isochoric"

    def __post_init__(self) -> None:
        mu, alpha = _each(self.mu), _each(self.alpha)
        if len(mu) != len(alpha) or not mu:
            raise ValueError(f"has {len(mu)} moduli mu and {len(alpha)} exponents alpha; wanted as many, at least one")
        if any(_is_number(a) and a == 0 for a in alpha):
            raise ValueError("alpha must not be zero")
        if all(map(_is_number, (*mu, *alpha))):
            shear = sum(w * a**2 / 2 for w, a in self._terms())
            if shear <= 0:
                raise ValueError(f"has the shear modulus {shear:g} kPa at rest, which must be positive")

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        terms = self._terms()
        isochoric = self.strain == "isochoric"

        def energy(square: Expr) -> Expr:
            return sum(
                w * kinematics.J ** (-a / 3) * square ** (a / 2) if isochoric else w * square ** (a / 2)
                for w, a in terms
            )

        # the shift that keeps coincident stretches smooth adds its share at rest too
        shifted = [(w * (1 + a * (a - 2) / 4 * SHIFT**2), a) for w, a in terms]
        at_rest = 3 * sum(w for w, _ in shifted)
        rest = kinematics.rest(sum(w * a for w, a in shifted), self.strain)
        return sum_over_principal(kinematics.C, energy) - at_rest - rest

    def _terms(self) -> list[tuple[Expr, Expr]]:
        """Weight w (kPa) and exponent of each term."""
        pairs = zip(_each(self.mu), _each(self.alpha), strict=True)
        if self.definition == "mu/alpha":
            return [(mu / alpha, alpha) for mu, alpha in pairs]
        return [(2 * mu / alpha**2, alpha) for mu, alpha in pairs]


def _each(value: Expr | float | tuple[Expr | float, ...]) -> tuple[Expr | float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
