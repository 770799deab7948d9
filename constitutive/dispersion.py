"""From diffusion anisotropy to fiber dispersion."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from ufl import sqrt
from ufl.core.expr import Expr


def _kappa(fa: Any, root: Any) -> Any:
    return 0.5 * (6 - 4 * fa**2 - 2 * root(3 * fa**2 - 2 * fa**4)) / (9 - 6 * fa**2)


def kappa_from_fa(fa: ArrayLike) -> NDArray[np.float64]:
    """Dispersion κ (1/3 isotropic, 0 aligned) from fractional anisotropy.

    Giordano & Kleiven 2014, J. R. Soc. Interface (doi 10.1098/rsif.2013.0914): the relation is λ⊥ / tr D of
    an axisymmetric diffusion tensor, so that κ I + (1 − 3κ) a0⊗a0 = D / tr D there.

    Args:
        fa: fractional anisotropy, 0 to 1, any shape.

    Returns:
        κ, same shape.
    """
    return np.asarray(_kappa(np.asarray(fa, dtype=float), np.sqrt))


def kappa_expression(fa: Expr) -> Expr:
    """The same relation in UFL."""
    return _kappa(fa, sqrt)
