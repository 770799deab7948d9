"""The closed form against LAPACK, on tensors where closed forms are known to fail."""

import numpy as np
import pytest

from fibertwin.imaging import eigen, eigenvalues, from_matrix, to_matrix
from fibertwin.imaging.algebra import compose, exponential, logarithm

EPS = np.finfo(float).eps

GAPS = (1e-3, 1e-8, 1e-12, 1e-15, 1e-16, 1e-100, 1e-160, 1e-300)
SPECTRA = {
    "apart": [(3.0, 2.0, 1.0), (1.0, 1e-3, 1e-6), (1.0, 0.0, -1.0), (-1.0, -2.0, -5.0)],
    "equal": [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (2.0, 2.0, 1.0), (-1.0, -1.0, -1.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)],
    "upper pair": [(1.0 + gap, 1.0, 0.2) for gap in GAPS],
    "lower pair": [(1.0, 0.2 + gap, 0.2) for gap in GAPS],
    "all near": [(1.0 + 2.0 * gap, 1.0 + gap, 1.0) for gap in GAPS],
    "small pair": [(1.0, gap, -gap) for gap in GAPS],
    "mean between": [(1.0, gap, -1.0) for gap in GAPS],
}
SCALES = (1.0, 1e-3, 1e200, 1e-200)


def _turned(spectra: list[tuple[float, float, float]], count: int = 200) -> np.ndarray:
    """Tensors (n, 6) of the spectra, along the axes themselves, nearly along them, and turned at random."""
    rng = np.random.default_rng(2)
    skew = np.array([[0.0, -1.0, 2.0], [1.0, 0.0, -3.0], [-2.0, 3.0, 0.0]])
    bases = [np.eye(3)[list(order)] for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0))]
    bases += [np.linalg.qr(np.eye(3) + tilt * skew)[0] for tilt in 10.0 ** -np.arange(1.0, 17.0)]
    bases += list(np.linalg.qr(rng.normal(size=(count, 3, 3)))[0])
    turn = np.array(bases)[:, None]
    return np.asarray(from_matrix((turn * np.array(spectra)[:, None, :]) @ turn.swapaxes(-1, -2)).reshape(-1, 6))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", SPECTRA)
def test_hard_spectra_are_decomposed_to_round_off(kind: str, scale: float) -> None:
    tensors = _turned(SPECTRA[kind]) * scale
    matrices, parts = to_matrix(tensors), eigen(tensors)
    largest = np.abs(matrices).max(axis=(1, 2), keepdims=True)
    assert (np.diff(parts.values, axis=1) <= 0).all()
    expected = np.linalg.eigvalsh(matrices)[:, ::-1]
    assert np.abs((parts.values - expected) / largest[..., 0]).max() < 20 * EPS
    gram = parts.vectors.swapaxes(1, 2) @ parts.vectors
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), rtol=0, atol=10 * EPS)
    np.testing.assert_allclose(np.linalg.det(parts.vectors), 1.0, rtol=0, atol=20 * EPS)
    again = to_matrix(compose(parts.values / largest[..., 0], parts.vectors))
    assert np.abs(again - matrices / largest).max() < 20 * EPS


@pytest.mark.parametrize("kind", SPECTRA)
def test_axes_belong_to_their_values(kind: str) -> None:
    tensors = _turned(SPECTRA[kind])
    matrices, parts = to_matrix(tensors), eigen(tensors)
    largest = np.abs(matrices).max(axis=(1, 2))
    residual = matrices @ parts.vectors - parts.vectors * parts.values[:, None, :]
    assert (np.linalg.norm(residual, axis=(1, 2)) / largest).max() < 20 * EPS


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-310, -1e-310, 1.0, -2.5, 1e299])
def test_isotropic_tensors_have_one_value_and_any_right_handed_axes(value: float) -> None:
    parts = eigen(np.array([value, 0, value, 0, 0, value]))
    np.testing.assert_allclose(parts.values, value, rtol=4 * EPS, atol=0)
    assert np.linalg.det(parts.vectors) == pytest.approx(1.0, abs=1e-15)
    assert parts.sheet_confidence == pytest.approx(0.0, abs=4 * EPS)


@pytest.mark.parametrize("exponent", range(-323, -290, 3))
def test_tensors_below_the_normal_numbers_keep_orthonormal_axes(exponent: int) -> None:
    tensors = _turned(SPECTRA["apart"], 20) * 10.0**exponent
    parts = eigen(tensors)
    gram = parts.vectors.swapaxes(1, 2) @ parts.vectors
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), rtol=0, atol=10 * EPS)
    again = compose(parts.values, parts.vectors)
    np.testing.assert_allclose(again, tensors, rtol=0, atol=20 * EPS * np.abs(tensors).max() + 5e-323)


def test_a_tiny_shear_in_an_isotropic_plane_turns_the_axes_by_45_degrees() -> None:
    """Where LAPACK too takes the shear for nothing next to 1, the axes are still orthonormal and the values right."""
    for shear in (1e-3, 1e-100, 1e-140):
        parts = eigen(np.array([2.0, 0, 1.0, 0, shear, 1.0]))
        np.testing.assert_allclose(np.abs(parts.vectors[:, 1]), [0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-12)
        assert parts.values == pytest.approx([2.0, 1.0 + shear, 1.0 - shear], abs=1e-15)


def test_blocks_do_not_show() -> None:
    """More tensors than one block holds, and none at all."""
    rng = np.random.default_rng(8)
    tensors = rng.normal(size=(20_001, 6))
    np.testing.assert_allclose(
        eigenvalues(tensors), np.linalg.eigvalsh(to_matrix(tensors))[:, ::-1], rtol=0, atol=1e-14
    )
    np.testing.assert_array_equal(eigen(tensors).values, eigenvalues(tensors))
    np.testing.assert_allclose(eigen(tensors[-1]).vectors, eigen(tensors).vectors[-1], rtol=0, atol=1e-9)
    assert eigen(np.empty((0, 6))).vectors.shape == (0, 3, 3)
    assert eigen(np.ones((2, 0, 6))).sheet_confidence.shape == (2, 0)


def test_logarithm_and_exponential_are_those_of_lapacks_parts() -> None:
    tensors = _turned([(3e-3, 1e-3, 2e-4), (1e-3, 1e-3, 1e-3), (2e-3, 1e-3, 1e-3)], 300)
    values, vectors = np.linalg.eigh(to_matrix(tensors))
    np.testing.assert_allclose(logarithm(tensors), compose(np.log(values), vectors), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        exponential(1e3 * tensors), compose(np.exp(1e3 * values), vectors), rtol=1e-12, atol=1e-12
    )
