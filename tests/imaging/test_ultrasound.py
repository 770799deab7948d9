from dataclasses import replace

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, eigenvalues
from fibertwin.imaging.ultrasound import (
    Layers,
    Linear,
    Probe,
    Sector,
    SpeedMap,
    error_budget,
    resample,
    resample_tensors,
    sensitivity,
)

TISSUE = Layers((1450.0, 1580.0, 1520.0), (8.0, 15.0))
TILTED = replace(TISSUE, normals=((0.1, 0.05, 1.0), (-0.08, 0.02, 1.0)))
PROBES = {
    "linear": Linear(),
    "steered": Linear(steering=15.0),
    "phased": Sector(),
    "curved": Sector(radius=50.0),
    "matrix": Sector(radius=10.0, volume=True),
}


def cloud(count: int = 400) -> np.ndarray:
    spread = np.random.default_rng(1).uniform((-15, -6, 2), (15, 6, 70), size=(count, 3))
    spread[:, :2] *= spread[:, 2:] / 70  # a fan, well inside the critical angle of every plane
    return spread


def pose() -> np.ndarray:
    from scipy.spatial.transform import Rotation

    found = np.eye(4)
    found[:3, :3] = Rotation.from_euler("xyz", (0.3, -0.8, 1.1)).as_matrix()
    found[:3, 3] = (12.0, -40.0, 7.0)
    return found


def test_a_point_in_slow_tissue_appears_deeper_by_the_ratio_of_speeds() -> None:
    speed = SpeedMap(Linear(), Layers((1480.0,)))
    drawn = speed.apparent(np.array([[3.0, 1.0, 53.2]]))
    np.testing.assert_allclose(drawn, [[3.0, 1.0, 53.2 * 1540 / 1480]], rtol=1e-14)
    assert drawn[0, 2] - 53.2 == pytest.approx(2.157, abs=1e-3)


def test_a_curved_probe_scales_ranges_from_its_face_not_from_its_apex() -> None:
    beam = np.array([np.sin(0.4), 0.0, np.cos(0.4)])
    apex = np.array([0.0, 0.0, -50.0])
    speed = SpeedMap(Sector(radius=50.0), Layers((1480.0,)))
    found = speed.correct((apex + (50.0 + 30.0) * beam)[None])
    np.testing.assert_allclose(found[0], apex + (50.0 + 30.0 * 1480 / 1540) * beam, rtol=1e-13)


def test_times_of_two_layers_add_up_at_normal_incidence() -> None:
    speed = SpeedMap(Linear(), Layers((1450.0, 1580.0), (20.0,)))
    drawn = speed.apparent(np.array([[4.0, 0.0, 60.0]]))
    assert drawn[0, 2] == pytest.approx(1540 * (20 / 1450 + 40 / 1580), rel=1e-13)


def test_an_oblique_beam_bends_by_snells_law() -> None:
    first, second, depth, angle = 1450.0, 1600.0, 20.0, np.radians(20.0)
    speed = SpeedMap(Linear(steering=20.0), Layers((first, second), (depth,)))
    length = 1540 * (depth / np.cos(angle) / first + 25.0 / second)
    below = np.arcsin(np.sin(angle) * second / first)
    found = speed.correct(length * np.array([[np.sin(angle), 0.0, np.cos(angle)]]))
    wanted = (depth * np.tan(angle) + 25.0 * np.sin(below), 0.0, depth + 25.0 * np.cos(below))
    np.testing.assert_allclose(found[0], wanted, atol=1e-12)


def test_the_ray_is_the_path_of_least_time() -> None:
    from scipy.optimize import minimize_scalar

    speed = SpeedMap(Sector(), Layers((1450.0, 1600.0), (20.0,)))
    target = np.array([25.0, 0.0, 60.0])

    def time(x: float) -> float:
        return float(np.hypot(x, 20.0) / 1450 + np.hypot(target[0] - x, 40.0) / 1600)

    best = minimize_scalar(time, bounds=(0.0, 25.0), method="bounded", options={"xatol": 1e-9})
    assert speed.travel_time(target[None])[0] == pytest.approx(best.fun, rel=1e-12)
    drawn = speed.apparent(target[None])[0]
    assert drawn[0] / drawn[2] == pytest.approx(best.x / 20.0, abs=1e-6)


@pytest.mark.parametrize("layers", [TISSUE, TILTED, replace(TISSUE, along_beams=True)], ids=["flat", "tilted", "beams"])
@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_there_and_back_again(probe: Probe, layers: Layers) -> None:
    speed, points = SpeedMap(replace(probe, pose=pose()), layers), cloud() @ pose()[:3, :3].T + pose()[:3, 3]
    np.testing.assert_allclose(speed.correct(speed.apparent(points)), points, rtol=0, atol=1e-9)
    np.testing.assert_allclose(speed.apparent(speed.correct(points)), points, rtol=0, atol=1e-9)


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_the_map_moves_with_the_probe(probe: Probe) -> None:
    here, there, points = SpeedMap(probe, TILTED), SpeedMap(replace(probe, pose=pose()), TILTED), cloud()
    turn, shift = pose()[:3, :3], pose()[:3, 3]
    found = there.correct(points @ turn.T + shift)
    np.testing.assert_allclose(found, here.correct(points) @ turn.T + shift, rtol=0, atol=1e-11)


