"""Whether meshes survive every format, and what reading a large one takes on two ranks.

    python benchmarks/mesh_files.py [--cells N] [--json]
    python benchmarks/mesh_files.py --full              5 million tetrahedra on 2 ranks: 12 GB, minutes

The body is a tube of tetrahedra in two regions, with surfaces that overlap, and a fiber and a sheet direction at random
in every cell. Seconds are of the processor.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from _table import Row, below, clock, judged, main, told

import fibertwin.stack  # noqa: F401 (before DOLFINx)
from fibertwin.meshes import ThickTube, read_mesh, write_mesh
from fibertwin.meshes.anatomy import RawMesh
from fibertwin.meshes.lattice import outer_facets

FORMATS = {
    "Gmsh 4.1": ".msh",
    "VTK": ".vtk",
    "VTU": ".vtu",
    "XDMF": ".xdmf",
    "MED": ".med",
    "Abaqus": ".inp",
    "FEBio": ".feb",
    "CARP": ".pts",
    "TetGen with .ortho": ".node",
    "Medit": ".mesh",
}
UNNAMED, ONE_SURFACE, NO_FIBERS = (".pts", ".node", ".mesh"), (".node", ".mesh"), (".mesh",)
BRICKS = 94
"""Bricks along each edge of the large block: 6 × 94³ is 4,983,504 tetrahedra."""

MEMORY = 12e3
"""Megabytes that two ranks may take together for it."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Round trips of every format; with ``--full`` the large block too."""
    if arguments.part:
        _rank(Path(arguments.part))
        sys.exit(0)
    raw = body(arguments.cells)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name, suffix in FORMATS.items() for row in trip(raw, name, Path(folder) / f"body{suffix}")]
        return [*rows, *(large(Path(folder), arguments.bricks) if arguments.full else [])]


def body(cells: int) -> RawMesh:
    """The tube of about so many cells."""
    n = max(1, round((cells / 6 / 32) ** (1 / 3)))
    raw = ThickTube(20.0, 30.0, 60.0, (2 * n, 8 * n, 2 * n), "full", "tetrahedra", False)._mesh()
    rng = np.random.default_rng(0)
    fibers = rng.normal(size=(len(raw.cells), 3))
    fibers /= np.linalg.norm(fibers, axis=1, keepdims=True)
    sheets = np.cross(fibers, rng.normal(size=fibers.shape))
    sheets /= np.linalg.norm(sheets, axis=1, keepdims=True)
    right = raw.points[raw.cells[:, :4]].mean(axis=1)[:, 0] > 0
    outer = outer_facets(raw.cells)
    half = outer[(raw.points[outer][..., 0] > -1e-9).all(axis=1)]
    number = max(raw.surfaces.values()) + 1
    return replace(
        raw,
        cell_values=np.where(right, 7, 9).astype(np.int32),
        regions={"white": 7, "left wall": 9},
        facets=np.concatenate([raw.facets, half]),
        facet_values=np.concatenate([raw.facet_values, np.full(len(half), number, np.int32)]),
        surfaces={**raw.surfaces, "right half": number},
        fibers=fibers,
        sheets=sheets,
    )


def trip(raw: RawMesh, name: str, file: Path) -> list[Row]:
    """Write, read, and compare cell by cell."""
    with clock() as writing:
        write_mesh(raw, file)
    named = {} if file.suffix in (".inp", ".feb", *UNNAMED) else {"fibers": "f0", "sheets": "s0"}
    with clock() as reading:
        found = read_mesh(file, "um" if file.suffix == ".pts" else "mm", **named)
    size = sum(part.stat().st_size for part in file.parent.glob("body.*")) / 1e6
    for part in file.parent.glob("body.*"):
        part.unlink()
    cost = f"{writing.cpu_seconds:.2g} s to write, {reading.cpu_seconds:.2g} s to read, {size:.3g} MB"
    ours, theirs = order(raw), order(found)
    error = float(np.abs(found.points[found.cells[theirs]] - raw.points[raw.cells[ours]]).max())
    rows = [below(f"{name}: error of {len(raw.cells):,} cells' coordinates, mm", 1e-14, error, cost)]
    rows.append(judged(f"{name}: regions", "all cells", *_same(regions(found)[theirs], regions(raw)[ours], file)))
    if file.suffix in ONE_SURFACE:
        rows.append(told(f"{name}: surfaces", "one number for each facet, no names"))
    else:
        same = [np.array_equal(facets(found, n), facets(raw, n)) for n in raw.surfaces if n in found.surfaces]
        rows.append(judged(f"{name}: surfaces", f"{len(raw.surfaces)}", f"{sum(same)}", sum(same) == len(raw.surfaces)))
    if file.suffix in NO_FIBERS:
        return [*rows, told(f"{name}: fibers and sheets", "no place for them")]
    pairs = ((found.fibers, raw.fibers), (found.sheets, raw.sheets))
    apart = max(float(np.abs(np.asarray(read)[theirs] - np.asarray(made)[ours]).max()) for read, made in pairs)
    return [*rows, below(f"{name}: error of fibers and sheets", 0.0, apart)]


