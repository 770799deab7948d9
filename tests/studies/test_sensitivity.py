"""Sobol and Morris indices against functions whose indices are known in closed form."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.studies.sensitivity import indices, unit_samples

pytest.importorskip("SALib")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

A, B = 7.0, 0.1


def ishigami(shares: np.ndarray) -> np.ndarray:
    """Ishigami and Homma 1990, doi 10.1109/ISUMA.1990.151285."""
    x, y, z = (np.pi * (2 * shares - 1)).T
    return np.sin(x) + A * np.sin(y) ** 2 + B * z**4 * np.sin(x)


def test_sobol_indices_of_the_ishigami_function() -> None:
    shares = unit_samples(3, "sobol-indices", 2048, 0)
    found = indices("y", ["x", "y", "z"], "sobol-indices", shares, ishigami(shares))
    variance = A**2 / 8 + B * np.pi**4 / 5 + B**2 * np.pi**8 / 18 + 0.5
    first_x, first_y = 0.5 * (1 + B * np.pi**4 / 5) ** 2 / variance, A**2 / 8 / variance
    both = B**2 * np.pi**8 * (1 / 18 - 1 / 50) / variance
    np.testing.assert_allclose(found.first, [first_x, first_y, 0.0], atol=0.03)
    np.testing.assert_allclose(found.total, [first_x + both, first_y, both], atol=0.03)
    assert found.used == 2048 * 5
    assert max(found.first_error) < 0.1


def test_morris_effects_of_a_linear_function_are_its_slopes() -> None:
    shares = unit_samples(3, "morris", 8, 1)
    found = indices("y", ["a", "b", "c"], "morris", shares, shares @ [3.0, -2.0, 0.0])
    np.testing.assert_allclose(found.first, [3.0, 2.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found.total, 0.0, atol=1e-12)


def test_a_failed_member_costs_its_block_only() -> None:
    shares = unit_samples(2, "morris", 10, 1)
    values = shares @ [1.0, 4.0]
    values[4] = np.nan
    found = indices("y", ["a", "b"], "morris", shares, values)
    assert (found.used, found.dropped) == (27, 3)
    np.testing.assert_allclose(found.first, [1.0, 4.0])
    values[:] = np.nan
    with pytest.raises(InputError, match="too few members"):
        indices("y", ["a", "b"], "morris", shares, values)
