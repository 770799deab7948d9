"""What must not change a strain: the stored form of the tensors, signs, numbering, ranks."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _limits import limits
from _stored import KINDS, every_order_and_frame, regridded, write_nifti, write_v1_fa
from _table import Row, below, clock
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin import pipeline, stages
from fibertwin.case import Case
from fibertwin.imaging import TensorImage, fit_tensors
from fibertwin.solver import Solution, fields, solve
from fibertwin.solver.output import cell_mean

Array = NDArray[np.float64]

QUICK = Path(__file__).parents[1] / "examples" / "quick" / "case.toml"
PLAIN: dict[str, Any] = {"output.report": False, "output.compare_isotropic": False}
GRIDS = (((1, 0, 2), (False, False, True)), ((2, 0, 1), (True, False, False)), ((0, 2, 1), (True, True, True)))
"""Axis permutations and flips of the voxel grid on which strains are compared."""


@dataclass(frozen=True, eq=False)
class Result:
    """A run: its solution, and the percentiles and greatest value of the fiber strain that its summary tells."""

    solution: Solution
    percentiles: Array


def mechanics() -> list[Row]:
    """Rows of the mechanics side, on the small real crop of the quick example."""
    case = Case.read(QUICK, PLAIN)
    scan: Any = case.diffusion
    mask = stages.scan_mask(scan).inside
    image = fit_tensors(scan.dwi, scan.bvals, scan.bvecs, mask=mask, bvec_frame=scan.bvec_frame)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *stored_forms(case, image, folder),
            file_signs(case, image, folder),
            point_signs(case, folder),
            numbering(case, folder),
            ranks(folder),
            *limits(),
        ]


def stored_forms(case: Case, image: TensorImage, folder: Path) -> list[Row]:
    """The same strains from the same tensors in every stored form."""
    said = list(_every_form(image, folder))
    with clock() as running:
        first, *others = (_run(_reading(case, words), folder) for words in said)
    moved = max(_relative(other.solution, first.solution) for other in others)
    strained = max(float(np.abs(_strain(other) - _strain(first)).max()) for other in others)
    told = max(float(np.abs(other.percentiles / first.percentiles - 1).max()) for other in others)
    forms = f"{len(said)} stored forms"
    return [
        below(f"displacement from {forms}, relative", 1e-6, moved, running),
        below(f"fiber strain of a cell from {forms}, difference", 1e-6, strained),
        below(f"percentiles of fiber strain from {forms}, relative", 1e-6, told),
    ]


def _every_form(image: TensorImage, folder: Path) -> Iterator[dict[str, str]]:
    """What ``[diffusion]`` says of each form, written: orders × frames, kinds of files, permuted grids."""
    for order, frame in every_order_and_frame():
        yield _nifti(image, order, frame, folder)
    for kind in KINDS:
        yield kind.write(image, folder)
    for number, (axes, flips) in enumerate(GRIDS):
        place = folder / f"grid{number}"
        place.mkdir()
        turned = regridded(image, axes, flips)
        yield _nifti(turned, "upper", "voxel", place)
        yield _nifti(turned, "upper", "fsl", place)


def _nifti(image: TensorImage, order: str, frame: Any, folder: Path) -> dict[str, str]:
    path = write_nifti(image, order, frame, folder)
    return {"tensor": str(path), "order": order, "frame": frame, "units": "mm^2/s"}


def _reading(case: Case, said: dict[str, str]) -> Case:
    """The crop is small for the orientation test, whose warning would be told for every form."""
    return case.replace({"diffusion": {**said, "force_orientation": True}})


def _run(case: Case, folder: Path) -> Result:
    out = Path(tempfile.mkdtemp(dir=folder))
    solution = pipeline.run(case, out, MPI.COMM_SELF)
    strain = json.loads((out / "summary.json").read_text())["regions"]["tissue"]["fields"]["fiber strain"]
    return Result(solution, np.array([strain[name] for name in ("p5", "p50", "p95", "p99", "max")]))


def _strain(result: Result) -> Array:
    measured = fields(result.solution.problem, result.solution.unknowns)
    return cell_mean(measured.measures["fiber strain"].values, measured.state.weights)


def _relative(one: Solution, other: Solution) -> float:
    return _difference(_nodes(one), _nodes(other))


def _nodes(solution: Solution) -> Array:
    """(n, 6) places and displacements of the nodes."""
    u = solution.unknowns.displacement
    return np.column_stack([u.function_space.tabulate_dof_coordinates(), u.x.array.reshape(-1, 3)])


def _difference(one: Array, other: Array) -> float:
    """Largest difference of displacement relative to the largest displacement; nodes are matched by their place."""
    first, second = (rows[np.lexsort(np.round(rows[:, :3], 5).T)] for rows in (one, other))
    if first.shape != second.shape or np.abs(first[:, :3] - second[:, :3]).max() > 1e-5:
        return float("inf")
    return float(np.abs(first[:, 3:] - second[:, 3:]).max() / np.abs(first[:, 3:]).max())


def file_signs(case: Case, image: TensorImage, folder: Path) -> Row:
    """V1 and FA from files, V1 turned round at random voxels."""
    signs: Array = np.where(np.random.default_rng(2).random((*image.shape, 1)) < 0.5, -1.0, 1.0)
    with clock() as running:
        plain, turned = (
            _run(_reading(case, write_v1_fa(image, folder / name, factor)), folder)
            for name, factor in (("plain", 1.0), ("turned", signs))
        )
    moved = _relative(turned.solution, plain.solution)
    return below("V1 turned round at random voxels, displacement, relative", 1e-8, moved, running)


def point_signs(case: Case, folder: Path) -> Row:
    """a0 turned round at random quadrature points."""
    case = case.replace({"materials.tissue.energies.1.dispersion": "fa"})
    scan = stages.tensors(case, folder, MPI.COMM_SELF)
    solved = []
    with clock() as running:
        for flip in (False, True):
            anatomy, fibers = stages.body(case, scan, MPI.COMM_SELF)
            assert fibers is not None
            if flip:
                axes = fibers.axis.x.array.reshape(-1, 3)
                axes[np.random.default_rng(0).random(len(axes)) < 0.5] *= -1
            solved.append(solve(stages.problem(case, anatomy, fibers)))
    moved = _relative(solved[1], solved[0])
    return below("a0 turned round at random points, displacement, relative", 1e-8, moved, running)


def numbering(case: Case, folder: Path) -> Row:
    """The block as a mesh file whose nodes, cells and corners are numbered at random."""
    import meshio

    with clock() as running:
        plain = _run(case, folder).solution
        mesh = plain.problem.anatomy.mesh
        rng = np.random.default_rng(1)
        points, cells = mesh.geometry.x, np.asarray(mesh.geometry.dofmaps[0])
        order = rng.permutation(len(points))
        place = np.argsort(order)
        shuffled = rng.permuted(place[cells][rng.permutation(len(cells))], axis=1)
        file = folder / "shuffled.vtu"
        meshio.Mesh(points[order], [("tetra", shuffled)]).write(file)
        surfaces = {
            name: [{"select": "facing", "direction": way, "angle": "1 deg"}]
            for name, way in (("bottom", "down"), ("top", "up"))
        }
        anatomy = {"type": "mesh-file", "file": str(file), "length_unit": "mm"}
        again = _run(case.replace({"anatomy": anatomy, "surfaces": surfaces}), folder).solution
    moved = _relative(again, plain)
    return below("mesh numbered at random, displacement, relative", 1e-8, moved, running)


def ranks(folder: Path) -> Row:
    """The command on 1, 2 and 3 ranks, compared by the files it writes."""
    with clock() as running:
        one, *others = (_on_ranks(folder, n) for n in (1, 2, 3))
    moved = max(_difference(other, one) for other in others)
    cost = f"{running}, on 1 + 2 + 3 ranks"
    return below("1, 2 and 3 ranks, displacement on disk, relative", 1e-8, moved, cost)


def _on_ranks(folder: Path, count: int) -> Array:
    import pyvista

    programs, out = Path(sys.executable).parent, folder / f"ranks{count}"
    command = [str(programs / "mpirun"), "-n", str(count), str(programs / "fibertwin"), "run", str(QUICK)]
    command += ["-o", str(out)]
    for key, value in PLAIN.items():
        command += ["--set", f"{key}={str(value).lower()}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=_without_mpi())
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    grid = pyvista.read(out / "fields.pvd").combine()
    rows = np.column_stack([grid.points, grid.point_data["displacement"]])
    return rows[np.unique(np.round(rows[:, :3], 5), axis=0, return_index=True)[1]]


def _without_mpi() -> dict[str, str]:
    """The environment of a process that was not started by mpirun."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "HYDI", "MPI"))}
