"""Resistance to volume change: one function of J per name, and its form with a pressure."""

from collections.abc import Callable
from dataclasses import dataclass

import ufl
from ufl.core.expr import Expr


@dataclass(frozen=True)
class Volumetric:
    """U(J) = K g(J) with g(1) = g'(1) = 0 and g''(1) = 1 (names and forms as in Doll & Schweizerhof 2000).

    The mixed form is W(J, p) = p θ(J) − c(p, 1/K), stationary in p where p and J belong together. Where U' can be
    inverted, θ = J and c is the Legendre transform, so that p is the mean Cauchy stress; otherwise θ = √(2 g), and c is
    quadratic. Doll & Schweizerhof 2000, J. Appl. Mech. 67:17 (doi 10.1115/1.321146).

    Attributes:
        energy: g(J).
        mixed: W(J, p, 1/K) (kPa) for 1/K > 0.
        limit: W(J, p) (kPa) for 1/K = 0.
        convex: where g is convex in J.
    """

    energy: Callable[[Expr], Expr]
    mixed: Callable[[Expr, Expr, Expr], Expr]
    limit: Callable[[Expr, Expr], Expr]
    convex: str


def _perturbed(J: Expr, p: Expr, k: Expr) -> Expr:
    return p * (J - 1) - 0.5 * k * p**2


def _volume_constraint(J: Expr, p: Expr) -> Expr:
    return p * (J - 1)


def _simo_miehe(J: Expr, p: Expr, k: Expr) -> Expr:
    q = k * p
    inverse = q + ufl.sqrt(1 + q**2)  # J where U'(J) = p
    return p * J - (p * inverse - 0.5 * (0.5 * (inverse**2 - 1) - ufl.ln(inverse)) / k)


def _liu(J: Expr, p: Expr, k: Expr) -> Expr:
    return p * J - (ufl.exp(k * p) - 1) / k


def _miehe(J: Expr, p: Expr, k: Expr) -> Expr:
    return p * J + ufl.ln(1 - k * p) / k


def _logarithmic(J: Expr, p: Expr, k: Expr) -> Expr:
    return p * ufl.ln(J) - 0.5 * k * p**2


VOLUMETRIC: dict[str, Volumetric] = {
    "quadratic": Volumetric(lambda J: 0.5 * (J - 1) ** 2, _perturbed, _volume_constraint, "everywhere"),
    "logarithmic": Volumetric(
        lambda J: 0.5 * ufl.ln(J) ** 2, _logarithmic, lambda J, p: p * ufl.ln(J), "for J below e = 2.718"
    ),
    "simo-miehe": Volumetric(
        lambda J: 0.5 * (0.5 * (J**2 - 1) - ufl.ln(J)), _simo_miehe, _volume_constraint, "everywhere"
    ),
    "liu": Volumetric(lambda J: J * ufl.ln(J) - J + 1, _liu, _volume_constraint, "everywhere"),
    "miehe": Volumetric(lambda J: J - ufl.ln(J) - 1, _miehe, _volume_constraint, "everywhere"),
}
"""The parts by the name that a case file uses.

quadratic: K/2 (J − 1)²; logarithmic: K/2 (ln J)² (Hencky; the pressure variable is then that of the Kirchhoff stress);
simo-miehe: K/4 (J² − 1 − 2 ln J) (Simo & Miehe 1992, doi 10.1016/0045-7825(92)90123-2); liu: K (J ln J − J + 1) (Liu,
Hofstetter & Mang 1994); miehe: K (J − ln J − 1) (Miehe 1994, doi 10.1002/nme.1620371202). All but the quadratic and liu
grow beyond bounds as J goes to 0.
"""
