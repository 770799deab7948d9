"""Grid convergence against functions whose order is known."""

import math

import pytest

from fibertwin.convergence import grid_convergence
from fibertwin.convergence_verb import refined, value_at
from fibertwin.errors import InputError


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 3.7])
@pytest.mark.parametrize("sizes", [(1.0, 2.0, 4.0), (1.0, 1.3, 2.1), (0.7, 1.9, 2.4)])
def test_a_power_law_is_recovered(order: float, sizes: tuple[float, ...]) -> None:
    found = grid_convergence([3.0 + 0.2 * h**order for h in sizes], sizes)
    assert found.behavior == "monotone"
    assert found.order == pytest.approx(order, rel=1e-6)
    assert found.extrapolated == pytest.approx(3.0, rel=1e-7)
    # the index bounds the true error by the factor of safety
    assert found.index == pytest.approx(1.25 * 0.2 * sizes[0] ** order / found.values[0], rel=1e-5)


def test_order_of_input_does_not_matter_and_the_three_finest_count() -> None:
    sizes = [8.0, 1.0, 4.0, 2.0]
    values = [99.0, 1 + 1.0, 1 + 16.0, 1 + 4.0]
    found = grid_convergence(values, sizes)
    assert found.sizes == (1.0, 2.0, 4.0)
    assert found.order == pytest.approx(2.0)
    assert found.extrapolated == pytest.approx(1.0)


def test_meshes_in_the_asymptotic_range_are_told() -> None:
    found = grid_convergence([1000 + h**2 for h in (0.01, 0.02, 0.04)], [0.01, 0.02, 0.04])
    assert found.asymptotic == pytest.approx(1.0, rel=1e-5)


def test_oscillation_is_told() -> None:
    # differences +1 and −4: an envelope of second order
    found = grid_convergence([10.0, 11.0, 7.0], [1.0, 2.0, 4.0])
    assert found.behavior == "oscillating"
    assert found.order == pytest.approx(2.0)
    assert "oscillates" in str(found)


@pytest.mark.parametrize("values", [(1.0, 3.0, 3.5), (1.0, 3.0, 2.5), (1.0, 2.0, 2.0), (1.0, 1.0, 2.0)])
def test_growing_differences_are_refused_an_order(values: tuple[float, ...]) -> None:
    found = grid_convergence(values, [1.0, 2.0, 4.0])
    assert found.behavior == "diverging"
    assert math.isnan(found.order)
    assert math.isnan(found.extrapolated)


def test_the_same_value_on_all_is_exact() -> None:
    found = grid_convergence([2.5, 2.5, 2.5], [1.0, 2.0, 4.0])
    assert (found.behavior, found.extrapolated, found.index) == ("exact", 2.5, 0.0)


@pytest.mark.parametrize(
    ("values", "sizes", "words"),
    [
        ((1.0, 2.0), (1.0, 2.0), "three meshes"),
        ((1.0, 2.0, math.nan), (1.0, 2.0, 4.0), "not finite"),
        ((1.0, 2.0, 3.0), (1.0, 1.0, 4.0), "differ"),
        ((1.0, 2.0, 3.0), (0.0, 1.0, 4.0), "positive"),
    ],
)
def test_bad_input_is_refused(values: tuple[float, ...], sizes: tuple[float, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        grid_convergence(values, sizes)


def test_a_case_is_made_finer_by_its_edge_or_cells() -> None:
    finer = {"select": "near-region", "edge": "2 mm"}
    assert refined({"edge": "6 mm", "finer": [finer]}, 2.0) == {
        "anatomy.edge": "3.0 mm",
        "anatomy.finer": [{"select": "near-region", "edge": "1.0 mm"}],
    }
    assert refined({"cells": [3, 4, 5]}, 4.0) == {"anatomy.cells": [12, 16, 20]}
    with pytest.raises(InputError, match="finer"):
        refined({"type": "mesh-file"}, 2.0)


def test_a_quantity_is_a_place_in_the_summary() -> None:
    summary = {"a": {"b": [1.5, 2]}, "c": "word"}
    assert value_at(summary, "a.b.1") == 2.0
    for place in ("a.x", "c", "a.b", "a.b.7"):
        with pytest.raises(InputError, match=r"summary\.json"):
            value_at(summary, place)
