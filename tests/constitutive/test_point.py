"""UFL in plain numbers, against numpy; energy, stress and tangent at many points."""

import numpy as np
import pytest
import ufl

from fibertwin.constitutive import FromImage, GasserOgdenHolzapfel, HolzapfelOgden, Material, NeoHookean, Ogden
from fibertwin.constitutive.numeric import Program, evaluate, symbol
from fibertwin.constitutive.point import (
    AT_ONCE,
    Fabric,
    axisymmetric_fabric,
    cauchy_stress,
    energies,
    energy,
    first_piola_kirchhoff,
    tangent,
    volumetric_pressure,
)

RNG = np.random.default_rng(3)
A, B, U, X = symbol((3, 3)), symbol((3, 3)), symbol((3,)), symbol()
VALUES = {
    A: np.eye(3) + 0.3 * RNG.normal(size=(5, 3, 3)),
    B: RNG.normal(size=(3, 3)),
    U: RNG.normal(size=(5, 3)),
    X: RNG.uniform(0.2, 0.9, size=5),
}
a, b, u, x = VALUES[A], VALUES[B], VALUES[U], VALUES[X]
i, j, k = ufl.indices(3)

EXPRESSIONS = {
    "product of matrices": (A * B, a @ b),
    "transposed": (A.T * U, np.einsum("nji,nj->ni", a, u)),
    "determinant": (ufl.det(A), np.linalg.det(a)),
    "inverse": (ufl.inv(A), np.linalg.inv(a)),
    "cofactor": (ufl.cofac(A), np.linalg.det(a)[:, None, None] * np.linalg.inv(a).transpose(0, 2, 1)),
    "trace": (ufl.tr(A), np.trace(a, axis1=1, axis2=2)),
    "inner": (ufl.inner(A, B), np.einsum("nij,ij->n", a, b)),
    "outer": (ufl.outer(U, B), np.einsum("ni,jk->nijk", u, b)),
    "cross": (ufl.cross(U, A[0, :]), np.cross(u, a[:, 0])),
    "deviator": (ufl.dev(A), a - np.trace(a, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)),
    "diagonal": (A[i, i] * U[j] * U[j], np.einsum("nii,nj,nj->n", a, u, u)),
    "permuted": (ufl.as_tensor(A[i, j] * U[k], (k, j, i)), np.einsum("nij,nk->nkji", a, u)),
    "scaled": (ufl.as_tensor(A[i, j] / X, (i, j)), a / x[:, None, None]),
    "list": (ufl.as_vector([X, 2.0, U[1]]), np.stack([x, np.full(5, 2.0), u[:, 1]], axis=1)),
    "list of rows": (ufl.as_matrix([[A[0, i] * U[i], 0], [X, 1]])[0, 0], np.einsum("ni,ni->n", a[:, 0], u)),
    "powers": (X**2.5 - abs(-X) + ufl.sqrt(X), x**2.5 - x + np.sqrt(x)),
    "transcendental": (ufl.exp(X) + ufl.ln(X) + ufl.tanh(X) + ufl.erf(X) + ufl.acos(X),),
    "angle": (ufl.atan2(X, U[0]), np.arctan2(x, u[:, 0])),
    "bounds": (ufl.max_value(X, 0.5) - ufl.min_value(U[0], 0), np.maximum(x, 0.5) - np.minimum(u[:, 0], 0)),
    "condition": (
        ufl.conditional(ufl.And(ufl.gt(X, 0.3), ufl.Not(ufl.le(U[0], 0))), X, -X),
        np.where((x > 0.3) & ~(u[:, 0] <= 0), x, -x),
    ),
    "number": (ufl.as_ufl(3) + 2 * ufl.Identity(3)[0, 0], np.full(5, 5.0)),
    "zero": (ufl.zero(3, 3), np.zeros((5, 3, 3))),
}


def _transcendental():
    from math import erf

    return np.exp(x) + np.log(x) + np.tanh(x) + np.array([erf(v) for v in x]) + np.arccos(x)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression_is_what_numpy_says(name):
    expression, *expected = EXPRESSIONS[name]
    wanted = expected[0] if expected else _transcendental()
    found = evaluate(expression, VALUES)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14)


def test_derivatives_are_taken():
    F = ufl.variable(A)
    found = evaluate(ufl.diff(ufl.tr(F.T * F) ** 2, F), VALUES)
    np.testing.assert_allclose(found, 4 * (a**2).sum(axis=(1, 2))[:, None, None] * a, rtol=1e-13)


