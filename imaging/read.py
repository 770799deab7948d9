"""Ready-made tensor volumes of other programs, turned into mm²/s along RAS+ world axes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array, compose, eigenvalues, rotated
from .camino import read_camino
from .conventions import ORDERS, Convention, Units, reordered, resolve, to_internal_units
from .geometry import Frame, frame_basis
from .mif import read_mif
from .nrrd import read_nrrd
from .store import SYMMETRIC_MATRIX, open_tensors, signature, state_path
from .tensor_image import Mask, TensorImage, repair
from .volumes import read_mask, read_volume


@dataclass(frozen=True, eq=False)
class _Raw:
    """Six numbers a voxel as a file holds them, with what its header says about them."""

    components: Array
    affine: Array
    found: Convention
    convention: str | None
    assumptions: tuple[str, ...] = ()
    basis: Array | None = None
    support: Mask | None = None


def read_tensors(
    path: Path | str,
    *,
    convention: str | None = None,
    order: str | None = None,
    frame: Frame | None = None,
    units: Units | None = None,
    mask: Mask | Path | str | None = None,
    grid: Path | str | None = None,
) -> TensorImage:
    """Read a tensor volume and turn it into mm²/s along RAS+ world axes; then ``repair`` it.

    What the file does not say must be stated: the program that wrote it (``convention``), or order and
    frame one by one. A stated field wins over the header, the header over the convention. Whatever was assumed
    is a sentence in ``assumptions``.

    Args:
        path: NIfTI (4-D, or 5-D with intent 1005), .mif, .nrrd/.nhdr, AFNI .HEAD/.BRIK, or Camino .Bdouble.
        convention: ``fsl``, ``mrtrix``, ``dipy``, ``symmatrix``, ``afni``, ``camino``, ``itk``, ``ants``, ``tortoise``.
        order: ``lower``, ``upper``, ``diagonal``, or spelled out, ``"xx yy zz xy yz xz"``.
        frame: ``world`` (RAS+), ``lps``, ``voxel`` or ``fsl``.
        units: ``mm^2/s``, ``um^2/ms``, ``um^2/s`` or ``m^2/s``; guessed, and said, where unknown.
        mask: (nx, ny, nz) or a file; else every voxel that is not zero.
        grid: an image with the shape and affine of a Camino file, which has none of its own.

    Raises:
        InputError: the file is missing, truncated or no tensor volume, or something must be stated.
    """
    source = Path(path)
    raw = _raw(source, convention, grid)
    known, sentences = resolve(
        str(source), raw.found, raw.convention, order, frame, units, framed=raw.basis is not None
    )
    basis = raw.basis
    if basis is None or known.frame is not None:
        basis = frame_basis(raw.affine, known.frame or "world", str(source))
    inside, background = _support(raw, mask, source)
    values = reordered(raw.components[inside], known.order or "lower")
    values, guessed = to_internal_units(values, known.units, str(source), sure=units is not None)
    components = np.zeros((*inside.shape, 6))
    components[inside] = rotated(values, basis)
    components, valid, repaired = repair(components, inside)
    better = _better_order(raw.components[inside], known.order or "lower", float(repaired.sum()) / len(values))
    if state_path(source).is_file() and raw.convention == "fibertwin":
        repaired |= open_tensors(source).read().repaired
    return TensorImage(
        components, raw.affine, valid, repaired, (*raw.assumptions, *sentences, *guessed, *background, *better)
    )


def _better_order(stored: Array, order: str, bad: float) -> tuple[str, ...]:
    """A sentence that names the component order that would make the tensors positive definite, if another does."""
    if bad < 0.5:
        return ()
    finite = stored[np.isfinite(stored).all(axis=1)]
    if not len(finite):
        return ()
    parts = {name: float((eigenvalues(reordered(finite, name))[:, 2] > 0).mean()) for name in ORDERS}
    best = max(parts, key=lambda name: parts[name])
    if best == order or parts[best] < 0.9:
        return ()
    return (f"In the order {order!r} most tensors are not positive definite; in {best!r} {parts[best]:.1%} are.",)


def _raw(path: Path, convention: str | None, grid: Path | str | None) -> _Raw:
    name = path.name.lower()
    if name.endswith((".mif", ".mif.gz")):
        volume = read_mif(path)
        if volume.data.ndim != 4 or volume.data.shape[3] != 6:
            raise InputError(_no_tensors(path, volume.data.shape))
        return _Raw(volume.data, volume.affine, Convention(), convention or "mrtrix")
    if name.endswith((".nrrd", ".nhdr")):
        tensors = read_nrrd(path)
        found = Convention("upper")
        sentence = "The NRRD header states the tensors' order, measurement frame and space."
        support = tensors.confidence > 0.5
        return _Raw(tensors.components, tensors.affine, found, convention, (sentence,), tensors.basis, support)
    if ".bdouble" in name or ".bfloat" in name:
        if grid is None:
            hint = "state grid: the scan or mask it was made from"
            raise InputError(Problem(str(path), "a Camino file has no shape and no affine", hint=hint))
        reference = read_volume(Path(grid))
        nx, ny, nz = reference.shape[:3]
        components, known = read_camino(path, (nx, ny, nz))
        sentence = f"Shape and affine of the Camino file were taken from {Path(grid).name}."
        affine = np.asarray(reference.affine, dtype=float)
        return _Raw(components, affine, Convention(), convention or "camino", (sentence,), None, known > 0)
    return _nifti_or_afni(path, convention)


def _nifti_or_afni(path: Path, convention: str | None) -> _Raw:
    image = read_volume(path)
    data = np.asarray(image.dataobj, dtype=float)
    if data.ndim == 5 and data.shape[3] == 1:
        data = data[:, :, :, 0]
    if data.ndim != 4 or data.shape[3] != 6:
        raise InputError(_no_tensors(path, image.shape))
    affine = np.asarray(image.affine, dtype=float)
    note = signature(image)
    if note is not None:
        return _Raw(data, affine, Convention("lower", "world", "mm^2/s"), convention or "fibertwin", note)
    if path.name.upper().endswith((".HEAD", ".BRIK", ".BRIK.GZ")):
        return _Raw(data, affine, Convention(), convention or "afni")
    found = Convention()
    if _field(image, "intent_code") == SYMMETRIC_MATRIX:
        found = Convention(order="lower")
    return _Raw(data, affine, found, convention, _no_orientation(image))


def _no_orientation(image: Any) -> tuple[str, ...]:
    if _field(image, "sform_code") == 0 and _field(image, "qform_code") == 0:
        return ("The NIfTI header states no orientation (sform and qform are 0): voxel axes are taken as RAS+.",)
    return ()


def _field(image: Any, name: str) -> int | None:
    """A number of a NIfTI header; None in formats that have no such field."""
    names: list[str] = list(getattr(image.header, "keys", list)())
    return int(image.header[name]) if name in names else None


def _no_tensors(path: Path, shape: tuple[int, ...]) -> Problem:
    return Problem(str(path), "is no volume of tensors", f"shape {shape}", "(nx, ny, nz, 6) or (nx, ny, nz, 1, 6)")


def _support(raw: _Raw, mask: Mask | Path | str | None, path: Path) -> tuple[Mask, tuple[str, ...]]:
    """Voxels that should hold a tensor, and what was assumed about those that are NaN."""
    given = None if mask is None else read_mask(mask, raw.affine, raw.components.shape[:3])
    finite = np.isfinite(raw.components).all(axis=-1)
    zero = (raw.components == 0).all(axis=-1)
    inside = ~zero if raw.support is None else ~zero & raw.support
    sentences: tuple[str, ...] = ()
    if given is not None:
        inside = inside & given
    elif not finite.all() and not (zero.any() or raw.support is not None):
        inside = finite
        sentences = ("Voxels that are NaN were taken as background: no voxel is zero.",)
    if not (inside & finite).any():
        what = "holds no tensor: every voxel is zero, NaN or outside the mask"
        raise InputError(Problem(str(path), what, f"{int((~finite).sum())} of {finite.size} voxels are NaN"))
    return inside, sentences


def read_eigen(
    v1: Path | str,
    *,
    fa: Path | str | None = None,
    md: Path | str | None = None,
    v2: Path | str | None = None,
    v3: Path | str | None = None,
    values: tuple[Path | str, Path | str, Path | str] | None = None,
    frame: Frame = "fsl",
    units: Units | None = None,
    mask: Mask | Path | str | None = None,
) -> TensorImage:
    """Tensors from eigenvector and eigenvalue volumes, as FSL's dtifit writes them.

    Either V1 to V3 with L1 to L3, which is the whole tensor, or V1 with FA (and MD): then the tensor is the
    axisymmetric one with that FA, λ1 = MD (1 + 2a), λ2 = λ3 = MD (1 - a), a = FA / sqrt(3 - 2 FA²), which
    follows from FA's definition. Vectors are normalized (some programs scale them by FA).

    Args:
        v1: (nx, ny, nz, 3).
        fa: (nx, ny, nz), with ``v1`` alone.
        md: (nx, ny, nz); 0.8e-3 mm²/s everywhere, and said so, where not given.
        v2: (nx, ny, nz, 3), with ``values``.
        v3: (nx, ny, nz, 3), with ``values``.
        values: L1, L2 and L3, each (nx, ny, nz).
        frame: axes of the vectors.
        units: of L1 to L3 or MD; mm²/s where that is plausible, else guessed, and said.
        mask: as in ``read_tensors``.

    Raises:
        InputError: missing or truncated files, grids that differ, or neither of the two sets.
    """
    whole = v2 is not None and v3 is not None and values is not None and fa is None
    axial = fa is not None and v2 is None and v3 is None and values is None
    if not (whole or axial):
        hint = "give fa (and md), or v2, v3 and values"
        raise InputError(Problem(str(v1), "is not enough for a tensor", hint=hint))
    resolve(str(v1), Convention("lower"), None, None, frame, units)  # unknown words, before any reading
    first = read_volume(Path(v1))
    affine = np.asarray(first.affine, dtype=float)
    shape = first.shape[:3]
    axes = [_vectors(first, v1, shape)]
    sentences = [f"Eigenvectors are taken along {frame} axes."]
    if v2 is not None and v3 is not None and values is not None:
        axes += [_vectors(read_volume(Path(v)), v, shape) for v in (v2, v3)]
        lambdas = np.stack([_scalars(v, shape, affine) for v in values], axis=-1)
        stated = units is not None
    else:
        fraction = np.clip(_scalars(fa or v1, shape, affine), 0.0, 1.0)
        mean = np.full(shape, 0.8e-3) if md is None else _scalars(md, shape, affine)
        stated = units is not None or md is None
        if md is None:
            units = "mm^2/s"
            sentences.append(
                "Mean diffusivity was not given: 0.8e-3 mm²/s everywhere; directions and FA are the file's."
            )
        sentences.append("Tensors were taken as axisymmetric around V1, with the given FA.")
        a = fraction / np.sqrt(3.0 - 2.0 * fraction**2)
        lambdas = np.stack([mean * (1 + 2 * a), mean * (1 - a), mean * (1 - a)], axis=-1)
        axes += _across(axes[0])
    inside = np.linalg.norm(axes[0], axis=-1) > 0.5
    chosen = None if mask is None else read_mask(mask, affine, shape)
    inside = inside if chosen is None else inside & chosen
    if not inside.any():
        raise InputError(Problem(str(v1), "holds no vector that is not zero"))
    tensors = compose(lambdas[inside], np.stack([axis[inside] for axis in axes], axis=-1))
    tensors, guessed = to_internal_units(tensors, units or "mm^2/s", str(v1), sure=stated)
    components = np.zeros((*shape, 6))
    components[inside] = rotated(tensors, frame_basis(affine, frame, str(v1)))
    components, valid, repaired = repair(components, inside)
    return TensorImage(components, affine, valid, repaired, (*sentences, *guessed))


def _vectors(image: Any, path: Path | str, shape: tuple[int, ...]) -> Array:
    """Unit vectors, zero where the file has none."""
    data = np.asarray(image.dataobj, dtype=float)
    if data.shape != (*shape, 3):
        raise InputError(Problem(str(path), "is no volume of vectors", str(data.shape), f"{(*shape, 3)}"))
    data = np.where(np.isfinite(data), data, 0.0)
    length = np.linalg.norm(data, axis=-1, keepdims=True)
    return np.asarray(np.where(length > 1e-6, data / np.where(length > 1e-6, length, 1.0), 0.0))


def _scalars(path: Path | str, shape: tuple[int, ...], affine: Array) -> Array:
    image = read_volume(Path(path))
    if image.shape != shape or not np.allclose(image.affine, affine, atol=1e-2):
        raise InputError(Problem(str(path), "lies on another grid than V1", str(image.shape), str(shape)))
    return np.asarray(image.dataobj, dtype=float)


def _across(first: Array) -> list[Array]:
    """Two unit vectors that complete each first one to a right-handed triad."""
    least = np.argmin(np.abs(first), axis=-1)
    second = np.cross(first, np.eye(3)[least])
    length = np.linalg.norm(second, axis=-1, keepdims=True)
    second = second / np.where(length > 0, length, 1.0)
    return [second, np.cross(first, second)]
