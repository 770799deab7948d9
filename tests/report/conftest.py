"""A result folder as a run leaves it, made without a solve: real DOLFINx files, synthetic deformation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fibertwin.stack  # noqa: F401

# isort: split
from dolfinx import fem, io, mesh  # the stack loads the libraries that DOLFINx needs, so it comes first
from mpi4py import MPI

LEVELS = {"5 %": 0.05, "10 %": 0.10, "20 %": 0.20}
SCALARS = ("fiber strain", "fiber stretch", "max principal strain", "J", "von Mises stress", "fiber stress", "pressure")
UNITS = {"von Mises stress": "kPa", "fiber stress": "kPa", "pressure": "kPa"}
Deformation = Callable[[np.ndarray], np.ndarray]


def push(center: np.ndarray, direction: np.ndarray, depth: float, width: float) -> Deformation:
    """A displacement (3, n) in mm that fades like a bell around ``center`` (3, n) points in mm."""

    def displacement(x: np.ndarray) -> np.ndarray:
        distance = ((x - center[:, None]) ** 2).sum(0)
        return direction[:, None] * depth * np.exp(-distance / width**2)

    return displacement


def gradients(displacement: Deformation, x: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Deformation gradients F (n, 3, 3) at points (3, n) by central differences."""
    columns = []
    for j in range(3):
        h = np.zeros((3, 1))
        h[j] = step
        columns.append((displacement(x + h) - displacement(x - h)) / (2 * step))
    return np.eye(3) + np.stack(columns, axis=-1).transpose(1, 0, 2)


