import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibertwin.imaging import eigen, eigenvalues, fractional_anisotropy, from_matrix, mean_diffusivity, to_matrix
from fibertwin.imaging.algebra import compose, exponential, logarithm, nearest_rotation, rotated


def _random(count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    a = rng.normal(size=(count, 3, 3))
    return from_matrix(np.einsum("nik,njk->nij", a, a) * 1e-3)


def test_components_are_the_lower_triangle_by_rows() -> None:
    matrix = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, 5.0], [4.0, 5.0, 6.0]])
    assert from_matrix(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(to_matrix(np.array([1, 2, 3, 4, 5, 6.0])), matrix)


def test_eigen_descends_is_right_handed_and_gives_the_tensor_back() -> None:
    tensors = _random(500)
    parts = eigen(tensors.reshape(20, 25, 6))
    assert (np.diff(parts.values, axis=-1) <= 0).all()
    np.testing.assert_allclose(np.linalg.det(parts.vectors), 1.0, atol=1e-12)
    np.testing.assert_allclose(compose(parts.values, parts.vectors).reshape(-1, 6), tensors, atol=1e-15)
    np.testing.assert_allclose(eigenvalues(tensors).reshape(20, 25, 3), parts.values, rtol=1e-9)


def test_sheet_confidence_is_westins_planar_measure() -> None:
    tensors = np.array([[2.0, 0, 1.0, 0, 0, 0.5], [2.0, 0, 0.5, 0, 0, 0.5], [0.0] * 6]) * 1e-3
    assert eigen(tensors).sheet_confidence == pytest.approx([0.25, 0.0, 0.0])


@pytest.mark.parametrize(
    ("values", "fa"),
    [
        ((1, 1, 1), 0.0),
        ((1, 0, 0), 1.0),
        ((2, 1, 0.5), np.sqrt(1 / 3)),  # the value printed for the cardiac phantom, 0.57735
        ((1, 1, 0), np.sqrt(0.5)),
    ],
)
def test_fractional_anisotropy_of_known_tensors(values: tuple[float, float, float], fa: float) -> None:
    turned = rotated(
        np.array([values[0], 0, values[1], 0, 0, values[2]]), nearest_rotation(np.arange(9.0).reshape(3, 3) + np.eye(3))
    )
    assert fractional_anisotropy(turned) == pytest.approx(fa, abs=1e-12)
    assert mean_diffusivity(turned) == pytest.approx(sum(values) / 3)


def test_fa_of_nothing_is_zero() -> None:
    assert fractional_anisotropy(np.zeros(6)) == 0.0


def test_logarithm_of_diagonal_tensors_and_back() -> None:
    tensor = np.array([np.e, 0, np.e**2, 0, 0, np.e**-1])
    np.testing.assert_allclose(logarithm(tensor), [1, 0, 2, 0, 0, -1], atol=1e-14)
    many = _random(200)
    np.testing.assert_allclose(exponential(logarithm(many)), many, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=9, max_size=9))
def test_rotating_components_is_rotating_the_matrix(numbers: list[float]) -> None:
    basis = nearest_rotation(np.array(numbers).reshape(3, 3) + 3 * np.eye(3))
    tensors = _random(4)
    np.testing.assert_allclose(
        rotated(tensors, basis), from_matrix(basis @ to_matrix(tensors) @ basis.T), rtol=0, atol=1e-14
    )
