"""Eigenvalues and axes of many symmetric 3x3 tensors in closed form, accurate to round-off for every tensor.

The eigenvalue that lies apart from the other two has a well-conditioned trigonometric formula (Smith 1961,
doi:10.1145/355578.366316) and an axis; the other two are those of the 2x2 tensor in the plane across that axis, so that
coincident eigenvalues need no case of their own (after Eberly, A robust eigensolver for 3x3 symmetric matrices, 2014).
Each component is an array of its own, so that every step is one pass of numpy over a block that stays in the cache.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vector = tuple[Array, Array, Array]
Tensor = tuple[Array, Array, Array, Array, Array, Array]
Axes = tuple[Vector, Vector, Vector]

_HAIR = 1e-150  # 0 next to a deviator whose largest component is 1, and yet its square is a normal number


def principal(components: Array) -> tuple[Vector, Axes]:
    """Eigenvalues, descending, and their axes, right-handed.

    Errors are a few round-offs of the largest component, also where eigenvalues coincide.

    Args:
        components: (6, n), order xx xy yy xz yz zz, finite, below 1e300.

    Returns:
        Three arrays (n,) of eigenvalues, and for each its axis as three arrays (n,).
    """
    mean, scale, deviator = _deviator(components)
    apart, first = _apart(deviator)
    (high, second), (low, third) = _across(deviator, first)
    above = apart > 0  # else it is the least, and the others come first: a cyclic change, which keeps the hand
    a, b, c = _chosen(above, (apart, high, low), (high, low, apart))
    values = mean + scale * a, mean + scale * b, mean + scale * c
    return values, (
        _chosen(above, first, second),
        _chosen(above, second, third),
        _chosen(above, third, first),
    )


def composed(values: Vector, axes: Axes) -> Tensor:
    """Components xx xy yy xz yz zz, each (n,), of tensors with these eigenvalues (n,) and orthonormal axes."""
    (p, q, r), (a, b, c) = values, axes
    x, y, z = ((p * a[i], q * b[i], r * c[i]) for i in range(3))

    def entry(row: Vector, i: int) -> Array:
        return row[0] * a[i] + row[1] * b[i] + row[2] * c[i]

    return entry(x, 0), entry(y, 0), entry(y, 1), entry(z, 0), entry(z, 1), entry(z, 2)


def _deviator(components: Array) -> tuple[Array, Array, Tensor]:
    """Mean of the diagonal, largest component of what is left (1 for nothing), and what is left divided by it."""
    xx, xy, yy, xz, yz, zz = components
    mean = (xx + yy + zz) / 3.0
    xx, yy, zz = xx - mean, yy - mean, zz - mean
    rest = (xx + yy + zz) / 3.0  # the mean's round-off, which is not small next to a small deviator
    xx, yy, zz = xx - rest, yy - rest, zz - rest
    scale = np.abs(xx)
    for part in (xy, yy, xz, yz, zz):
        scale = np.maximum(scale, np.abs(part))
    scale[scale == 0] = 1.0
    return mean + rest, scale, (xx / scale, xy / scale, yy / scale, xz / scale, yz / scale, zz / scale)


def _apart(deviator: Tensor) -> tuple[Array, Vector]:
    """The eigenvalue of a deviator that is farthest from the others, and its axis."""
    xx, xy, yy, xz, yz, zz = deviator
    spread = np.sqrt((xx * xx + yy * yy + zz * zz + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0)
    determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - xz * yz) + xz * (xy * yz - xz * yy)
    cosine = determinant / (2.0 * spread**3 + _HAIR)
    value = np.copysign(2.0 * spread * np.cos(np.arccos(np.minimum(np.abs(cosine), 1.0)) / 3.0), determinant)
    return value, _null_vector((xx - value, xy, yy - value, xz, yz, zz - value))


def _null_vector(tensor: Tensor) -> Vector:
    """Unit vector that a semidefinite tensor of rank 2 maps to 0: the longest column of its adjugate; x for 0."""
    xx, xy, yy, xz, yz, zz = tensor
    column = (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy)
    middle = (column[1], xx * zz - xz * xz, xy * xz - xx * yz)
    last = (column[2], middle[2], xx * yy - xy * xy)
    column = _chosen(middle[1] > column[0], middle, column)
    x, y, z = _chosen(last[2] > np.maximum(column[0], column[1]), last, column)
    length = np.sqrt(x * x + y * y + z * z)
    nothing = length == 0
    x[nothing] = length[nothing] = 1.0
    return x / length, y / length, z / length


def _across(deviator: Tensor, axis: Vector) -> tuple[tuple[Array, Vector], tuple[Array, Vector]]:
    """The larger and the smaller of the two eigenvalues in the plane across an axis, each with its own axis."""
    u, w = _plane(axis)
    mapped = _mapped(deviator, u)
    uu, uw, ww = _dot(mapped, u), _dot(mapped, w), _dot(_mapped(deviator, w), w)
    middle, half = 0.5 * (uu + ww), 0.5 * (uu - ww)
    leg = np.abs(half) + _HAIR
    radius = np.sqrt(leg * leg + uw * uw)
    large = np.sqrt(0.5 + 0.5 * leg / radius)  # cosine of half the angle of (leg, uw), at most 45 degrees
    small = uw / (2.0 * radius * large)
    cosine, sine = np.where(half >= 0, large, small), np.where(half >= 0, small, large)
    high = cosine * u[0] + sine * w[0], cosine * u[1] + sine * w[1], cosine * u[2] + sine * w[2]
    low = cosine * w[0] - sine * u[0], cosine * w[1] - sine * u[1], cosine * w[2] - sine * u[2]
    radius -= _HAIR  # sqrt(x * x) is x exactly: equal eigenvalues stay equal
    return (middle + radius, high), (middle - radius, low)


def _plane(axis: Vector) -> tuple[Vector, Vector]:
    """Two unit vectors that form a right-handed basis with a unit vector (Duff et al. 2017, JCGT 6(1))."""
    x, y, z = axis
    sign = np.copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    return (1.0 + sign * x * x * a, sign * b, -sign * x), (b, sign + y * y * a, -y)


def _mapped(tensor: Tensor, vector: Vector) -> Vector:
    xx, xy, yy, xz, yz, zz = tensor
    return _dot((xx, xy, xz), vector), _dot((xy, yy, yz), vector), _dot((xz, yz, zz), vector)


def _dot(a: Vector, b: Vector) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _chosen(where: NDArray[np.bool_], yes: Vector, no: Vector) -> Vector:
    return np.where(where, yes[0], no[0]), np.where(where, yes[1], no[1]), np.where(where, yes[2], no[2])