def cell_fields(domain: mesh.Mesh, displacement: Deformation, a0: np.ndarray, fa: np.ndarray) -> dict[str, np.ndarray]:
    """Every cell array that a run writes, (cells,) or (cells, k), at the midpoints of local and ghost cells."""
    cells = np.arange(_cell_count(domain), dtype=np.int32)
    middle = mesh.compute_midpoints(domain, 3, cells)
    F = gradients(displacement, middle.T)
    C = np.einsum("nki,nkj->nij", F, F)
    stretch = np.sqrt(np.einsum("ni,nij,nj->n", a0, C, a0))
    J = np.linalg.det(F)
    sigma = (np.einsum("nik,njk->nij", F, F) - np.eye(3)) / J[:, None, None]
    deviator = sigma - np.trace(sigma, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    return {
        "fiber strain": (stretch**2 - 1) / 2,
        "fiber stretch": stretch,
        "max principal strain": np.linalg.eigvalsh((C - np.eye(3)) / 2)[:, 2],
        "J": J,
        "von Mises stress": np.sqrt(1.5 * (deviator**2).sum((1, 2))),
        "fiber stress": np.einsum("ni,nij,nj->n", a0, sigma, a0),
        "pressure": -np.trace(sigma, axis1=1, axis2=2) / 3,
        "FA": fa,
        "MD": np.full(len(fa), 0.8e-3),
        "kappa": (1 - fa) / 3,
        "region": np.where(fa > np.median(fa), 1.0, 2.0),
        "a0": a0,
        "Cauchy stress": sigma.reshape(-1, 9),
    }


def write_fields(path: Path, domain: mesh.Mesh, displacement: Deformation, cells: dict[str, np.ndarray]) -> None:
    """Write one .pvd with the quadratic displacement and the cell fields. Collective."""
    u = fem.Function(fem.functionspace(domain, ("Lagrange", 2, (3,))), name="displacement")
    u.interpolate(displacement)
    functions = [u]
    for name, values in cells.items():
        shape = {1: (), 3: (3,), 9: (3, 3)}[values.reshape(len(values), -1).shape[1]]
        f = fem.Function(fem.functionspace(domain, ("DG", 0, shape)), name=name)
        f.x.array[:] = values.reshape(-1)
        functions.append(f)
    with io.VTKFile(domain.comm, str(path), "w") as file:
        file.write_function(functions, 0.0)


def build_folder(
    folder: Path,
    domain: mesh.Mesh,
    displacement: Deformation,
    isotropic: Deformation | None,
    a0: np.ndarray,
    fa: np.ndarray,
    tensors: tuple[np.ndarray, np.ndarray] | None,
    converged: bool = True,
) -> Path:
    """Write the files of a run into ``folder``. Collective.

    Args:
        domain: tetrahedra in mm.
        displacement: of the anisotropic run; ``isotropic``: of the comparison run, if any.
        a0: (cells, 3) fiber axes and ``fa`` (cells,) anisotropy of local and ghost cells.
        tensors: (nx, ny, nz, 6) components in mm²/s and the (4, 4) affine, if there is an image.
        converged: whether the run says that it ended well.
    """
    ours = cell_fields(domain, displacement, a0, fa)
    write_fields(folder / "fields.pvd", domain, displacement, ours)
    theirs = None
    if isotropic is not None:
        theirs = cell_fields(domain, isotropic, a0, fa)
        write_fields(folder / "isotropic.pvd", domain, isotropic, theirs)
    summary = _summary(domain, ours, theirs, converged)
    if domain.comm.rank == 0:
        if tensors is not None:
            _write_tensors(folder / "tensors.nii", *tensors)
        else:
            summary["tensor_quality"] = None
        (folder / "summary.json").write_text(json.dumps(summary, indent=1))
    domain.comm.barrier()
    return folder


def _cell_count(domain: mesh.Mesh) -> int:
    index_map = domain.topology.index_map(3)
    return int(index_map.size_local + index_map.num_ghosts)


def _write_tensors(path: Path, components: np.ndarray, affine: np.ndarray) -> None:
    import nibabel

    image = nibabel.Nifti1Image(components[:, :, :, None, :].astype(np.float32), affine)
    image.header.set_intent(1005)
    nibabel.save(image, path)


def _gather(domain: mesh.Mesh, values: np.ndarray) -> np.ndarray:
    owned = values[: domain.topology.index_map(3).size_local]
    return np.concatenate(domain.comm.allgather(owned))


def _volumes(domain: mesh.Mesh) -> np.ndarray:
    corners = domain.geometry.x[domain.geometry.dofmaps[0]]
    return np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 6


def _statistics(values: np.ndarray, volume: np.ndarray, where: np.ndarray, unit: str) -> dict[str, Any]:
    order = np.argsort(values)
    share = np.cumsum(volume[order]) / volume.sum()
    at = {f"p{p}": float(values[order][min(np.searchsorted(share, p / 100), len(values) - 1)]) for p in (5, 50, 95, 99)}
    edges = np.linspace(values.min() - 1e-9, values.max() + 1e-9, 41)
    fraction = np.histogram(values, edges, weights=volume)[0] / volume.sum()
    return at | {
        "unit": unit,
        "min": float(values.min()),
        "max": float(values.max()),
        "max_at_mm": where[values.argmax()].tolist(),
        "mean": float((values * volume).sum() / volume.sum()),
        "histogram": {"edges": edges.tolist(), "volume_fraction": fraction.tolist()},
    }


def _regions(domain: mesh.Mesh, fields: dict[str, np.ndarray]) -> dict[str, Any]:
    volume = _gather(domain, _volumes(domain))
    where = _gather(domain, mesh.compute_midpoints(domain, 3, np.arange(_cell_count(domain), dtype=np.int32)))
    code = _gather(domain, fields["region"])
    found = {}
    for tag, name in ((1, "white matter"), (2, "grey matter")):
        inside = code == tag
        stats = {
            f: _statistics(_gather(domain, fields[f])[inside], volume[inside], where[inside], UNITS.get(f, "1"))
            for f in SCALARS
        }
        found[name] = {
            "tag": tag,
            "volume_mL": float(volume[inside].sum() / 1e3),
            "cells": int(inside.sum()),
            "fields": stats,
        }
    return found


def _exceedance(domain: mesh.Mesh, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray] | None) -> dict[str, Any]:
    volume, code = _gather(domain, _volumes(domain)), _gather(domain, ours["region"])
    strain = _gather(domain, ours["fiber strain"])
    other = None if theirs is None else _gather(domain, theirs["fiber strain"])
    found: dict[str, Any] = {}
    for tag, name in ((1, "white matter"), (2, "grey matter")):
        inside = code == tag
        total = volume[inside].sum()
        found[name] = {
            label: {
                "volume_mL": float(volume[inside & (strain > level)].sum() / 1e3),
                "fraction": float(volume[inside & (strain > level)].sum() / total),
                "isotropic_fraction": None if other is None else float(volume[inside & (other > level)].sum() / total),
            }
            | ({} if other is None else split(volume, inside & (strain > level), inside & (other > level)))
            for label, level in LEVELS.items()
        }
    return found


def _outcome(converged: bool) -> dict[str, Any]:
    if converged:
        return {"converged": True, "sentence": "Converged: the whole load is carried, in 1 step.", "load_level": 1.0}
    sentence = "Failed at 43 % of the load: cell 1234 at (61.2, -3.4, 40.1) mm is nearly inverted, J = 0.012 <see log>."
    return {"converged": False, "sentence": sentence, "load_level": 0.43}


