"""summary.json: every number of a run, by region, with what it rests on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibertwin.solver import CavityState, Fields, Outcome, Solution, Step, Unloaded
from fibertwin.solver.statistics import Summary, summarize
from fibertwin.whole import whole

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.meshes import Anatomy, FiberField


def solution_summary(solution: Solution, measured: Fields) -> dict[str, Any]:
    """Outcome, statistics by region, reactions, energy and convergence of one solve. Collective."""
    problem = solution.problem
    comm = problem.anatomy.mesh.comm
    regions = {name: _region(comm, measured, tag) for name, tag in problem.anatomy.regions.items()}
    return {
        "outcome": outcome(solution.outcome),
        "regions": {name: region for name, region in regions.items() if region["cells"]},
        "reactions": _reactions(solution),
        "energy": _energy(solution),
        "cavities": {name: cavity(state) for name, state in solution.cavities.items()},
        "dofs": _dofs(solution),
        "steps": [step(one) for one in solution.outcome.steps],
        "newton_history": [list(step.residuals) for step in solution.outcome.steps],
        "krylov_history": [list(step.krylov) for step in solution.outcome.steps],
    }


def step(taken: Step) -> dict[str, Any]:
    """One increment."""
    found: dict[str, Any] = {
        "load": taken.level,
        "settled": taken.settled,
        "newton": len(taken.residuals),
        "krylov": sum(taken.krylov),
        "residual": taken.residuals[-1],
        "cavities": {name: cavity(state) for name, state in taken.cavities.items()},
    }
    if taken.balance is not None:
        found["reactions_mN"] = {name: list(force) for name, force in taken.balance.reactions.items()}
    return found


def cavity(state: CavityState) -> dict[str, float]:
    """A cavity at the end of an increment, and what its circuit shows, where it is joined to one."""
    said = {"volume_mL": state.volume / 1e3, "pressure_kPa": state.pressure}
    if state.flow is None:
        return said
    flow = state.flow
    said |= {"inflow_mL_per_s": flow.inflow / 1e3, "outflow_mL_per_s": flow.outflow / 1e3}
    return said | {"arterial_kPa": flow.arterial, "aortic_kPa": flow.aortic}


def unloading(found: Unloaded) -> dict[str, Any]:
    """How the stress-free shape was found."""
    return {
        "sentence": found.sentence,
        "corrections": len(found.errors),
        "errors_mm": list(found.errors),
        "diameter_mm": found.diameter,
        "largest_move_mm": found.moved,
    }


def outcome(ended: Outcome) -> dict[str, Any]:
    """How a solve ended."""
    return {
        "converged": ended.converged,
        "sentence": ended.sentence,
        "load_level": ended.level,
        "increments": len(ended.steps),
        "cuts": ended.cuts,
    }


def exceedance(
    anatomy: "Anatomy", measured: Fields, isotropic: Fields | None, thresholds: Sequence[float]
) -> dict[str, Any]:
    """How much of each region is strained beyond each threshold along its fibers. Collective."""
    comm = anatomy.mesh.comm
    found: dict[str, Any] = {}
    for name, tag in anatomy.regions.items():
        weights, strain = _of_region(measured, "fiber strain", tag)
        total = comm.allreduce(float(weights.sum()))
        if not total:
            continue
        found[name] = {}
        for threshold in thresholds:
            beyond = strain > threshold
            volume = _volume(comm, weights, beyond)
            row = {"volume_mL": volume, "fraction": 1e3 * volume / total, "isotropic_fraction": None}
            if isotropic is not None:
                there = _of_region(isotropic, "fiber strain", tag)[1] > threshold
                row["isotropic_fraction"] = 1e3 * _volume(comm, weights, there) / total
                row["isotropic_misses_mL"] = _volume(comm, weights, beyond & ~there)
                row["isotropic_adds_mL"] = _volume(comm, weights, there & ~beyond)
            found[name][f"{100 * threshold:g} %"] = row
    return found


def write(summary: Mapping[str, Any], path: Path) -> None:
    """Write a summary as JSON, whole or not at all; a number that is not finite is an error, not a word of its own."""
    text = json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with whole(path) as stream:
        stream.write(text.encode())


def _volume(comm: "MPI.Comm", weights: Any, where: Any) -> float:
    """Volume (mL) of the points where a condition holds. Collective."""
    return float(comm.allreduce(float(weights[where].sum()))) / 1e3


def _of_region(measured: Fields, name: str, tag: int) -> tuple[Any, Any]:
    cells = measured.state.region == tag
    return measured.state.weights[cells].ravel(), measured.measures[name].values[cells].ravel()


def _region(comm: "MPI.Comm", measured: Fields, tag: int) -> dict[str, Any]:
    cells = measured.state.region == tag
    weights = measured.state.weights[cells].ravel()
    points = measured.state.points[cells].reshape(-1, 3)
    count = comm.allreduce(int(cells.sum()))
    fields = {}
    if count:
        for measure in measured.measures.values():
            if measure.scalar:
                found = summarize(comm, measure.values[cells].ravel(), weights, points)
                fields[measure.name] = {"unit": measure.unit, **_distribution(found)}
    return {"tag": tag, "volume_mL": comm.allreduce(float(weights.sum())) / 1e3, "cells": count, "fields": fields}


def _distribution(found: Summary) -> dict[str, Any]:
    return {
        **{f"p{q}": value for q, value in found.percentiles.items()},
        "max": found.maximum,
        "max_at_mm": list(found.maximum_at),
        "min": found.minimum,
        "mean": found.mean,
        "histogram": {"edges": found.edges.tolist(), "volume_fraction": found.volume_fraction.tolist()},
    }


def _reactions(solution: Solution) -> dict[str, Any]:
    from fibertwin.meshes import area

    anatomy = solution.problem.anatomy
    return {
        name: {"force_mN": force.tolist(), "area_mm2": area(anatomy, solution.problem.supports[name].surface)}
        for name, force in solution.reactions.items()
    }


def _energy(solution: Solution) -> dict[str, float]:
    work, stored = solution.external_work, solution.stored_energy
    if any(material.remembers for material in solution.problem.materials.values()):
        return {"external_work_uJ": work, "stored_energy_uJ": stored, "not_stored_uJ": work - stored}
    scale = max(abs(work), abs(stored), np.finfo(float).tiny)
    return {"external_work_uJ": work, "stored_energy_uJ": stored, "imbalance": (work - stored) / scale}


def _dofs(solution: Solution) -> dict[str, int]:
    def count(function: Any) -> int:
        dofmap = function.function_space.dofmap
        return int(dofmap.index_map.size_global * dofmap.index_map_bs)

    unknowns = solution.unknowns
    cells = solution.problem.anatomy.mesh.topology.index_map(3).size_global
    pressure = 0 if unknowns.pressure is None else count(unknowns.pressure)
    return {"displacement": count(unknowns.displacement), "pressure": pressure, "cells": int(cells)}


def mesh_quality(anatomy: "Anatomy", worst: int = 5) -> dict[str, Any]:
    """Shape of the cells, and where the worst ones are. Collective."""
    from fibertwin.meshes import scaled_jacobian

    mesh, comm = anatomy.mesh, anatomy.mesh.comm
    owned = mesh.topology.index_map(3).size_local
    corners = np.asarray(mesh.geometry.dofmaps[0][:owned])
    shape = np.abs(scaled_jacobian(mesh.geometry.x, corners))  # DOLFINx orders corners by number, not by hand
    shape = np.minimum(shape, 1.0)  # 1 but for round-off
    centers = mesh.geometry.x[corners].mean(axis=1)
    number = mesh.topology.original_cell_index[:owned]
    order = np.argsort(shape)[:worst]
    mine = [(float(shape[i]), int(number[i]), [float(x) for x in centers[i]]) for i in order]
    lowest = sorted(row for rows in comm.allgather(mine) for row in rows)[:worst]
    found = summarize(comm, shape, np.ones(owned), centers)
    edges = np.linspace(0, 1, 41)
    counts = comm.allreduce(np.histogram(shape, edges)[0])
    quality = anatomy.quality
    return {
        "scaled_jacobian": {
            "min": found.minimum,
            "p1": quality.percentile_1,
            "mean": found.mean,
            "histogram": {"edges": edges.tolist(), "volume_fraction": (counts / counts.sum()).tolist()},
        },
        "dihedral_degrees": list(quality.dihedral),
        "mean_edge_mm": quality.mean_edge,
        "worst_cells": [{"cell": cell, "scaled_jacobian": value, "at_mm": at} for value, cell, at in lowest],
    }


def filling(fibers: "FiberField | None") -> dict[str, Any]:
    """How many quadrature points lay outside the scan's valid voxels. Collective."""
    if fibers is None:
        return {}
    owned = fibers.mesh.topology.index_map(3).size_local
    comm = fibers.mesh.comm
    return {
        "points": comm.allreduce(int(fibers.filled[:owned].size)),
        "filled_points": comm.allreduce(int(fibers.filled[:owned].sum())),
        "outside_points": comm.allreduce(int((fibers.distance[:owned] > 0).sum())),
    }
