"""NRRD files (.nrrd, .nhdr) of symmetric tensors, as ITK, 3D Slicer and teem write them."""

import bz2
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array

_TYPES = {"float": "f4", "double": "f8", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"}
_TYPES |= {"uchar": "u1", "unsigned char": "u1", "signed char": "i1", "unsigned short": "u2", "unsigned int": "u4"}
_TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
}
_TO_RAS |= {"ras": _TO_RAS["right-anterior-superior"], "las": _TO_RAS["left-anterior-superior"]}
_TO_RAS["lps"] = _TO_RAS["left-posterior-superior"]
_KINDS = {"3d-symmetric-matrix": 6, "3d-masked-symmetric-matrix": 7, "3d-matrix": 9, "3d-masked-matrix": 10}


@dataclass(frozen=True, eq=False)
class NrrdTensors:
    """Tensors of a NRRD file.

    Attributes:
        components: (nx, ny, nz, 6) in the order xx xy xz yy yz zz.
        affine: (4, 4), voxel index to RAS+ world mm.
        confidence: (nx, ny, nz) of the masked kinds, else ones.
        basis: (3, 3), columns are the components' axes in RAS+ world (the measurement frame).
    """

    components: Array
    affine: Array
    confidence: Array
    basis: Array


def read_nrrd(path: Path) -> NrrdTensors:
    """Read a tensor NRRD, https://teem.sourceforge.net/nrrd/format.html.

    The header tells order, axes (measurement frame and space) and affine; nothing is assumed.

    Raises:
        InputError: missing, truncated, or no tensor NRRD with a space.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "is missing"))
    raw = path.read_bytes()
    if not raw.startswith(b"NRRD"):
        raise InputError(Problem(str(path), "is no NRRD file", wanted="first four bytes NRRD"))
    blank = re.search(rb"\r?\n\r?\n", raw)
    head, body = (raw[: blank.start()], raw[blank.end() :]) if blank else (raw, b"")
    fields: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").splitlines()[1:]:
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            fields[key.strip().lower()] = value.lstrip("=").strip()
    try:
        return _tensors(path, fields, body)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(Problem(str(path), "has a NRRD header that cannot be read", repr(error))) from error


def _tensors(path: Path, fields: dict[str, str], body: bytes) -> NrrdTensors:
    sizes = [int(word) for word in fields["sizes"].split()]
    kinds = [word.strip('"').lower() for word in fields.get("kinds", "").split()]
    axes = [i for i, kind in enumerate(kinds) if kind in _KINDS]
    if len(sizes) != 4 or len(axes) != 1 or sizes[axes[0]] != _KINDS[kinds[axes[0]]]:
        got = f"sizes {fields['sizes']}, kinds {fields.get('kinds', 'not given')}"
        raise InputError(Problem(str(path), "holds no volume of 3-D tensors", got, f"one axis of {', '.join(_KINDS)}"))
    axis = axes[0]
    space = fields.get("space", "").lower()
    if space not in _TO_RAS:
        raise InputError(Problem(str(path), "has a space that is not anatomical", space or "none", "RAS, LAS or LPS"))
    to_ras = np.diag(_TO_RAS[space])
    data = _data(path, fields, body, sizes)
    data = np.moveaxis(data, axis, -1)
    kind = kinds[axis]
    confidence = np.ones(data.shape[:3])
    if "masked" in kind:
        confidence, data = data[..., 0], data[..., 1:]
    if data.shape[-1] == 9:
        full = data.reshape(*data.shape[:3], 3, 3)
        sym = 0.5 * (full + np.swapaxes(full, -1, -2))
        data = sym[..., [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    directions = [v for v in _vectors(fields["space directions"]) if v is not None]
    affine = np.eye(4)
    affine[:3, :3] = to_ras @ np.array(directions).T
    origin = _vectors(fields.get("space origin", "(0,0,0)"))[0]
    affine[:3, 3] = to_ras @ np.array(origin)
    frame = np.eye(3)
    if "measurement frame" in fields:
        frame = np.array([v for v in _vectors(fields["measurement frame"]) if v is not None]).T
    return NrrdTensors(data, affine, confidence, to_ras @ frame)


def _data(path: Path, fields: dict[str, str], body: bytes, sizes: list[int]) -> Array:
    """The numbers, first axis fastest as NRRD has them, (sizes)."""
    name = fields.get("data file", fields.get("datafile"))
    if name is not None:
        file = path.parent / name
        if not file.is_file():
            raise InputError(Problem(str(path), "its data file is missing", name))
        body = file.read_bytes()
    for _ in range(int(fields.get("line skip", "0"))):
        body = body.partition(b"\n")[2]
    encoding = fields.get("encoding", "raw").lower()
    kind = _TYPES[fields["type"].lower()]
    count = int(np.prod(sizes))
    try:
        if encoding in ("gzip", "gz"):
            body = gzip.decompress(body)
        elif encoding in ("bzip2", "bz2"):
            body = bz2.decompress(body)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(Problem(str(path), "is truncated or damaged", str(error))) from error
    if encoding in ("text", "txt", "ascii"):
        flat = np.array(body.split(), dtype=float)
    elif encoding in ("raw", "gzip", "gz", "bzip2", "bz2"):
        order = ">" if fields.get("endian", "little").lower() == "big" else "<"
        dtype = np.dtype(order + kind)
        skip = int(fields.get("byte skip", "0"))
        # -1: the numbers are the last bytes of the file
        body = body[skip:] if skip >= 0 else body[max(len(body) - count * dtype.itemsize, 0) :]
        if len(body) < count * dtype.itemsize:
            wanted = f"{count * dtype.itemsize:,} bytes"
            raise InputError(Problem(str(path), "is truncated", f"{len(body):,} bytes", wanted))
        flat = np.frombuffer(body, dtype, count)
    else:
        raise InputError(Problem(str(path), "has an unknown encoding", encoding, "raw, gzip, bzip2 or text"))
    if len(flat) != count:
        raise InputError(Problem(str(path), "is truncated", f"{len(flat)} numbers", str(count)))
    return flat.astype(float).reshape(sizes, order="F")


def _vectors(text: str) -> list[tuple[float, ...] | None]:
    found = re.findall(r"none|\(([^)]*)\)", text)
    return [tuple(float(word) for word in part.split(",")) if part else None for part in found]