def _summary(
    domain: mesh.Mesh, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray] | None, converged: bool
) -> dict[str, Any]:
    steps = [
        {"load": 0.5, "newton": 5, "krylov": 121, "residual": 3.1e-10},
        {"load": 1.0, "newton": 4, "krylov": 98, "residual": 8.7e-11},
    ]
    history = [[12.3, 1.1, 0.02, 4e-6, 2e-8, 3.1e-10], [3.0, 0.2, 1.5e-4, 2.2e-8, 8.7e-11]]
    comparison = None
    if theirs is not None:
        comparison = {
            "outcome": _outcome(True), "regions": _regions(domain, theirs), "steps": steps, "newton_history": history
        }  # fmt: skip
    quality = {"edges": np.linspace(0, 1, 21).tolist(), "volume_fraction": [0, 0, 0, 0.01, 0.04, *[0.06] * 14, 0.11]}
    return {
        "title": "Retraction of a <synthetic> brain",
        "outcome": _outcome(converged),
        "isotropic": comparison,
        "regions": _regions(domain, ours),
        "fiber_strain_exceedance": _exceedance(domain, ours, theirs),
        "reactions": {
            "skull base": {"force_mN": [812.4, -31.2, 95.0], "area_mm2": 10321.0},
            "blade": {"force_mN": [-812.4, 31.2, -95.0], "area_mm2": 448.0},
        },
        "energy": {"external_work_uJ": 2100.3, "stored_energy_uJ": 2100.1, "imbalance": 9.5e-5},
        "dofs": {"displacement": 118266, "pressure": 5777, "cells": int(domain.topology.index_map(3).size_global)},
        "steps": steps,
        "newton_history": history,
        "timings_s": {"read": 0.8, "mesh": 3.9, "sample": 2.6, "compile": 0.1, "solve": 12.7, "write": 1.1},
        "memory_MB": {"peak_sum": 1203.0},
        "mesh_quality": {
            "scaled_jacobian": {"min": 0.17, "p1": 0.31, "mean": 0.68, "histogram": quality},
            "worst_cells": [{"cell": 17, "scaled_jacobian": 0.17, "at_mm": [1.0, 2.0, 3.0]}],
        },
        "tensor_quality": {
            "voxels": 110432, "repaired": 569, "filled_points": 1520, "mask_mL": 1521.0, "median_md": 0.78e-3,
            "mean_fa": 0.248,
            "orientation": {
                "sentence": "The given orientation is the most coherent of 24.", "given": "+x+y+z", "best": "+x+y+z",
                "index": {"+x+y+z": 0.812, "-x+y+z": 0.774, "+y+x+z": 0.701},
            },
            "assumptions": ["Component order xx xy yy xz yz zz <NIfTI 1005>", "World axes RAS+"],
        },
        "provenance": {
            "case": {"title": "Retraction", "loads": [{"type": "displacement", "surface": "blade", "value": "5 mm"}]},
            "versions": {"fibertwin": "0.1.0", "dolfinx": "0.11.0", "python": "3.12.1"},
            "ranks": 2, "inputs": {"dwi.nii.gz": "ab" * 32}, "command": "fibertwin run case.toml -o out <x>",
            "date": "2026-01-02T03:04:05+00:00",
        },
    }  # fmt: skip


def block(comm: MPI.Comm) -> tuple[mesh.Mesh, np.ndarray, np.ndarray]:
    """A block of 384 tetrahedra, 40 mm wide, with fibers along x in one half and along z in the other."""
    domain = mesh.create_box(comm, [[0.0, 0.0, 0.0], [40.0, 40.0, 40.0]], (4, 4, 4))
    middle = mesh.compute_midpoints(domain, 3, np.arange(_cell_count(domain), dtype=np.int32))
    a0 = np.where((middle[:, 0] < 20)[:, None], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    return domain, a0, 0.2 + 0.5 * middle[:, 1] / 40


def small_tensors() -> tuple[np.ndarray, np.ndarray]:
    """Tensors of a block of 20 mm voxels in a left-handed image (LAS), zero outside the mask."""
    components = np.zeros((6, 7, 8, 6))
    components[1:-1, 1:-1, 1:-1] = 1e-3 * np.array([1.5, 0.0, 0.4, 0.0, 0.0, 0.4])
    affine = np.diag([-5.0, 5.0, 5.0, 1.0])
    affine[0, 3] = 30.0
    return components, affine


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a small result folder on this rank alone: ``make_run(isotropic=…, tensors=…)``."""

    def make(isotropic: bool = True, tensors: bool = True, converged: bool = True) -> Path:
        domain, a0, fa = block(MPI.COMM_SELF)
        center, outward = np.array([40.0, 20.0, 20.0]), np.array([1.0, 0.0, 0.0])
        ours, theirs = push(center, outward, 5.0, 18.0), push(center, outward, 5.0, 22.0)
        image = small_tensors() if tensors else None
        return build_folder(tmp_path, domain, ours, theirs if isotropic else None, a0, fa, image, converged)

    return make


@pytest.fixture
def write_block() -> Callable[[MPI.Comm, Path], Path]:
    """A function that writes a small result folder on all ranks of a communicator. Collective."""

    def write(comm: MPI.Comm, folder: Path) -> Path:
        domain, a0, fa = block(comm)
        ours = push(np.array([40.0, 20.0, 20.0]), np.array([-1.0, 0.0, 0.0]), 5.0, 18.0)
        return build_folder(folder, domain, ours, None, a0, fa, None)

    return write


def split(volume, ours, theirs):
    """What one run has and the other not, in mL."""
    return {
        "isotropic_misses_mL": float(volume[ours & ~theirs].sum() / 1e3),
        "isotropic_adds_mL": float(volume[theirs & ~ours].sum() / 1e3),
    }