def _same(found: np.ndarray, wanted: np.ndarray, file: Path) -> tuple[str, bool]:
    """How many cells' regions came back, by number where the format has no names."""
    if file.suffix in UNNAMED:
        wanted = np.char.add("tag ", np.where(wanted == "white", "7", "9"))
    count = int((found == wanted).sum())
    return f"{count:,}" + (", by number" if file.suffix in UNNAMED else ""), count == len(wanted)


def order(raw: RawMesh) -> np.ndarray:
    """The order that sorts cells by their centers."""
    return np.lexsort(np.rint(raw.points[raw.cells].mean(axis=1) * 1e8).astype(np.int64).T)


def regions(raw: RawMesh) -> np.ndarray:
    """The region's name of each cell."""
    names = {number: name for name, number in raw.regions.items()}
    return np.array([names[int(value)] for value in raw.cell_values])


def facets(raw: RawMesh, name: str) -> np.ndarray:
    """The centers of a surface's facets, sorted."""
    x = raw.points[raw.facets[raw.facet_values == raw.surfaces[name]]].mean(axis=1)
    return np.unique(np.rint(x * 1e8), axis=0)


def large(folder: Path, bricks: int) -> list[Row]:
    """Write a block of 6 × bricks³ tetrahedra with regions, surfaces and fibers; read it on two ranks."""
    file = folder / "large.vtu"
    subprocess.run([sys.executable, __file__, "--part", f"{file}:{bricks}"], check=True)
    command = [str(Path(sys.executable).parent / "mpirun"), "-n", "2", sys.executable, __file__, "--part", str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    what = f"{found['cells']:,} tetrahedra with regions, 6 surfaces and fibers, read on 2 ranks"
    size = f"{file.stat().st_size / 1e6:.0f} MB, {found['seconds']:.0f} s of the processor on rank 0"
    return [
        below(f"{what}: peak memory of both, MB", MEMORY, sum(found["memory"]), size),
        told("peak memory of rank 0, which reads, MB", found["memory"][0]),
        told("peak memory of rank 1, MB", found["memory"][1]),
        judged(
            "cells, regions, surfaces and fibers on both ranks",
            "as written",
            found["verdict"],
            found["verdict"] == "as written",
        ),
    ]


def _rank(part: Path) -> None:
    """One step of ``large``: write the block, or read it as one rank of several."""
    import resource

    from mpi4py import MPI

    from fibertwin.meshes import MeshFile, area

    name, _, bricks = str(part).partition(":")
    if bricks:
        _write_block(Path(name), int(bricks))
        return
    comm = MPI.COMM_WORLD
    with clock() as running:
        made = MeshFile(Path(name), "mm", fibers="f0").build(comm)
    memory = comm.gather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    owned = made.mesh.topology.index_map(3).size_local
    x = made.mesh.geometry.x[made.mesh.geometry.dofmaps[0][:owned]].mean(axis=1)
    assert made.fibers is not None
    good = np.array_equal(made.cell_tags.values, np.where(x[:, 0] > 50, 2, 1))
    good &= bool(np.abs(made.fibers[:owned] - rule(x)).max() < 1e-12)
    good &= all(abs(area(made, side) - 1e4) < 1e-6 for side in ("left", "right", "back", "front", "bottom", "top"))
    verdict = "as written" if all(comm.allgather(good)) else "changed"
    if comm.rank == 0:
        cells = made.quality.cells
        print(json.dumps({"memory": memory, "verdict": verdict, "cells": cells, "seconds": running.cpu_seconds}))


def rule(x: np.ndarray) -> np.ndarray:
    """Fibers that turn along z."""
    return np.column_stack([np.cos(x[:, 2] / 50), np.sin(x[:, 2] / 50), np.zeros(len(x))])


def _write_block(file: Path, n: int) -> None:
    from fibertwin.meshes.lattice import Brick, lattice_mesh

    sides = {
        name: (lambda keys, axis=axis, end=end: keys[:, axis] == end)
        for axis, names in enumerate((("left", "right"), ("back", "front"), ("bottom", "top")))
        for name, end in zip(names, (0, n), strict=True)
    }
    raw = lattice_mesh([Brick((n, n, n), lambda s: s)], "tetrahedra", 1, lambda k: 100.0 * k / n, sides)
    x = raw.points[raw.cells].mean(axis=1)
    raw = replace(
        raw,
        cell_values=np.where(x[:, 0] > 50, 2, 1).astype(np.int32),
        regions={"left half": 1, "right half": 2},
        fibers=rule(x),
    )
    write_mesh(raw, file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=50_000, help="cells that make the round trips")
    parser.add_argument("--full", action="store_true", help="read 5 million tetrahedra on two ranks too")
    parser.add_argument("--bricks", type=int, default=BRICKS, help="bricks along each edge of the large block")
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    main(measure, parser)
