"""What must not change a strain: the stored form of the tensors, signs, numbering, ranks; and the laws' limits."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _table import Row, clock, judged
from mpi4py import MPI

from fibertwin import pipeline, stages
from fibertwin.case import Case
from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean, kappa_from_fa
from fibertwin.constitutive.point import axisymmetric_fabric, energy
from fibertwin.imaging import ORDERS, TensorImage, fit_tensors
from fibertwin.solver import Solution, fields, solve
from fibertwin.solver.output import cell_mean

QUICK = Path(__file__).parents[1] / "examples" / "quick" / "case.toml"
PLAIN: dict[str, Any] = {"output.report": False, "output.compare_isotropic": False}
GRIDS = (((1, 0, 2), (False, False, True)), ((2, 0, 1), (True, False, False)), ((0, 2, 1), (True, True, True)))
"""Axis permutations and flips of the voxel grid on which strains are compared."""

# Giordano & Kleiven 2014 (doi 10.1098/rsif.2013.0914), kappa at FA = 0, 0.1, …, 1
KAPPA = (0.333333, 0.314024, 0.294320, 0.273784, 0.251887, 0.227924, 0.200880, 0.169161, 0.130002, 0.077956, 0.0)

type Stored = Callable[[TensorImage, str, str, Path], Path]
type Regridded = Callable[[TensorImage, tuple[int, ...], tuple[bool, ...]], Any]


def mechanics(stored: Stored, regridded: Regridded) -> list[Row]:
    """Rows of the mechanics side, on the small real crop of the quick example.

    Args:
        stored: writes tensors in an order and a frame.
        regridded: permutes and flips the voxel grid.
    """
    case = Case.read(QUICK, PLAIN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *stored_forms(case, folder, stored, regridded),
            signs(case, folder),
            numbering(case, folder),
            ranks(folder),
            *limits(),
        ]


def stored_forms(case: Case, folder: Path, stored: Stored, regridded: Regridded) -> list[Row]:
    """The same strains from the same tensors in every stored form."""
    scan: Any = case.diffusion
    mask = stages.scan_mask(scan).inside
    image = fit_tensors(scan.dwi, scan.bvals, scan.bvecs, mask=mask, bvec_frame=scan.bvec_frame)
    files = [(stored(image, order, frame, folder), order, frame) for order, frame in product(ORDERS, FRAMES)]
    for number, (axes, flips) in enumerate(GRIDS):
        place = folder / f"grid{number}"
        place.mkdir()
        turned = regridded(image, axes, flips)[0]
        files += [(stored(turned, "upper", frame, place), "upper", frame) for frame in ("voxel", "fsl")]
    with clock() as running:
        found = [_run(_reading(case, *file), folder) for file in files]
    moved = max(_relative(other, found[0]) for other in found[1:])
    strained = max(float(np.abs(_strain(other) - _strain(found[0])).max()) for other in found[1:])
    forms = f"{len(files)} stored forms (orders x frames, grids)"
    return [
        judged(f"displacement from {forms}, relative", "<= 1e-6", f"{moved:.1e}", moved <= 1e-6, str(running)),
        judged(f"fiber strain of a cell from {forms}, difference", "<= 1e-6", f"{strained:.1e}", strained <= 1e-6),
    ]


FRAMES = ("world", "lps", "voxel", "fsl")


def _reading(case: Case, file: Path, order: str, frame: str) -> Case:
    tensor = {"tensor": str(file), "order": order, "frame": frame, "units": "mm^2/s"}
    return case.replace({"diffusion": tensor | {"force_orientation": True}})


def _run(case: Case, folder: Path) -> Solution:
    out = Path(tempfile.mkdtemp(dir=folder))
    return pipeline.run(case, out, MPI.COMM_SELF)


def _strain(solution: Solution) -> Any:
    measured = fields(solution.problem, solution.unknowns)
    return cell_mean(measured.measures["fiber strain"].values, measured.state.weights)


def _relative(one: Solution, other: Solution) -> float:
    return _difference(_nodes(one), _nodes(other))


def _nodes(solution: Solution) -> Any:
    """(n, 6) places and displacements of the nodes."""
    u = solution.unknowns.displacement
    return np.column_stack([u.function_space.tabulate_dof_coordinates(), u.x.array.reshape(-1, 3)])


def _difference(one: Any, other: Any) -> float:
    """Largest difference of displacement relative to the largest displacement; nodes are matched by their place."""
    first, second = (rows[np.lexsort(np.round(rows[:, :3], 5).T)] for rows in (one, other))
    if first.shape != second.shape or np.abs(first[:, :3] - second[:, :3]).max() > 1e-5:
        return float("inf")
    return float(np.abs(first[:, 3:] - second[:, 3:]).max() / np.abs(first[:, 3:]).max())


def signs(case: Case, folder: Path) -> Row:
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
    found = _relative(solved[1], solved[0])
    return judged(
        "a0 turned round at random, displacement, relative", "<= 1e-8", f"{found:.1e}", found <= 1e-8, str(running)
    )


def numbering(case: Case, folder: Path) -> Row:
    """The block as a mesh file whose nodes, cells and corners are numbered at random."""
    import meshio

    with clock() as running:
        plain = _run(case, folder)
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
        found = _relative(_run(case.replace({"anatomy": anatomy, "surfaces": surfaces}), folder), plain)
    return judged(
        "mesh numbered at random, displacement, relative", "<= 1e-8", f"{found:.1e}", found <= 1e-8, str(running)
    )


def ranks(folder: Path) -> Row:
    """The command on 1, 2 and 3 ranks, compared by the files it writes."""
    with clock() as running:
        one, *others = (_on_ranks(folder, n) for n in (1, 2, 3))
    found = max(_difference(other, one) for other in others)
    return judged("1, 2 and 3 ranks, displacement, relative", "<= 1e-8", f"{found:.1e}", found <= 1e-8, str(running))


def _on_ranks(folder: Path, count: int) -> Any:
    import pyvista

    programs, out = Path(sys.executable).parent, folder / f"ranks{count}"
    command = [
        str(programs / "mpirun"),
        "-n",
        str(count),
        str(programs / "fibertwin"),
        "run",
        str(QUICK),
        "-o",
        str(out),
    ]
    for key, value in PLAIN.items():
        command += ["--set", f"{key}={str(value).lower()}"]
    subprocess.run(command, check=True, capture_output=True, env=_without_mpi())
    grid = pyvista.read(out / "fields.pvd").combine()
    rows = np.column_stack([grid.points, grid.point_data["displacement"]])
    return rows[np.unique(np.round(rows[:, :3], 5), axis=0, return_index=True)[1]]


def _without_mpi() -> dict[str, str]:
    """The environment of a process that was not started by mpirun."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "HYDI", "MPI"))}


