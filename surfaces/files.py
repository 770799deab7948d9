"""Surfaces, clouds of points and contours in files, in the file's own unit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .measures import VIEW
from .surface import Surface

SURFACES = (".stl", ".ply", ".obj", ".vtp", ".vtk")
WITH_NORMALS = (".ply", ".obj", ".vtp", ".vtk")
COLUMNS = (".xyz", ".txt", ".csv", ".pts")
POINTS = (*WITH_NORMALS, *COLUMNS, ".npy")
CONTOURS = (".vtp", ".vtk", ".xyz", ".txt", ".csv")


def read_surface(path: Path) -> Surface:
    """The triangles of an STL, PLY, OBJ, VTP or VTK file, as they are; larger polygons are cut into triangles.

    Raises:
        InputError: pyvista is missing, there is no such file, it is empty or of another format, or holds no triangle.
    """
    data = _polydata(path, SURFACES)
    triangles = np.asarray(data.triangulate().regular_faces if data.n_cells else np.empty((0, 3)), np.int64)
    if not len(triangles):
        got = f"{data.n_points} points, {data.n_lines} lines"
        hint = 'for a cloud of points or contours: type = "points"' if data.n_points else ""
        raise InputError(Problem(str(path), "holds no triangles", got, "a surface", hint))
    return Surface(np.asarray(data.points, np.float64), triangles)


def read_points(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Points (n, 3) and, where the file has them, normals (n, 3): columns of text, .npy, PLY, OBJ, VTP or VTK.

    Raises:
        InputError: there is no such file, it can't be read, or has neither 3 nor 6 columns.
    """
    suffix = path.suffix.lower()
    if suffix in WITH_NORMALS:
        data = _polydata(path, POINTS)
        name = next((name for name in data.point_data if name.lower() == "normals"), None)
        normals = None if name is None else np.asarray(data.point_data[name], np.float64)
        return np.asarray(data.points, np.float64), normals
    _require(path, POINTS)
    read: Callable[[Path], Any] = np.load if suffix == ".npy" else _columns
    try:
        values = np.asarray(read(path), dtype=np.float64)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(Problem(str(path), "can't be read as points", str(error), "rows of x y z")) from error
    if values.ndim != 2 or values.shape[1] not in (3, 6):
        got = " x ".join(map(str, values.shape)) or "a single number"
        raise InputError(Problem(str(path), "is no list of points", got, "3 columns, or 6 with normals"))
    return values[:, :3], values[:, 3:] if values.shape[1] == 6 else None


def read_contours(path: Path) -> list[NDArray[np.float64]]:
    """Contours (n, 3) each: polylines of a VTP or VTK file, or rows of x y z with an empty line after each contour.

    Raises:
        InputError: there is no such file, it can't be read, or holds no contour.
    """
    if path.suffix.lower() in (".vtp", ".vtk"):
        data = _polydata(path, CONTOURS)
        lines, points, contours, at = np.asarray(data.lines), np.asarray(data.points, np.float64), [], 0
        while at < len(lines):
            contours.append(points[lines[at + 1 : at + 1 + lines[at]]])
            at += lines[at] + 1
    else:
        _require(path, CONTOURS)
        try:
            blocks = "\n".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()).split("\n\n")
            contours = [_columns(block.splitlines()) for block in blocks if block.strip()]
        except ValueError as error:
            raise InputError(Problem(str(path), "can't be read as contours", str(error), "rows of x y z")) from error
        if any(c.shape[1] != 3 for c in contours):
            raise InputError(Problem(str(path), "is no list of contours", wanted="3 columns"))
    if not contours:
        raise InputError(Problem(str(path), "holds no contours", wanted="closed lines, one after the other"))
    return [c[:-1] if len(c) > 3 and np.array_equal(c[0], c[-1]) else c for c in contours]


def _columns(source: Path | list[str]) -> NDArray[np.float64]:
    lines = source.read_text(encoding="utf-8").splitlines() if isinstance(source, Path) else source
    values: NDArray[np.float64] = np.loadtxt((line.replace(",", " ") for line in lines), ndmin=2)
    return values


def _require(path: Path, suffixes: tuple[str, ...]) -> None:
    if not path.is_file():
        raise InputError(Problem(str(path), "there is no such file"))
    if path.suffix.lower() not in suffixes:
        raise InputError(Problem(str(path), "is of an unknown format", path.suffix, ", ".join(suffixes)))
    if path.stat().st_size == 0:
        raise InputError(Problem(str(path), "is empty", "0 bytes"))


def _polydata(path: Path, suffixes: tuple[str, ...]) -> Any:
    _require(path, suffixes)
    try:
        import pyvista
    except ImportError as error:
        raise InputError(Problem("pyvista", "is needed to read surfaces", str(error), hint=VIEW)) from error
    data: Any = pyvista.read(path)
    return data if isinstance(data, pyvista.PolyData) else data.extract_surface(algorithm="dataset_surface")
