"""What is verified: every target there must be, and the laws' part, which takes a second."""

from pathlib import Path

import pytest
from mpi4py import MPI

from fibertwin import constitutive
from fibertwin.constitutive import StrainEnergy
from fibertwin.verify import problems
from fibertwin.verify.problems.laws import PAIRS, STATES, stress
from fibertwin.verify.run import chosen, run

ENTRIES = problems.every_entry()

WANTED = {
    "laws/law": 25,
    "laws/holzapfel-ogden": 3,
    "laws/gasser-ogden-holzapfel": 4,
    "laws/guccione": 2,
    "laws/ogden": 4,
    "laws/kappa": 1,
    "laws/dilation": 1,
    "laws/rotation": 25,
    "patch/element": 8,
    "patch/law": 25,
    "patch/balance": 8,
    "manufactured/rates/P2": 1,
    "manufactured/rates/P2-P1": 1,
    "manufactured/rates/Q2-Q1": 1,
    "block/stretch-two": 1,
    "relaxation": 5,
    "inflation/sphere": 3,
    "inflation/tube": 4,
    "beat/sphere": 1,
    "beat/refined": 1,
    "torsion/cylinder": 2,
    "ball/nolan": 2,
    "cook/taylor-hood": 2,
    "cook/linear": 1,
    "land/beam": 3,
    "land/inflation": 3,
    "land/contraction": 3,
    "cube/reaction": 2,
}
"""Least number of entries by the beginning of their names."""


@pytest.mark.parametrize("beginning", WANTED)
def test_every_target_is_in_the_list(beginning: str):
    assert sum((e.name + "/").startswith(beginning + "/") for e in ENTRIES) >= WANTED[beginning]


def test_every_file_of_problems_is_a_group():
    files = {path.stem for path in Path(problems.__file__).parent.glob("[a-z]*.py")}
    assert files == set(problems.GROUPS)
    assert all(problems.title(group) for group in problems.GROUPS)


def test_every_published_law_is_compared():
    published = {kind for name in constitutive.__all__ if isinstance(kind := getattr(constitutive, name), type)}
    laws = {kind for kind in published if issubclass(kind, StrainEnergy) and kind is not StrainEnergy}
    assert {type(pair.ours) for pair in PAIRS.values()} >= laws


def test_every_entry_names_its_source():
    assert all(e.source and e.problem and "{" not in e.problem for e in ENTRIES)


def test_the_laws_agree_with_plain_numpy_and_with_the_tables():
    entries = chosen(ENTRIES, quick=True, only="laws/*")
    rows = run(entries, MPI.COMM_SELF)
    assert len(entries) > 60
    assert [(row.entry, row.finding) for row in rows if row.finding.verdict != "met"] == []


def test_plain_numpy_would_notice_a_wrong_law():
    pair = PAIRS["holzapfel-ogden"]
    wrong = type(pair.ours)(**{**pair.ours.parameters, "a_fs": 0.217})
    F = STATES["shear"]
    assert abs(stress(wrong)(F) - pair.plain(F)).max() > 1e-6
