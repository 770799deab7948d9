"""The fields of a system brought together on rank 0 in an order that no partition changes, and spread out again."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.parallel import on_root

from .numbering import Numbering, connectivity, of_cells, of_nodes, of_points

if TYPE_CHECKING:
    from .system import System

MOVED = 1e-6
"""Of the body's extent, by which a node may lie elsewhere: a stress-free shape is found to about that."""

PARTS = {
    "mesh": "anatomy",
    "unknowns": "solve.formulation",
    "cavities": "loads",
    "memory": "what the tissue and its loads remember",
}
"""What a state must have in common with a system, and what is to blame where it has not."""

type Arrays = dict[str, NDArray[Any]]


class Layout:
    """Where each value of a system's fields goes. Everything on it is collective.

    A field is known by its name, ``OWNER.KIND`` or ``OWNER.KIND.WHAT``; its kind says what it lives on: ``0``, ``1`` …
    the nodes of an unknown function, ``cells`` the cells, ``all`` nothing that is spread.

    Args:
        system: the system.
    """

    def __init__(self, system: "System") -> None:
        self._mesh, self._comm = system.problem.anatomy.mesh, system.comm
        self._spaces = [f.function_space for f in system.state.functions]
        self._cavities = system.unknown_pressures
        remembered = system.past.memory().values
        self._remembered = sorted(f"{name} {' x '.join(map(str, _one(name, v)))}" for name, v in remembered.items())

    @cached_property
    def _nodes(self) -> list[Numbering]:
        return [of_nodes(V) for V in self._spaces]

    @cached_property
    def _cells(self) -> Numbering:
        return of_cells(self._mesh)

    @cached_property
    def _points(self) -> Numbering:
        return of_points(self._mesh)

    @cached_property
    def _document(self) -> dict[str, Any]:
        elements = [V.element.basix_element for V in self._spaces]
        return {
            "mesh": {
                "cells": self._cells.size,
                "points": self._points.size,
                "shape": self._mesh.topology.cell_name(),
                "connectivity": connectivity(self._mesh, self._cells),
            },
            "unknowns": [f"{element.family.name} {element.degree}" for element in elements],
            "cavities": list(self._cavities),
            "memory": self._remembered,
        }

    def document(self) -> dict[str, Any]:
        """What a state must have in common with the system to be one of its own."""
        return self._document

    def points(self) -> Arrays:
        """Where the mesh's points are (points, 3) (mm), on rank 0."""
        own = self._mesh.geometry.x[: self._mesh.geometry.index_map().size_local]
        found = self._points.gather(own)
        return {} if found is None else {"points": found}

    def gathered(self, fields: Arrays) -> Arrays:
        """Fields of this rank's nodes and cells, whole, on rank 0; none elsewhere."""
        found: Arrays = {}
        for name, values in fields.items():
            numbering = self._numbering(name)
            whole = values if numbering is None else numbering.gather(values)
            if self._comm.rank == 0 and whole is not None:
                found[name] = whole
        return found

    def spread(self, arrays: Arrays) -> Arrays:
        """What ``gathered`` gave, brought back to this rank's nodes and cells."""
        found: Arrays = {}
        for name in self._comm.bcast(sorted(arrays.keys() - {"points"})):
            numbering, whole = self._numbering(name), arrays.get(name)
            found[name] = self._comm.bcast(whole) if numbering is None else numbering.scatter(whole)
        return found

    def _numbering(self, name: str) -> Numbering | None:
        kind = name.split(".")[1]
        if kind == "cells":
            return self._cells
        return self._nodes[int(kind)] if kind.isdigit() else None

    def require_same(self, file: File, document: Mapping[str, Any], points: NDArray[np.float64] | None) -> None:
        """Refuse a state of another body or other unknowns.

        Args:
            file: where it was read.
            document: with what ``document`` said when it was written.
            points: what ``points`` gave then, on rank 0.

        Raises:
            InputError: on every rank, naming what differs.
        """
        here, now = self.document(), self.points()

        def judge() -> None:
            for part, name in PARTS.items():
                there = document.get(part, [])  # before anything was remembered, no checkpoint said so
                if there != here[part]:
                    what = f"is not that of the checkpoint {file}, which no option overrides"
                    raise InputError(Problem(name, what, *_unlike(here[part], there)))
            assert points is not None
            moved = float(np.linalg.norm(now["points"] - points, axis=1).max(initial=0.0))
            if moved > MOVED * float(np.ptp(points, axis=0).max()):
                what = f"has the mesh of the checkpoint {file}, but its points elsewhere, which no option overrides"
                raise InputError(Problem("anatomy", what, got=f"up to {moved:.3g} mm away"))

        on_root(self._comm, judge)


def _one(name: str, values: NDArray[Any]) -> tuple[int, ...]:
    """The shape of what is remembered at one cell, or at all."""
    return values.shape[1:] if name.startswith("cells.") else values.shape


def _unlike(here: Any, there: Any) -> tuple[str, str]:
    """What differs of two documents, in words: what is here, what is there."""
    if not isinstance(here, dict):
        return ", ".join(here) or "none", ", ".join(there) or "none"
    odd = [name for name in here if here[name] != there[name]]
    if odd == ["connectivity"]:
        return "as many cells, joined otherwise", "the same cells"
    odd = [name for name in odd if name != "connectivity"]
    return ", ".join(f"{here[name]} {name}" for name in odd), ", ".join(f"{there[name]} {name}" for name in odd)
