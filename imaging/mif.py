"""MRtrix image files (.mif, .mif.gz): header, data type, strides and transform."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array

_TYPES = {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
_TYPES |= {"int64": "i8", "uint64": "u8", "float16": "f2", "float32": "f4", "float64": "f8"}


@dataclass(frozen=True, eq=False)
class RawVolume:
    """Numbers on a grid, as a file holds them.

    Attributes:
        data: (nx, ny, nz, ...).
        affine: (4, 4), voxel index to RAS+ world mm.
    """

    data: Array
    affine: Array


def read_mif(path: Path) -> RawVolume:
    """Read an MRtrix image.

    The format is MRtrix3's, docs/getting_started/image_data.rst: ``layout`` holds for each axis its rank in
    the strides and, by sign, whether the axis runs backwards in the file; ``transform`` maps mm along
    the voxel axes to RAS+ scanner mm.

    Raises:
        InputError: missing, truncated, or no MRtrix image of real numbers.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "is missing"))
    raw = _bytes(path)
    head, end, _ = raw.partition(b"\nEND\n")
    lines = head.decode("utf-8", "replace").splitlines()
    if not end or not lines or lines[0].strip() != "mrtrix image":
        raise InputError(Problem(str(path), "is no MRtrix image", wanted="first line 'mrtrix image', then END"))
    header: dict[str, list[str]] = {}
    for line in lines[1:]:
        key, colon, value = line.partition(":")
        if colon:
            header.setdefault(key.strip().lower(), []).append(value.strip())
    try:
        return _volume(path, header, raw)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(Problem(str(path), "has an MRtrix header that cannot be read", repr(error))) from error


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        hint = "copy or download the file again"
        raise InputError(Problem(str(path), "is truncated or damaged", str(error), hint=hint)) from error


def _volume(path: Path, header: dict[str, list[str]], raw: bytes) -> RawVolume:
    shape = [int(word) for word in header["dim"][0].split(",")]
    spacing = [float(word) for word in header["vox"][0].split(",")][:3]
    layout = [word.strip() for word in header["layout"][0].split(",")]
    kind = _dtype(path, header["datatype"][0])
    name, offset = header["file"][0].split() if " " in header["file"][0] else (header["file"][0], "0")
    if name != "." and not (path.parent / name).is_file():
        raise InputError(Problem(str(path), "its data file is missing", name))
    body = raw if name == "." else (path.parent / name).read_bytes()
    count = int(np.prod(shape))
    wanted = int(offset) + count * kind.itemsize
    if len(body) < wanted:
        hint = "copy or download the file again"
        raise InputError(Problem(str(path), "is truncated", f"{len(body):,} bytes", f"{wanted:,} bytes", hint))
    flat = np.frombuffer(body, kind, count, int(offset))
    ranks = [int(word.lstrip("+-")) for word in layout]
    if sorted(ranks) != list(range(len(shape))):
        ranked = f"the ranks 0 to {len(shape) - 1}, each once"
        raise InputError(Problem(str(path), "has a layout that is none", header["layout"][0], ranked))
    by_rank = np.argsort(ranks)  # fastest axis first
    data = flat.reshape([shape[axis] for axis in by_rank[::-1]]).transpose(np.argsort(by_rank[::-1]))
    backwards = tuple(slice(None, None, -1) if word.startswith("-") else slice(None) for word in layout)
    data = data[backwards].astype(float)
    if "scaling" in header:
        intercept, slope = (float(word) for word in header["scaling"][0].split(","))
        data = intercept + slope * data
    affine = np.eye(4)
    if "transform" in header:
        affine[:3] = [[float(word) for word in row.split(",")] for row in header["transform"][:3]]
    else:
        # MRtrix centers an image without transform on the origin
        affine[:3, 3] = -0.5 * (np.array(shape[:3]) - 1) * spacing
    affine[:3, :3] = affine[:3, :3] * spacing
    return RawVolume(data, affine)


def _dtype(path: Path, name: str) -> np.dtype[np.generic]:
    word = name.lower()
    order = "<"
    if word.endswith(("le", "be")):
        order = "<" if word.endswith("le") else ">"
        word = word[:-2]
    if word not in _TYPES:
        raise InputError(Problem(str(path), "has a data type that no tensor has", name, ", ".join(_TYPES)))
    return np.dtype(order + _TYPES[word])
