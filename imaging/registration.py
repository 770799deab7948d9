"""Rigid and affine maps between the spaces of two images: read from other programs' files, written, computed.

All matrices here take a moving image's RAS+ mm to a fixed image's. Files do not all: see ``read_transform``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .algebra import nearest_rotation
from .libraries import load
from .volumes import read_volume

Array = NDArray[np.float64]

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns RAS+ into LPS+ and back."""

SEED = 20
SAMPLED = 0.25
"""Part of the voxels that the metric looks at."""

SHRINKS, SMOOTHINGS = (4, 2, 1), (2.0, 1.0, 0.0)
"""Of the levels, coarse to fine: voxels that become one; Gaussian smoothing in voxels."""


@dataclass(frozen=True, eq=False)
class Registration:
    """A computed map and what it has brought.

    Attributes:
        matrix: (4, 4), moving image's RAS+ mm to the fixed one's.
        before: Mattes mutual information (negative; lower is better) where the files' headers put the images.
        after: the same after registration.
        shift: distance that the middle of the moving image is moved by, mm.
        angle: of the rotation, degrees.
    """

    matrix: Array
    before: float
    after: float
    shift: float
    angle: float

    def __str__(self) -> str:
        return (
            f"Mutual information {-self.before:.4f} before, {-self.after:.4f} after; "
            f"moved by {self.shift:.2f} mm and turned by {self.angle:.2f} degrees."
        )


def read_transform(path: Path, moving: Path | None = None, fixed: Path | None = None) -> Array:
    """The matrix (4, 4) from the moving image's RAS+ mm to the fixed one's.

    What a file holds is told by its content. ITK's (ANTs, SimpleITK, Slicer; text or ``.mat``) takes points of the
    fixed image to the moving one in LPS+ and is inverted. A 4 x 4 text is FLIRT's (``-omat``) where both images are
    given: from the moving image's scaled voxels to the fixed one's, x counted from the right where the affine's
    determinant is positive (Jenkinson et al. 2002, doi:10.1006/nimg.2002.1132; FSL's user guide). Without the images
    it takes the moving image's RAS+ mm to the fixed one's.

    Raises:
        InputError: the file is missing, no such matrix, not linear, or needs the two images, or does not need them.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "is missing"))
    head = path.read_bytes()[:4096]
    if head.startswith(b"#Insight Transform File") or b"\0" in head or path.suffix in (".tfm", ".h5", ".hdf5"):
        if moving is not None or fixed is not None:
            hint = "leave transform_from and transform_to out: ITK's files need no images"
            raise InputError(Problem(str(path), "is ITK's and lies in world space", hint=hint))
        return _from_itk(path)
    matrix = _text(path)
    if (moving is None) != (fixed is None):
        raise InputError(Problem(str(path), "needs both images as an FSL matrix", wanted="moving and fixed image"))
    if moving is not None and fixed is not None:
        return fsl_to_world(matrix, _grid(moving), _grid(fixed))
    if path.suffix == ".mat":
        hint = "give the images that FLIRT had as -in and -ref (transform_from, transform_to)"
        raise InputError(Problem(str(path), "is an FSL matrix, which means nothing without its images", hint=hint))
    return _affine(matrix, str(path))


def write_transform(path: Path, matrix: Array) -> None:
    """Write a map of moving to fixed RAS+ mm: ``.tfm`` as ITK has it (fixed to moving, LPS+), else 4 x 4 text as is.

    Raises:
        InputError: the matrix is no affine map, or the file cannot be written.
    """
    _affine(matrix, "transform")
    try:
        if path.suffix != ".tfm":
            np.savetxt(path, matrix, fmt="%.17g")
            return
        inverse = LPS @ np.linalg.inv(matrix) @ LPS
        numbers = " ".join(f"{x:.17g}" for x in (*inverse[:3, :3].ravel(), *inverse[:3, 3]))
        text = "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        path.write_text(f"{text}Parameters: {numbers}\nFixedParameters: 0 0 0\n", encoding="ascii")
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written: {error.strerror}")) from error


Grid = tuple[Array, tuple[int, ...]]
"""An image's affine (4, 4), voxel index to RAS+ mm, and its shape."""


def fsl_to_world(matrix: Array, moving: Grid, fixed: Grid) -> Array:
    """World map (4, 4) of a FLIRT matrix (4, 4) between two images."""
    inner = _affine(fixed[0] @ np.linalg.inv(_scaled(fixed)) @ matrix, "transform")
    return np.asarray(inner @ _scaled(moving) @ np.linalg.inv(moving[0]))


def world_to_fsl(matrix: Array, moving: Grid, fixed: Grid) -> Array:
    """FLIRT matrix (4, 4) of a world map (4, 4) between two images."""
    back = _scaled(fixed) @ np.linalg.inv(fixed[0]) @ matrix
    return np.asarray(back @ moving[0] @ np.linalg.inv(_scaled(moving)))


