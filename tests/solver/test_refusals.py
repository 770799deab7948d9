"""What the solver refuses before it starts, and how it ends where it cannot go on."""

import re

import numpy as np
import pytest
from bodies import SYMMETRY, block, displacements, stretched, tissue
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.errors import InputError, SolveError
from fibertwin.solver import (
    Clamp,
    DeadTraction,
    Displacement,
    PrescribedDisplacement,
    Problem,
    Stepping,
    require,
    solve,
)
from fibertwin.solver.system import State, System

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD
MATRIX = Material((NeoHookean(1.0),), 1e3)


def problem(**changes):
    given = {"materials": {"tissue": MATRIX}, "supports": {"fixed": Clamp("left")}} | changes
    return Problem(block(WORLD, 2), **given)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"supports": {}}, ["translation along x", "rotation about z"]),
        ({"supports": {"x": SYMMETRY["x"], "y": SYMMETRY["y"]}}, ["translation along z"]),
        ({"supports": {"z": Clamp("bottom", "z")}}, ["rotation about z", "translation along y"]),
        ({"supports": {"fixed": Clamp("lef")}}, ["supports.fixed.surface", "lef", "left"]),
        ({"loads": {"pull": DeadTraction("rigth", (1.0, 0.0, 0.0))}}, ["loads.pull.surface", "right"]),
        ({"materials": {"white": MATRIX}}, ["materials.white", "no such region", "materials.tissue"]),
        ({"materials": {"tissue": tissue()}}, ["materials.tissue", "no fibers", "[diffusion]"]),
        (
            {"materials": {"tissue": Material((NeoHookean(1.0),), "incompressible")}, "formulation": Displacement()},
            ["bulk_modulus", "incompressible", "taylor-hood"],
        ),
        (
            {"supports": {"a": Clamp("left"), "b": PrescribedDisplacement("front", (1.0, 0.0, 0.0))}},
            ["supports.b", "supports.a", "disjoint", "1 mm and 0 mm"],
        ),
    ],
)
def test_refused_with_every_reason_named(changes, words):
    with pytest.raises(InputError) as caught:
        solve(problem(**changes))
    for word in words:
        assert word in str(caught.value)


def test_words_that_are_no_petsc_option_are_refused():
    with pytest.raises(InputError, match="-name value"):
        solve(problem(), petsc="ksp_type gmres")


def test_petsc_options_are_used_and_those_that_are_not_are_told():
    anatomy = block(WORLD, 2)
    usual = solve(stretched(anatomy, MATRIX, None))
    direct = solve(stretched(anatomy, MATRIX, None), petsc="-fieldsplit_u_pc_type lu -fieldsplit_u_pc_gamg_typ agg")
    assert "PETSc did not use these options: fieldsplit_u_pc_gamg_typ." in direct.outcome.sentence
    assert "PETSc did not use" not in usual.outcome.sentence
    assert sum(direct.outcome.steps[0].krylov) < sum(usual.outcome.steps[0].krylov)
    assert np.abs(displacements(direct) - displacements(usual)).max() < 1e-9


def test_a_load_beyond_reach_ends_in_a_sentence_and_the_last_equilibrium():
    anatomy = block(WORLD, 2)
    crushed = stretched(anatomy, MATRIX, None, -1.5)
    solution = solve(crushed, Stepping(smallest=0.05))
    outcome = solution.outcome
    assert not outcome.converged
    assert 0 < outcome.level < 1
    assert outcome.cuts >= 2
    assert re.search(r"stopped at 0\.\d+ of the full load", outcome.sentence)
    assert re.search(r"cell is \d+ at \(-?[\d.]+, -?[\d.]+, -?[\d.]+\) mm with J = -?[\d.e-]+", outcome.sentence)
    with pytest.raises(SolveError, match="stopped at"):
        require(solution)
    system = System(crushed)  # a crushed block may buckle either way, so what is kept is asked, not solved for again
    system.set_level(outcome.level)
    system.set_state(State(tuple(f.x.array.copy() for f in solution.unknowns.functions), np.zeros(0)))
    residual = system.residual()
    system.destroy()
    assert residual.norm < 1e-8 * residual.forces


def test_progress_hears_of_every_increment():
    heard = []
    solution = solve(
        stretched(block(WORLD, 2), MATRIX, None),
        Stepping(first=0.5, growth=1.0),
        progress=lambda level, step, sentence: heard.append((level, step, sentence)),
    )
    assert [level for level, _, _ in heard] == [0.5, 1.0]
    assert [step for _, step, _ in heard] == list(solution.outcome.steps)
