"""Supports in any direction: rollers on oblique planes, rigid motions, springs, histories, against closed forms."""

import numpy as np
import pytest
from bodies import SYMMETRY, block, displacements
from mpi4py import MPI
from scipy.spatial.transform import Rotation

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.curve import Curve
from fibertwin.errors import InputError
from fibertwin.solver import (
    Clamp,
    DeadTraction,
    Displacement,
    FollowerPressure,
    NormalDisplacement,
    PrescribedDisplacement,
    Problem,
    RigidMotion,
    Springs,
    Stepping,
    SymmetryPlane,
    TaylorHood,
    fields,
    require,
)
from fibertwin.solver import solve as attempt

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD
MATRIX = Material((NeoHookean(1.0),), 50.0)
TIGHT = Stepping(tolerance=1e-12)
TURN = Rotation.from_rotvec((0.4, -0.7, 0.9)).as_matrix()
FORMULATIONS = {"taylor-hood": TaylorHood(), "P2": Displacement(2)}
PLANES = {"x": SymmetryPlane("left"), "y": SymmetryPlane("back"), "z": SymmetryPlane("bottom")}


def solve(problem, stepping=None, **more):
    return require(attempt(problem, stepping, **more))


def turned(cells: int = 2):
    """The unit cube, turned about the origin."""
    anatomy = block(WORLD, cells)
    anatomy.mesh.geometry.x[:] = anatomy.mesh.geometry.x @ TURN.T
    return anatomy


@pytest.mark.parametrize("formulation", FORMULATIONS.values(), ids=FORMULATIONS)
def test_rollers_on_oblique_planes_leave_the_answer_of_the_upright_cube(formulation):
    pull = np.array((0.3, 0.02, -0.05))
    upright = solve(
        Problem(block(WORLD, 2), {"tissue": MATRIX}, SYMMETRY, {"pull": DeadTraction("right", tuple(pull))},
                formulation=formulation), TIGHT
    )  # fmt: skip
    oblique = solve(
        Problem(turned(), {"tissue": MATRIX}, PLANES, {"pull": DeadTraction("right", tuple(TURN @ pull))},
                formulation=formulation), TIGHT
    )  # fmt: skip
    rows = displacements(oblique)
    back = np.column_stack([rows[:, :3] @ TURN, rows[:, 3:] @ TURN])
    back = back[np.lexsort(np.round(back[:, :3], 6).T)]
    assert np.abs(displacements(upright)[:, 3:]).max() > 0.05
    np.testing.assert_allclose(back, displacements(upright), atol=1e-9)
    for name in PLANES:
        np.testing.assert_allclose(oblique.reactions[name], TURN @ upright.reactions[name], atol=1e-9)


def test_upright_rollers_need_no_projection_and_are_clamps_of_one_component():
    loads = {"pull": DeadTraction("right", (0.3, 0.0, 0.0))}
    rollers, clamps = (
        displacements(solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, supports, loads), TIGHT))
        for supports in (PLANES, SYMMETRY)
    )
    np.testing.assert_allclose(rollers, clamps, atol=1e-13)


def test_a_face_moved_along_its_normal_slides_across_it():
    """Three rollers and a sliding push along an oblique normal: the motion is affine, whichever way the cube stands."""
    supports = {**PLANES, "push": NormalDisplacement("right", -0.2, slide=True)}
    solution = solve(Problem(turned(), {"tissue": MATRIX}, supports), TIGHT)
    state = fields(solution.problem, solution.unknowns).state
    F = TURN.T @ state.F @ TURN
    np.testing.assert_allclose(F[..., 0, 0], 0.8, atol=1e-9)
    np.testing.assert_allclose(F[..., 1, 1], F[..., 2, 2], atol=1e-9)
    np.testing.assert_allclose(F[..., 0, 1], 0.0, atol=1e-9)
    assert solution.reactions["push"] @ TURN[:, 0] < -0.3