def test_equal_speeds_move_nothing() -> None:
    speed = SpeedMap(Sector(radius=20.0), Layers((1540.0, 1540.0), (9.0,)))
    np.testing.assert_allclose(speed.correct(cloud()), cloud(), rtol=0, atol=1e-12)


def test_total_reflection_is_told_with_the_critical_angle() -> None:
    speed = SpeedMap(Linear(steering=45.0), Layers((1450.0, 2800.0), (10.0,)))
    beyond = np.array([[30.0, 0.0, 30.0]])
    with pytest.raises(InputError, match=r"totally reflected.*\n.*\n.*31\.2 degrees"):
        speed.correct(beyond)
    assert np.isnan(speed.correct(beyond, "nan")).all()
    np.testing.assert_allclose(speed.correct(np.array([[5.0, 0.0, 5.0]])), [[5 * 1450 / 1540, 0, 5 * 1450 / 1540]])


@pytest.mark.parametrize("volume", [False, True])
def test_the_apex_of_a_phased_array_stays(volume: bool) -> None:
    speed = SpeedMap(Sector(volume=volume), TISSUE)
    np.testing.assert_allclose(speed.correct(np.zeros((1, 3))), 0.0, atol=1e-12)
    np.testing.assert_allclose(speed.apparent(np.zeros((1, 3))), 0.0, atol=1e-12)


def test_points_behind_the_face_are_refused() -> None:
    with pytest.raises(InputError, match=r"behind the probe's face"):
        SpeedMap(Linear(), TISSUE).correct(np.array([[0.0, 0.0, -3.0]]))


@pytest.mark.parametrize(
    ("speeds", "thicknesses"), [((), ()), ((1.48,), ()), ((1480.0, 1500.0), ()), ((1480.0, 1500.0), (-1.0,))]
)
def test_wrong_layers_are_refused(speeds: tuple[float, ...], thicknesses: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        Layers(speeds, thicknesses)


def test_budget_of_one_layer_is_range_times_the_relative_error() -> None:
    speed = SpeedMap(Linear(), Layers((1480.0,)))
    points = speed.apparent(np.array([[0.0, 0.0, 53.2]]))
    by_hand = 53.2 * 10 / 1480
    assert sensitivity(speed, points)[0, 0] == pytest.approx(by_hand, rel=1e-9)
    budget = error_budget(speed, points, draws=4000)
    assert budget.deviation[0] == pytest.approx(by_hand, rel=0.04)
    assert budget.percentile[0] == pytest.approx(1.96 * by_hand, rel=0.05)


def test_images_are_drawn_anew_where_things_truly_are() -> None:
    speed, affine = SpeedMap(Linear(), Layers((1400.0,))), np.diag([1.0, 1.0, 0.5, 1.0])
    depth = np.broadcast_to(0.5 * np.arange(80.0), (3, 2, 80))
    gray = resample(speed, depth, affine)
    inside = depth * 1540 / 1400 <= 39.5
    np.testing.assert_allclose(gray[inside], (depth * 1540 / 1400)[inside], atol=1e-9)
    assert not gray[~inside].any()
    labels = np.where(depth > 22.0, 7, 3).astype(np.uint8)
    found = resample(speed, labels, affine, labels=True)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {0, 3, 7}
    assert found[0, 0, 39] == 3  # truly 19.5 mm deep, drawn at 21.45
    assert found[0, 0, 41] == 7  # truly 20.5 mm deep, drawn at 22.55


def test_a_single_oblique_slice_is_kept_whole() -> None:
    affine = pose() @ np.diag([0.7, 1.0, 0.9, 1.0])
    affine[:3, 3] += pose()[:3, 2] * 2.0
    data = np.random.default_rng(2).uniform(1, 2, (9, 1, 12))
    found = resample(SpeedMap(Linear(pose()), Layers((1540.0,))), data, affine)
    np.testing.assert_allclose(found, data, atol=1e-6)


def test_tensors_keep_their_eigenvalues_and_turn_with_the_map() -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-10, -2, 5)
    components = np.broadcast_to([1.7e-3, 0, 4e-4, 0, 0, 3e-4], (21, 5, 30, 6)).copy()
    mask = np.ones((21, 5, 30), bool)
    image = TensorImage(components, affine, mask, ~mask)
    speed = SpeedMap(Linear(steering=20.0), Layers((1400.0, 1700.0), (15.0,)))
    moved = resample_tensors(speed, image)
    assert moved.mask.sum() > 1000
    values = eigenvalues(moved.components[moved.mask])
    np.testing.assert_allclose(values, np.broadcast_to([1.7e-3, 4e-4, 3e-4], values.shape), rtol=1e-9)
    assert np.abs(moved.components[moved.mask][:, 3]).max() > 1e-5
