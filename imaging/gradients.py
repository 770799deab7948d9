"""The three files of a diffusion scan, checked together before any work starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array
from .geometry import Frame, frame_basis
from .volumes import open_volume

B0_LIMIT = 50.0
"""b-values, s/mm², up to which a volume counts as not diffusion weighted."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A diffusion-weighted scan, opened and checked; its voxels are still on disk.

    Attributes:
        path: the DWI.
        image: nibabel's image.
        bvals: (n,) s/mm².
        bvecs: (n, 3) unit vectors along RAS+ world axes; zero where b is below ``B0_LIMIT``.
        assumptions: sentences to print.
    """

    path: Path
    image: Any
    bvals: Array
    bvecs: Array
    assumptions: tuple[str, ...]

    @property
    def affine(self) -> Array:
        """(4, 4), voxel index to RAS+ world mm."""
        return np.asarray(self.image.affine, dtype=float)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the three axes."""
        nx, ny, nz = self.image.shape[:3]
        return nx, ny, nz

    @property
    def b0(self) -> list[int]:
        """Volumes without diffusion weighting."""
        return [int(i) for i in np.flatnonzero(self.bvals <= B0_LIMIT)]

    def volume(self, number: int) -> Array:
        """One volume (nx, ny, nz)."""
        return np.asarray(self.image.dataobj[..., number], dtype=float)


def open_scan(
    dwi: Path | str, bvals: Path | str, bvecs: Path | str | None, bvec_frame: Frame = "fsl", *, complete: bool = True
) -> Scan:
    """Open a scan and check everything about it that can be checked without fitting.

    Args:
        dwi: 4-D NIfTI.
        bvals: text, n numbers, s/mm².
        bvecs: text, 3 x n or n x 3; None where directions are not needed.
        bvec_frame: axes of the b-vectors: ``"fsl"`` (voxel axes, x flipped where det(affine) > 0),
            ``"voxel"``, ``"world"`` (RAS+) or ``"lps"``.
        complete: also read the DWI to its end, so that a truncated file is found now.

    Raises:
        InputError: holding every problem found.
    """
    problems: list[Problem] = []
    source = Path(dwi)
    image = open_volume(source, problems, complete=complete)
    b = _numbers(Path(bvals), problems)
    g = _numbers(Path(bvecs), problems) if bvecs is not None else None
    count = None
    if image is not None:
        if len(image.shape) != 4 or image.shape[3] < 2:
            problems.append(
                Problem(str(source), "is no series of volumes", f"shape {image.shape}", "4-D: x, y, z, volumes")
            )
        else:
            count = image.shape[3]
    values = None if b is None else _bvals(Path(bvals), b, count, problems)
    if bvecs is None:
        vectors = None if values is None else np.zeros((len(values), 3))
    else:
        vectors = None if g is None else _bvecs(Path(bvecs), g, values, count, problems)
    basis = None
    if image is not None:
        try:
            basis = frame_basis(np.asarray(image.affine, dtype=float), bvec_frame, str(source))
        except InputError as error:
            problems.extend(error.problems)
    if problems or image is None or values is None or vectors is None or basis is None:
        raise InputError(problems)
    sentence = f"b-vectors are taken along {bvec_frame} axes."
    if bvec_frame == "fsl":
        sign = np.linalg.det(image.affine[:3, :3])
        sentence = (
            "b-vectors are taken as FSL's: along voxel axes, x "
            f"{'flipped because det(affine) > 0' if sign > 0 else 'as it is because det(affine) < 0'}."
        )
    return Scan(source, image, values, vectors @ basis.T, (sentence,))


def _numbers(path: Path, problems: list[Problem]) -> Array | None:
    """The table of numbers in a text file, rows as lines; None, with a problem, where there is none."""
    if not path.is_file():
        problems.append(Problem(str(path), "is missing"))
        return None
    try:
        rows = [[float(word) for word in line.replace(",", " ").split()] for line in path.read_text().splitlines()]
    except (ValueError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), "holds something that is no number", str(error)))
        return None
    rows = [row for row in rows if row]
    if not rows or len({len(row) for row in rows}) != 1:
        got = "nothing" if not rows else f"lines of {sorted({len(row) for row in rows})} numbers"
        problems.append(Problem(str(path), "is no table of numbers", got, "lines of equal length"))
        return None
    return np.array(rows)


def _bvals(path: Path, table: Array, count: int | None, problems: list[Problem]) -> Array | None:
    values = table.ravel()
    before = len(problems)
    if 1 not in table.shape:
        problems.append(Problem(str(path), "is no list of b-values", f"a table {table.shape}", "one row or column"))
    elif count is not None and len(values) != count:
        problems.append(Problem(str(path), "does not fit the DWI", f"{len(values)} b-values", f"{count}"))
    if not np.isfinite(values).all() or (values < 0).any():
        problems.append(Problem(str(path), "holds NaN, infinite or negative b-values", wanted="s/mm², >= 0"))
    elif not (values <= B0_LIMIT).any():
        hint = "keep at least one b = 0 volume when converting the scan"
        problems.append(
            Problem(str(path), "has no b0 volume", f"smallest b = {values.min():g} s/mm²", f"<= {B0_LIMIT:g}", hint)
        )
    return values if len(problems) == before else None


def _bvecs(path: Path, table: Array, values: Array | None, count: int | None, problems: list[Problem]) -> Array | None:
    """Unit b-vectors (n, 3) in the file's own axes."""
    if 3 not in table.shape:
        problems.append(Problem(str(path), "is no table of b-vectors", f"{table.shape}", "3 x n or n x 3"))
        return None
    vectors = table.T if table.shape[0] == 3 and table.shape[1] != 3 else table
    if table.shape == (3, 3):
        vectors = table.T  # FSL's: one row for each axis
    if count is not None and len(vectors) != count:
        problems.append(Problem(str(path), "does not fit the DWI", f"{len(vectors)} b-vectors", f"{count}"))
        return None
    if values is None or len(values) != len(vectors):
        return None  # the b-values' own problem has been told
    weighted = values > B0_LIMIT
    used = vectors[weighted]
    if not np.isfinite(used).all():
        rows = np.flatnonzero(weighted)[~np.isfinite(used).all(axis=1)]
        problems.append(Problem(str(path), "holds NaN or infinite b-vectors", f"volumes {rows[:5].tolist()}"))
        return None
    length = np.linalg.norm(used, axis=1)
    off = np.abs(length - 1.0) > 0.01
    if off.any():
        row = int(np.flatnonzero(weighted)[np.argmax(np.abs(length - 1.0))])
        got = f"{int(off.sum())} of them, worst in volume {row}: length {np.linalg.norm(vectors[row]):.4g}"
        problems.append(Problem(str(path), "holds b-vectors that are not unit", got, "length 1 within 0.01"))
        return None
    unit = np.zeros_like(vectors)
    unit[weighted] = used / length[:, None]
    directions = _independent(unit[weighted])
    if directions < 6:
        got = f"{directions} independent of {int(weighted.sum())} weighted volumes"
        problems.append(Problem(str(path), "has too few directions for a tensor", got, "at least 6"))
        return None
    return unit


def _independent(unit: Array) -> int:
    """Rank of the six-column design of the directions: 6 where a tensor is determined."""
    x, y, z = unit.T
    design = np.stack([x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
    return int(np.linalg.matrix_rank(design, tol=1e-3 * np.sqrt(max(len(unit), 1)))) if len(unit) else 0
