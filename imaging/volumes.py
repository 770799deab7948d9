"""Opening image volumes so that a missing, broken or truncated file is found before work starts."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .libraries import load, nibabel

_BLOCK = 1 << 24


def open_volume(path: Path, problems: list[Problem], *, complete: bool = True) -> Any | None:
    """Open a file as nibabel's image, or None with the problem added to ``problems``.

    Args:
        path: any format that nibabel knows.
        problems: gains what is wrong.
        complete: read the file to its end, so that a truncated one is found now.
    """
    if not path.is_file():
        problems.append(Problem(str(path), "is missing"))
        return None
    nib = nibabel()
    spatial = load("nibabel.filebasedimages").ImageFileError
    header = load("nibabel.spatialimages").HeaderDataError
    keep = {"keep_file_open": True} if path.name.endswith((".nii", ".nii.gz")) else {}
    try:
        image = nib.load(path, **keep)
    except (spatial, header, OSError, EOFError, zlib.error, ValueError) as error:
        problems.append(Problem(str(path), "is no image that can be read", _brief(error), "a complete NIfTI file"))
        return None
    if not np.all(np.isfinite(image.affine)) or abs(np.linalg.det(image.affine[:3, :3])) < 1e-12:
        problems.append(Problem(str(path), "has no usable affine", str(image.affine.tolist())))
        return None
    kind = image.get_data_dtype()
    if kind.kind not in "biuf":
        problems.append(Problem(str(path), "does not hold real numbers", str(kind), "integers or floats"))
        return None
    if complete:
        problem = _truncation(path, image)
        if problem is not None:
            problems.append(problem)
            return None
    return image


def read_volume(path: Path) -> Any:
    """Like ``open_volume``, raising at once.

    Raises:
        InputError: the file is missing, broken or truncated.
    """
    problems: list[Problem] = []
    image = open_volume(path, problems)
    if image is None:
        raise InputError(problems)
    return image


def read_mask(
    mask: NDArray[np.bool_] | Path | str, affine: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """A mask given as an array or a file, checked against a grid.

    Raises:
        InputError: it is missing, or lies on another grid.
    """
    if isinstance(mask, np.ndarray):
        found, where = np.asarray(mask > 0), "mask"
    else:
        image = read_volume(Path(mask))
        found, where = np.asarray(image.dataobj) > 0, str(mask)
        if found.shape == shape and not np.allclose(image.affine, affine, atol=1e-2):
            raise InputError(Problem(where, "lies elsewhere than the image it masks", hint="resample it to that grid"))
    if found.shape != shape:
        raise InputError(Problem(where, "does not fit the image's grid", str(found.shape), str(shape)))
    return found


def _truncation(path: Path, image: Any) -> Problem | None:
    """What is wrong where the file ends before its voxels do."""
    offset = getattr(image.dataobj, "offset", None)
    if offset is None:
        return None
    wanted = int(offset) + int(np.prod(image.shape)) * image.get_data_dtype().itemsize
    data_file = _data_file(path, image)
    if data_file.suffix.lower() not in (".gz", ".mgz", ".bz2", ".zst"):
        got = data_file.stat().st_size
    else:
        got = 0
        try:
            with load("nibabel.openers").ImageOpener(data_file) as stream:
                while block := stream.read(_BLOCK):
                    got += len(block)
        except (EOFError, OSError, zlib.error) as error:
            return Problem(str(path), "is truncated or damaged", _brief(error), f"{wanted:,} bytes", _HINT)
    if got < wanted:
        return Problem(str(path), "is truncated", f"{got:,} bytes", f"{wanted:,} bytes", _HINT)
    return None


_HINT = "copy or download the file again"


def _data_file(path: Path, image: Any) -> Path:
    holder = image.file_map.get("image")
    return Path(holder.filename) if holder is not None and holder.filename else path


def _brief(error: BaseException) -> str:
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
