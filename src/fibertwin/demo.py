"""The main job on a real scan: fetched once where there is a network, else a small crop that dipy ships."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin import jit, pipeline
from fibertwin.case import Case
from fibertwin.errors import InputError, Problem
from fibertwin.log import logger
from fibertwin.parallel import on_root
from fibertwin.solver import Solution

if TYPE_CHECKING:
    from mpi4py import MPI

PACKAGE = "mappertrac==1.3.1"
"""BSD-3-licensed package that holds a whole-brain scan; fetched as data, never imported."""

FOLDER = "mappertrac/data/example_inputs/sub-011591/dwi/"
NAME = "sub-011591_dwi"
SHA256 = "bb99265f6dd7b5c4abc473d8e784b8e178a529c75b494a35bfa28972bb155850"
"""Checksum of the diffusion-weighted images."""

SMALL: dict[str, Any] = {
    "title": "Indentation of a block of brain tissue (a small real crop: the whole-brain scan could not be fetched)",
    "diffusion.mask": "signal",
    "diffusion.bvec_frame": "lps",
    "anatomy": {"type": "block", "size": ["16 mm", "16 mm", "16 mm"], "cells": [8, 8, 8]},
    "surfaces": {},
    "regions.white matter": {"select": "diffusion", "fa_above": 0.2},
    "supports": {
        "bed": {"type": "clamp", "surface": "bottom"},
        "plate": {"type": "retractor", "surface": "top", "depth": "1 mm"},
    },
}
"""What the demo's case becomes on the small crop."""


@dataclass(frozen=True)
class DemoScan:
    """Files of the demo's scan; ``whole`` tells the whole brain from the small crop."""

    dwi: Path
    bvals: Path
    bvecs: Path
    whole: bool


def run(out: Path, comm: "MPI.Comm", *, petsc: str = "") -> Solution:
    """Run the demo's case into a folder. Collective.

    Raises:
        InputError: there is no scan to run on.
        SolveError: as ``pipeline.run``.
    """
    return pipeline.run(case(on_root(comm, find_scan), comm), out, comm, petsc=petsc)


def case(scan: DemoScan, comm: "MPI.Comm | None" = None) -> Case:
    """The demo's case on a scan's files."""
    changes: dict[str, Any] = {
        "diffusion.dwi": str(scan.dwi),
        "diffusion.bvals": str(scan.bvals),
        "diffusion.bvecs": str(scan.bvecs),
    }
    with resources.as_file(resources.files("fibertwin") / "data" / "demo.toml") as path:
        return Case.read(path, changes | ({} if scan.whole else SMALL), comm=comm)


def find_scan() -> DemoScan:
    """The whole-brain scan, fetched if need be, or the small crop. Not collective."""
    try:
        return whole_brain()
    except OSError as error:
        logger.warning(
            "The whole-brain scan could not be fetched (%s); a small crop shipped with dipy stands in.", error
        )
        return small_crop()


def scan_folder() -> Path:
    """Where the whole-brain scan is kept once it has been fetched."""
    return jit.cache_root() / "data" / "whole-brain"


def whole_brain() -> DemoScan:
    """The whole-brain scan, from the cache folder or fetched by pip.

    Raises:
        OSError: it cannot be fetched, or is not what it should be.
    """
    folder = scan_folder()
    found = DemoScan(folder / f"{NAME}.nii.gz", folder / f"{NAME}.bval", folder / f"{NAME}.bvec", whole=True)
    if not all(path.is_file() for path in (found.dwi, found.bvals, found.bvecs)):
        _fetch(folder)
    return found


def small_crop() -> DemoScan:
    """The crop that dipy ships.

    Raises:
        InputError: dipy is not installed.
    """
    try:
        files = Path(str(resources.files("dipy.data") / "files"))
    except ModuleNotFoundError as error:
        raise InputError(Problem("demo", "needs dipy", hint="pip install 'fibertwin[imaging]'")) from error
    return DemoScan(files / "small_64D.nii", files / "small_64D.bval", files / "small_64D.bvec", whole=False)


def _fetch(folder: Path) -> None:
    """Fetch the package with pip and unpack the scan into a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    logger.info("fetching a whole-brain scan (40 MB, %s) into %s", PACKAGE, folder)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip gave no reason")
    with zipfile.ZipFile(wheels[0]) as archive:
        images = archive.read(f"{FOLDER}{NAME}.nii.gz")
        if hashlib.sha256(images).hexdigest() != SHA256:
            raise OSError(f"the scan in {wheels[0].name} is not the one that this demo knows")
        for suffix in (".bval", ".bvec"):
            (folder / f"{NAME}{suffix}").write_bytes(archive.read(f"{FOLDER}{NAME}{suffix}"))
        part = folder / f"{NAME}.part"
        part.write_bytes(images)
        part.rename(folder / f"{NAME}.nii.gz")
    wheels[0].unlink()