def limits() -> list[Row]:
    """What the laws become at the ends of their ranges, at a point."""
    F = np.array([[1.3, 0.2, -0.3], [0.15, 0.95, 0.1], [-0.1, 0.3, 1.2]])
    axis = np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
    k1, k2 = 5.0, 1.7

    def fibers(dispersion: Any, fabric: Any, stiffness: float = k1) -> float:
        return energy(Material((GasserOgdenHolzapfel(stiffness, k2, dispersion),), 1.0), F, fabric)

    around = [fibers("tensor", axisymmetric_fabric(a, 0.0)) for a in np.eye(3)]
    matrix = energy(Material((NeoHookean(1.0),), 1.0), F)
    both = Material((NeoHookean(1.0), GasserOgdenHolzapfel(0.0, k2)), 1.0)
    I4 = float(axis @ F.T @ F @ axis)
    aligned = k1 / (2 * k2) * (np.exp(k2 * (I4 - 1) ** 2) - 1)
    middle = axisymmetric_fabric(axis, 0.6)
    rows = {
        "FA = 0: energy against the axis": np.ptp(around) / around[0],
        "k1 = 0: energy against neo-Hookean": abs(energy(both, F, middle) - matrix) / matrix,
        "kappa = 0: energy against Holzapfel-Gasser-Ogden": abs(fibers(0.0, middle) - aligned) / aligned,
        "FA against tensor on axisymmetric D": abs(fibers("fa", middle) - fibers("tensor", middle))
        / fibers("fa", middle),
    }
    table = float(np.abs(kappa_from_fa(np.linspace(0, 1, 11)) - KAPPA).max())
    return [
        *(judged(f"{name}, relative", "<= 1e-13", f"{value:.1e}", value <= 1e-13) for name, value in rows.items()),
        judged("kappa(FA) against the printed table", "<= 5e-7", f"{table:.1e}", table <= 5.1e-7),
    ]
