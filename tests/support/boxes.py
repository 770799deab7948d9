"""A box of tetrahedra as the report holds a mesh, without any file."""

import itertools

import numpy as np

from fibertwin.report.fields import Tetrahedra


def box(sides: tuple[float, float, float], counts: tuple[int, int, int]) -> Tetrahedra:
    """Six tetrahedra in each of nx × ny × nz bricks, at rest, with no strain."""
    grid = np.meshgrid(*(np.linspace(0, s, n + 1) for s, n in zip(sides, counts, strict=True)), indexing="ij")
    points = np.stack([g.ravel() for g in grid], axis=-1)
    number = np.arange(len(points)).reshape([n + 1 for n in counts])
    cells = []
    for order in itertools.permutations(range(3)):
        steps = np.cumsum([np.zeros(3, int), *np.eye(3, dtype=int)[list(order)]], axis=0)
        parts = [number[tuple(slice(s, s + n) for s, n in zip(step, counts, strict=True))] for step in steps]
        cells.append(np.stack([part.ravel() for part in parts], axis=-1))
    joined = np.concatenate(cells)
    return Tetrahedra(points, joined, np.zeros_like(points), {"fiber strain": np.zeros(len(joined))})