def test_the_branch_not_taken_may_be_undefined():
    root = ufl.conditional(ufl.gt(X, 0), ufl.sqrt(X), 0)
    np.testing.assert_array_equal(evaluate(root, {X: np.array([-1.0, 4.0])}), [0, 2])


def test_numbers_that_hold_everywhere_give_one_point():
    assert evaluate(X**2, {X: 3.0}).shape == (1,)


def test_missing_and_misshapen_values_are_errors():
    program = Program(A[0, 0] * X)
    with pytest.raises(KeyError, match="no value"):
        program({X: 1.0})
    with pytest.raises(ValueError, match=r"wanted \(3, 3\)"):
        program({X: 1.0, A: np.eye(2)})


def test_a_node_that_is_not_known_is_named():
    with pytest.raises(NotImplementedError, match="BesselJ has no value at a point"):
        Program(ufl.bessel_J(1, X))


MYOCARDIUM = Material((HolzapfelOgden(0.059, 8.023, 18.472, 16.026, 2.481, 11.12, 0.216, 11.436),), 100.0)
MANY = np.eye(3) + 0.1 * RNG.normal(size=(AT_ONCE + 3, 3, 3))
FABRIC = axisymmetric_fabric((1, 2, 3), 0.5)


def test_many_points_are_those_one_by_one():
    picked = [0, AT_ONCE - 1, AT_ONCE, AT_ONCE + 2]
    for function in (energies, first_piola_kirchhoff, tangent, cauchy_stress):
        together = function(MYOCARDIUM, MANY, FABRIC)
        for point in picked:
            np.testing.assert_allclose(together[point], function(MYOCARDIUM, MANY[point], FABRIC), rtol=1e-12)
    assert tangent(MYOCARDIUM, MANY[:4].reshape(2, 2, 3, 3), FABRIC).shape == (2, 2, 3, 3, 3, 3)


def test_fabric_may_differ_from_point_to_point():
    axes = np.array([[1.0, 0, 0], [0, 0.6, 0.8]])
    each = [axisymmetric_fabric(axis, fa) for axis, fa in zip(axes, (0.2, 0.9), strict=True)]
    fabric = Fabric(
        axes, np.array([f.structure_tensor for f in each]), np.array([0.2, 0.9]), np.array([f.sheet for f in each])
    )
    material = Material((NeoHookean(1.0), GasserOgdenHolzapfel(5.0, 2.0, "fa")), 100.0)
    together = first_piola_kirchhoff(material, MANY[:2], fabric)
    for point in (0, 1):
        single = first_piola_kirchhoff(material, MANY[point], each[point])
        np.testing.assert_allclose(together[point], single, rtol=1e-12)
    with pytest.raises(ValueError, match="at 2 points"):
        first_piola_kirchhoff(material, MANY[:3], fabric)


def test_another_number_does_not_change_the_form():
    F = np.diag([1.2, 0.9, 1.0])
    one, two = (energy(Material((Ogden(mu, -5.0),), 100.0), F) for mu in (1.0, 2.0))
    assert two == pytest.approx(2 * one, rel=1e-12)


def test_a_number_that_varies_in_space_is_refused(tmp_path):
    material = Material((NeoHookean(FromImage(tmp_path / "mu.nii")),), 100.0)
    with pytest.raises(ValueError, match="mu varies in space"):
        energy(material, np.eye(3))


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        first_piola_kirchhoff(MYOCARDIUM, np.eye(2), FABRIC)


@pytest.mark.parametrize(
    ("name", "pressure"),
    [
        ("quadratic", lambda J: J - 1),
        ("logarithmic", lambda J: np.log(J) / J),
        ("simo-miehe", lambda J: (J - 1 / J) / 2),
        ("liu", np.log),
        ("miehe", lambda J: 1 - 1 / J),
    ],
)
def test_pressure_of_the_volumetric_parts(name, pressure):
    J = np.array([[0.7, 1.0], [1.3, 2.0]])
    material = Material((NeoHookean(1.0),), 40.0, name)
    np.testing.assert_allclose(volumetric_pressure(material, J), 40 * pressure(J), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(volumetric_pressure(material, 1.0, order=2), 40, rtol=1e-13)


def test_no_pressure_from_exact_incompressibility():
    with pytest.raises(ValueError, match="no energy of volume"):
        volumetric_pressure(Material((NeoHookean(1.0),), "incompressible"), 1.0)
