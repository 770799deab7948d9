"""Axes and designs: what is drawn, what is refused, and which samples are near."""

from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.studies import nearest
from fibertwin.studies.samples import axes_of, draw, from_csv, quantity

MU, DEPTH = "materials.tissue.energies.0.mu", "supports.plate.depth"


def test_a_grid_is_the_product_and_zip_goes_in_step() -> None:
    axes = axes_of({MU: ["1 kPa", "2 kPa"], DEPTH: {"from": "0.5 mm", "to": "1.5 mm", "steps": 3}})
    grid = draw(axes, "grid", 1, 0)
    assert len(grid) == 6
    assert {row[DEPTH] for row in grid} == {"0.5 mm", "1.0 mm", "1.5 mm"}
    pairs = draw(axes_of({MU: [1, 2], DEPTH: [3, 4]}), "zip", 1, 0)
    assert pairs == [{MU: 1, DEPTH: 3}, {MU: 2, DEPTH: 4}]


def test_even_in_the_logarithm() -> None:
    (axis,) = axes_of({MU: {"from": "0.1 kPa", "to": "10 kPa", "steps": 3, "scale": "log"}})
    assert [row[MU] for row in draw([axis], "grid", 1, 0)] == ["0.1 kPa", "1.0 kPa", "10.0 kPa"]


def test_a_latin_hypercube_has_one_sample_in_each_slice_of_each_axis_and_the_seed_says_which() -> None:
    axes = axes_of({MU: {"from": "2 kPa", "to": "3 kPa"}, DEPTH: {"from": "0 mm", "to": "1 mm"}})
    drawn = draw(axes, "latin-hypercube", 10, 3)
    for key, low in ((MU, 2.0), (DEPTH, 0.0)):
        numbers = [quantity(row[key])[0] - low for row in drawn]
        assert sorted(int(10 * x) for x in numbers) == list(range(10))
    assert drawn == draw(axes, "latin-hypercube", 10, 3)
    assert drawn != draw(axes, "latin-hypercube", 10, 4)


def test_sobol_points_are_balanced() -> None:
    axes = axes_of({MU: {"from": 0, "to": 1}, DEPTH: {"from": 0, "to": 1}})
    points = np.array([[row[MU], row[DEPTH]] for row in draw(axes, "sobol", 16, 0)])
    counts, *_ = np.histogram2d(*points.T, bins=4, range=((0, 1), (0, 1)))
    assert (counts == 1).all()


def test_a_table_of_samples(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    path.write_text(f"{MU},solve.quadrature_degree\n1.5 kPa,3\n2e-1 kPa,4\n")
    assert from_csv(path) == [
        {MU: "1.5 kPa", "solve.quadrature_degree": 3},
        {MU: "2e-1 kPa", "solve.quadrature_degree": 4},
    ]
    path.write_text(f"{MU},a\n1\n")
    with pytest.raises(InputError, match="does not fit the heading"):
        from_csv(path)


def test_everything_that_is_wrong_with_axes_is_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        axes_of({
            "a": [],
            "b": "1 kPa",
            "c": {"from": "1 kPa", "to": "2 mm"},
            "d": {"from": 2, "to": 1},
            "e": {"from": 0, "to": 1, "scale": "log", "setps": 3},
        })  # fmt: skip
    assert len(told.value.problems) == 5


@pytest.mark.parametrize(
    ("axes", "design", "members", "words"),
    [
        ({}, "grid", 1, "there is none"),
        ({MU: {"from": 0, "to": 1}}, "grid", 1, "needs steps"),
        ({MU: [1, 2], DEPTH: [1]}, "zip", 1, "not of one length"),
        ({MU: [1, 2]}, "sobol", 4, "fills a range"),
        ({MU: {"from": 0, "to": 1}}, "sobol", 6, "power of two"),
    ],
)
def test_axes_that_do_not_suit_a_design(axes: dict, design: str, members: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        draw(axes_of(axes), design, members, 0)


def test_who_is_near() -> None:
    samples = [{"a": f"{x} kPa", "b": word} for x, word in ((0, "p"), (10, "p"), (9, "p"), (10, "q"))]
    points = nearest.coordinates(samples)
    assert nearest.nearest(points, 2, [0, 1, 3]) == 1
    assert nearest.nearest(points, 2, []) is None
    assert nearest.next_for(points, [0, 2, 3], [1]) == 2
    assert nearest.chain(points) == [0, 2, 1, 3]
