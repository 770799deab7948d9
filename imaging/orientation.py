"""A test that finds flipped or permuted tensors, which FA cannot show: do fibers lead to their like?"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .algebra import Array, eigen, fractional_anisotropy, nearest_rotation
from .tensor_image import TensorImage

_STEP = 3.0  # voxels to walk along a fiber: a wrong axis leaves most tracts by then, and the right one follows them
_MOST_BAD = 0.5
_CLEAR = 1.05  # an orientation less than 5 % better than the given one is not held against it


@dataclass(frozen=True)
class OrientationReport:
    """What the orientation test found.

    Attributes:
        coherence: fiber coherence of the tensors as given, 0 to 1.
        best: the axis change that gives the highest coherence, ``"as given"`` when it is the given one.
        best_coherence: its coherence.
        scores: coherence by axis change, all 24; a change is named by what it makes of the voxel axes,
            ``"x -> -x, y -> y, z -> z"``.
        matrix: (3, 3) signed permutation, as nested tuples, that turns the given vectors, along
            voxel axes, into the best.
        positive_definite: part of the voxels that were positive definite before any repair.
        voxels: how many voxels took part.
        warnings: sentences to print; empty when all is well.
    """

    coherence: float
    best: str
    best_coherence: float
    scores: dict[str, float]
    matrix: tuple[tuple[int, ...], ...]
    positive_definite: float
    voxels: int
    warnings: tuple[str, ...]

    @property
    def good(self) -> bool:
        """No axis change is clearly better than the orientation as given."""
        return self.best == "as given"


def orientation_check(image: TensorImage, *, minimum_fa: float = 0.25, force: bool = False) -> OrientationReport:
    """Compare fiber coherence over all 24 axis flips and permutations of the tensors against the voxel grid.

    The idea of Schilling et al. 2019 (fiber coherence index, doi:10.1016/j.mri.2018.12.008): where the
    axes are right, a fiber points at voxels whose fibers point the same way. Here a walk of three voxels from
    voxel i, both ways along its fiber eᵢ as the axis change turns it, ends in voxel j and counts
    FAᵢ FAⱼ (eᵢ·eⱼ)², 0 where j has no FA above ``minimum_fa``; the sum is divided by Σ FAᵢ² over all walks.
    Three voxels tell axes apart better than the next neighbor does: on one whole brain at 2.4 mm the right axes
    score 1.35 times the next best, 1.09 times with a walk of one and a half voxels. Signs of axes can't
    matter; spacing and oblique grids are accounted for.

    Args:
        image: as read or fitted; positive definiteness is judged as it was before repair.
        minimum_fa: FA from which a voxel takes part.
        force: report instead of raising.

    Raises:
        InputError: most tensors were not positive definite before repair, unless ``force``.
    """
    asked = image.mask | image.repaired
    positive = 1.0 - float(image.repaired.sum()) / max(int(asked.sum()), 1)
    warnings: list[str] = []
    if positive < 1.0 - _MOST_BAD:
        problem = _wrong_order(positive)
        if not force:
            raise InputError(problem)
        warnings.append(f"Only {positive:.0%} of the tensors were positive definite: is the component order right?")
    elif positive < 0.95:
        warnings.append(f"{1 - positive:.0%} of the tensors were not positive definite and were repaired.")
    axes, weight, number = _fibers(image, minimum_fa)
    changes = axis_changes()
    scores = {name: _coherence(image.affine, axes, weight, number, matrix) for name, matrix in changes.items()}
    given = next(iter(scores))
    best = max(scores, key=lambda name: scores[name])
    if scores[best] <= _CLEAR * scores[given]:
        best = given
    if scores[given] == 0.0:
        warnings.append(f"The orientation could not be tested: too few connected voxels with FA above {minimum_fa:g}.")
    if best != given:
        warnings.append(
            f"Fibers fit together better after {best} along the voxel axes (coherence "
            f"{scores[best]:.3f} against {scores[given]:.3f} as given): check the frame and the flips."
        )
    return OrientationReport(
        coherence=scores[given],
        best="as given" if best == given else best,
        best_coherence=scores[best],
        scores=scores,
        matrix=tuple(tuple(int(v) for v in row) for row in changes[best]),
        positive_definite=positive,
        voxels=len(axes),
        warnings=tuple(warnings),
    )


def axis_changes() -> dict[str, Array]:
    """The 24 axis changes that the test compares, (3, 3) signed permutations by name; the first changes nothing.

    Flipping all three axes changes no fiber, so one of each pair of signs is enough.
    """
    found: dict[str, Array] = {}
    for order in permutations(range(3)):
        for signs in ((1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)):
            matrix = np.zeros((3, 3))
            for new, (old, sign) in enumerate(zip(order, signs, strict=True)):
                matrix[new, old] = sign
            parts = (
                f"{'xyz'[new]} -> {'-' if sign < 0 else ''}{'xyz'[old]}"
                for new, (old, sign) in enumerate(zip(order, signs, strict=True))
            )
            found[", ".join(parts)] = matrix
    return found


def _fibers(image: TensorImage, minimum_fa: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """World axes (n, 3) and FA (n,) of the voxels that take part, and each voxel's row or -1 (nx, ny, nz)."""
    fa = np.zeros(image.shape)
    fa[image.mask] = fractional_anisotropy(image.components[image.mask])
    used = image.mask & (fa >= minimum_fa) & ~image.repaired
    number = np.full(image.shape, -1, dtype=np.int64)
    number[used] = np.arange(int(used.sum()))
    return eigen(image.components[used]).vectors[:, :, 0], fa[used], number


def _coherence(affine: Array, axes: Array, fa: Array, number: NDArray[np.int64], change: Array) -> float:
    """Fiber coherence, 0 to 1, after one change of the voxel axes."""
    if not len(axes):
        return 0.0
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    along_grid = axes @ nearest_rotation(affine[:3, :3])
    walk = _STEP * spacing.min() * (along_grid @ change.T) / spacing
    start = np.argwhere(number >= 0)
    total = 0.0
    for sign in (-1.0, 1.0):
        end = np.rint(start + sign * walk).astype(np.int64)
        inside = ((end >= 0) & (end < number.shape)).all(axis=1)
        row = np.where(inside, number[tuple(np.where(inside[:, None], end, 0).T)], -1)
        here, there = np.flatnonzero(row >= 0), row[row >= 0]
        agree = np.einsum("nc,nc->n", axes[here], axes[there]) ** 2
        total += float((fa[here] * fa[there] * agree).sum())
    return total / (2.0 * float((fa**2).sum()))


def _wrong_order(positive: float) -> Problem:
    return Problem(
        "tensors",
        "most are not positive definite, so the component order is probably wrong",
        f"{positive:.1%} of the voxels positive definite",
        f"more than {1 - _MOST_BAD:.0%}",
        "state the order (lower, upper, diagonal, or spelled out) or the convention, or force the run",
    )