def test_a_face_moved_along_its_normal_without_sliding_is_glued():
    glued = NormalDisplacement("right", 0.1)
    plate = PrescribedDisplacement("right", (0.1, 0.0, 0.0))
    one, other = (
        displacements(solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, {"a": Clamp("left"), "b": b}), TIGHT))
        for b in (glued, plate)
    )
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_turning_the_whole_boundary_turns_the_inside_and_strains_nothing():
    turn = RigidMotion("boundary", rotation=(0.3, 0.9, -0.5), translation=(0.1, 0.0, 0.2), center=(0.0, 0.0, 0.0))
    solution = solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, {"all": turn}), Stepping(first=0.25, tolerance=1e-11))
    rows = displacements(solution)
    R = Rotation.from_rotvec(turn.rotation).as_matrix()
    np.testing.assert_allclose(rows[:, :3] + rows[:, 3:], rows[:, :3] @ R.T + turn.translation, atol=1e-9)
    assert abs(solution.stored_energy) < 1e-12


def test_a_history_from_a_file_is_followed_line_by_line(shared_path):
    table = "time,x,y,z,rx,ry,rz\n0,0,0,0,0,0,0\n0.5,0.1,0,0,0,0,0.4\n1,0.1,0.2,0,0,0,0\n"
    file = shared_path / "motion.csv"
    if WORLD.rank == 0:
        file.write_text(table)
    WORLD.barrier()
    motion = RigidMotion("right", history=file)
    problem = Problem(block(WORLD, 2), {"tissue": MATRIX}, {"fixed": Clamp("left"), "moved": motion})
    solution = solve(problem, Stepping(tolerance=1e-10))
    assert [step.level for step in solution.outcome.steps][-1] == 1.0
    assert 0.5 in [step.level for step in solution.outcome.steps]
    rows = displacements(solution)
    np.testing.assert_allclose(rows[rows[:, 0] > 0.999, 3:], np.broadcast_to((0.1, 0.2, 0.0), (25, 3)), atol=1e-12)


def test_a_load_that_comes_and_goes_leaves_no_trace():
    curve = Curve((0.0, 2.0, 5.0), (0.0, 1.0, 0.0))
    loads = {"push": FollowerPressure("right", 0.3, curve=curve)}
    heard = []
    solution = solve(
        Problem(block(WORLD, 2), {"tissue": MATRIX}, {"fixed": Clamp("left")}, loads),
        Stepping(end=5.0, tolerance=1e-12),
        progress=lambda level, step, sentence: heard.append(level),
    )
    assert heard == pytest.approx([0.4, 1.0])
    assert np.abs(displacements(solution)[:, 3:]).max() < 1e-10


@pytest.mark.parametrize("direction", ["full", "normal"])
def test_springs_bear_the_load(direction):
    """One face on springs, pulled straight: the springs' force is the load, their stretch is force over stiffness."""
    rest = {"rest": Springs("left", 2.0, direction)}
    supports = rest if direction == "full" else {**rest, "y": Clamp("back", "y"), "z": Clamp("bottom", "z")}
    loads = {"pull": DeadTraction("right", (0.3, 0.0, 0.0))}
    solution = solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, supports, loads), TIGHT)
    np.testing.assert_allclose(solution.reactions["rest"], (-0.3, 0.0, 0.0), atol=1e-9)
    rows = displacements(solution)
    left = rows[rows[:, 0] < 1e-9]
    if direction == "normal":
        np.testing.assert_allclose(left[:, 3], 0.15, atol=1e-9)


def test_a_body_on_normal_springs_alone_may_still_slide_and_spin():
    with pytest.raises(InputError) as raised:
        solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, {"rest": Springs("left", 2.0)}))
    (problem,) = raised.value.problems
    assert (
        problem.got == "translation along y; translation along z; rotation about x" or "rotation about x" in problem.got
    )
    assert "translation along x" not in problem.got


def test_a_curved_surface_is_no_symmetry_plane():
    with pytest.raises(InputError, match="is not flat"):
        solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, {"all": SymmetryPlane("boundary")}))


def test_oblique_supports_that_contradict_each_other_are_refused():
    supports = {"a": Clamp("right"), "b": NormalDisplacement("right", 0.1, slide=True)}
    with pytest.raises(InputError, match=r"cannot hold|holds elsewhere"):
        solve(Problem(turned(), {"tissue": MATRIX}, supports))