def register(
    moving: Array,
    moving_affine: Array,
    fixed: Array,
    fixed_affine: Array,
    *,
    kind: Literal["rigid", "affine"] = "rigid",
) -> Registration:
    """Find the map that lays one image onto another, starting from where the headers put them.

    Mattes mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072) over three resolutions by SimpleITK,
    one thread and a fixed seed: the same images give the same numbers, but for rounding.

    Args:
        moving: (nx, ny, nz).
        moving_affine: (4, 4) voxel index to RAS+ mm, without shear.
        fixed: (nx, ny, nz), another grid and contrast.
        fixed_affine: (4, 4).
        kind: six or twelve degrees of freedom.

    Raises:
        InputError: an image is not three-dimensional, sheared or constant; the images do not overlap.
    """
    sitk = load("SimpleITK")
    target, source = _itk_image(fixed, fixed_affine, "fixed"), _itk_image(moving, moving_affine, "moving")
    start = sitk.Euler3DTransform() if kind == "rigid" else sitk.AffineTransform(3)
    start.SetCenter(target.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in target.GetSize()]))
    try:
        before = _metric(sitk, start, levels=False).MetricEvaluate(target, source)
        found = _metric(sitk, start, levels=True).Execute(target, source)
        after = _metric(sitk, found, levels=False).MetricEvaluate(target, source)
    except RuntimeError as error:
        hint = "do the headers put both images at the same place?"
        raise InputError(Problem("registration", "failed", str(error).splitlines()[-1], hint=hint)) from error
    matrix = _linear(found)
    middle = moving_affine @ np.append((np.array(moving.shape) - 1) / 2, 1.0)
    cosine = (np.trace(nearest_rotation(matrix[:3, :3])) - 1) / 2
    shift = float(np.linalg.norm((matrix @ middle - middle)[:3]))
    return Registration(matrix, before, after, shift, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))


def _metric(sitk: Any, start: Any, *, levels: bool) -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetInterpolator(sitk.sitkLinear)
    if levels:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(SAMPLED, SEED)
        method.SetShrinkFactorsPerLevel(SHRINKS)
        method.SetSmoothingSigmasPerLevel(SMOOTHINGS)
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200, relaxationFactor=0.6)
        method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    return method


def _itk_image(data: Array, affine: Array, name: str) -> Any:
    if data.ndim != 3:
        raise InputError(Problem(name, "is not three-dimensional", str(data.shape), "(nx, ny, nz)"))
    values = np.asarray(data, dtype=np.float32)
    if not np.isfinite(values).all() or values.min() == values.max():
        raise InputError(Problem(name, "is constant or not finite: there is nothing to register"))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = affine[:3, :3] / spacing
    if not np.allclose(cosines.T @ cosines, np.eye(3), atol=1e-3):
        raise InputError(Problem(name, "has a sheared affine", str(affine.tolist()), "axes at right angles"))
    image = load("SimpleITK").GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin((LPS @ affine)[:3, 3].tolist())
    image.SetDirection((LPS[:3, :3] @ cosines).ravel().tolist())
    return image


def _from_itk(path: Path) -> Array:
    try:
        transform = load("SimpleITK").ReadTransform(str(path))
    except RuntimeError as error:
        raise InputError(
            Problem(str(path), "cannot be read as ITK's transform", str(error).splitlines()[-1])
        ) from error
    if transform.GetDimension() != 3 or not transform.IsLinear():
        raise InputError(Problem(str(path), "is no linear transform of space", transform.GetName(), "rigid or affine"))
    return _affine(_linear(transform), str(path))


def _linear(transform: Any) -> Array:
    """Moving to fixed RAS+ mm of a linear ITK transform."""
    matrix = np.eye(4)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    for axis in range(3):
        matrix[:3, axis] = np.array(transform.TransformPoint(np.eye(3)[axis].tolist())) - matrix[:3, 3]
    if abs(np.linalg.det(matrix)) < 1e-12:
        raise InputError(Problem("transform", "flattens space", str(matrix.tolist())))
    return np.asarray(LPS @ np.linalg.inv(matrix) @ LPS)


def _text(path: Path) -> Array:
    try:
        return np.loadtxt(path)
    except (OSError, ValueError) as error:
        wanted = "ITK's transform, or 4 lines of 4 numbers"
        raise InputError(Problem(str(path), f"cannot be read as a matrix: {error}", wanted=wanted)) from error


def _affine(matrix: Array, where: str) -> Array:
    wanted = "4x4, finite, last row 0 0 0 1"
    if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)) or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InputError(Problem(where, "is no affine map", str(matrix.tolist()), wanted))
    return matrix


def _grid(path: Path) -> Grid:
    image = read_volume(path)
    return np.asarray(image.affine, dtype=float), tuple(image.shape[:3])


def _scaled(grid: Grid) -> Array:
    """Voxel index to FSL's scaled mm (4, 4)."""
    affine, shape = grid
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    out = np.diag([*spacing, 1.0])
    if np.linalg.det(affine[:3, :3]) > 0:
        out[0, 0], out[0, 3] = -spacing[0], (shape[0] - 1) * spacing[0]
    return out
