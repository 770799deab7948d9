"""The meshers of several regions next to each other, on the same labels: cells, seconds, shapes, volumes, interfaces.

    python benchmarks/meshers.py [--edge MM] [--meshers mmg,gmsh,ftetwild] [--labels FILE] [--examples] [--json]

Without a file the labels are a made-up head of four regions: a shell around a ball in which two ventricles lie. With a
file of FreeSurfer's or SynthSeg's codes they are white matter and what is deep, grey matter and ventricles of a brain.
Seconds are of the processor, from labels to the mesh that the gate sees.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from _table import Row, below, clock, judged, main, told
from _tracts import the_scan

from fibertwin import demo, stages
from fibertwin.case import Case
from fibertwin.errors import InputError
from fibertwin.imaging import LabelImage
from fibertwin.meshes import Anatomy, Labels, cell_quality, interfaces, open_edges, read_image

from mpi4py import MPI  # isort: skip (after DOLFINx)

EXAMPLES = Path(__file__).parent.parent / "examples"
SUPPLIED = "examples/heart, biventricular"
"""The mesh of others, which is taken as it is."""

DEEP = (7, 46, 16, 28, 60, 10, 11, 12, 13, 17, 18, 26, 49, 50, 51, 52, 53, 54, 58)
BRAIN = {"white": (2, 41, *DEEP), "grey": (3, 42, 8, 47), "ventricles": (4, 43, 14, 15, 5, 44)}
HEAD = {"grey": (1,), "white": (2,), "left": (3,), "right": (4,)}


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All meshers, one after the other."""
    if arguments.labels is None:
        image, regions, closing = head(), HEAD, 0.0
    else:
        values, affine = read_image(arguments.labels)
        image = LabelImage(np.asarray(values).astype(np.int64), affine)
        regions, closing = BRAIN, 4.0
    rows = []
    for mesher in arguments.meshers.split(","):
        source = Labels(Path("labels"), regions, arguments.edge, mesher, closing=closing)
        rows += one(source, image)
    return rows + (at_the_gate() if arguments.examples else [])


def at_the_gate() -> list[Row]:
    """The bodies of all examples: those of images pass the gate by being built, the others are held to it too."""
    rows = []
    for name, build in examples().items():
        with clock() as running:
            anatomy = build()
        found = cell_quality(anatomy.mesh.geometry.x, anatomy.mesh.geometry.dofmaps[0])
        least, angle = float(found.jacobian.min()), float(found.dihedral.min())
        cost = f"{len(found.jacobian):,} cells, {running.cpu_seconds:.3g} s of processor"
        if name == SUPPLIED:
            rows.append(told(f"{name}, as it came: least scaled Jacobian, degrees", f"{least:.3f}, {angle:.1f}", cost))
            continue
        rows += [
            judged(f"{name}: least scaled Jacobian", ">= 0.15", least, least >= 0.15, cost),
            judged(f"{name}: least dihedral angle, degrees", ">= 10", angle, angle >= 10, cost),
        ]
    return rows


def examples() -> dict[str, Callable[[], Anatomy]]:
    """How to build the body of each example; that of the demo where its scan can be had."""
    sys.path.insert(0, str(EXAMPLES / "heart"))
    hearts = import_module("hearts")
    found: dict[str, Callable[[], Anatomy]] = {
        f"examples/{case.parent.name}": partial(_body, case) for case in sorted(EXAMPLES.glob("*/case.toml"))
    }
    found[SUPPLIED] = lambda: hearts.biventricular(MPI.COMM_SELF)
    found["examples/heart, phantom"] = lambda: hearts.phantom_wall(MPI.COMM_SELF)
    if the_scan() is not None:
        found["the demo's brain"] = lambda: _built(demo.case(demo.whole_brain(), MPI.COMM_SELF))
    return found


def _body(file: Path) -> Anatomy:
    return _built(Case.read(file))


def _built(case: Case) -> Anatomy:
    mask = None if case.diffusion is None else stages.body_mask(case.diffusion)
    return case.anatomy.build(MPI.COMM_SELF, mask)


def head() -> LabelImage:
    """A ball of 34 mm within a shell to 50 mm, and in it two ellipsoids of 9 and 18 mm; voxels of 1.5 mm."""
    spacing, count = 1.5, 72
    x = (np.moveaxis(np.indices((count,) * 3), 0, -1) - (count - 1) / 2) * spacing
    radius = np.linalg.norm(x, axis=-1)
    labels = (radius < 50).astype(np.int64) + (radius < 34)
    for label, middle in ((3, -12.0), (4, 12.0)):
        labels[np.linalg.norm((x - [middle, 0, 0]) / [9, 18, 9], axis=-1) < 1] = label
    return LabelImage(labels, np.diag([spacing] * 3 + [1.0]))


def one(source: Labels, image: LabelImage) -> list[Row]:
    """One mesher's figures."""
    name = source.mesher
    try:
        with clock() as running:
            made = source.mesh(image)
    except InputError as error:
        return [judged(f"{name}: meshes the regions", "yes", str(error), False)]
    mesh = made.mesh
    found = cell_quality(mesh.points, mesh.cells)
    off = {n: v / made.shares.volumes[mesh.regions[n]] - 1 for n, v in mesh.volumes.items()}
    least, angle = float(found.jacobian.min()), float(found.dihedral.min())
    return [
        told(f"{name}: tetrahedra", len(mesh.cells), f"{running.cpu_seconds:.3g} s of processor"),
        told(f"{name}: microseconds of processor per tetrahedron", 1e6 * running.cpu_seconds / len(mesh.cells)),
        judged(f"{name}: least scaled Jacobian", ">= 0.15", least, least >= 0.15),
        told(f"{name}: scaled Jacobian, 1 %", float(np.percentile(found.jacobian, 1))),
        told(f"{name}: scaled Jacobian, median", float(np.median(found.jacobian))),
        judged(f"{name}: least dihedral angle, degrees", ">= 10", angle, angle >= 10),
        told(f"{name}: mean edge, mm", float(found.edges.mean())),
        below(f"{name}: open edges of interfaces", 0, open_edges(interfaces(mesh.cells, mesh.values))),
        *(told(f"{name}: volume of {n} against its voxels, %", 100 * part) for n, part in off.items()),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="meshers.py", description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=float, default=6.0, help="mean edge length, mm")
    parser.add_argument("--meshers", default="mmg,gmsh,ftetwild", help="by name, joined by commas")
    parser.add_argument("--examples", action="store_true", help="hold the bodies of all examples to the gate too")
    parser.add_argument("--labels", type=Path, help="label image of a brain, with FreeSurfer's codes")
    main(measure, parser)
