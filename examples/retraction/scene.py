"""What is done to a brain, or to the small block that stands in for it: blades, beliefs, the made-up patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fibertwin.case import Case

TITLE = "A brain is retracted while markers on its surface are seen"
TISSUE = "white matter"
STRAIN, LIMIT = 0.15, 0.05
"""Fiber strain that is too much, and the share of the tissue that may exceed it."""

MATRIX, FIBERS = f"materials.{TISSUE}.energies.0.mu", f"materials.{TISSUE}.energies.1.k1"
BELIEFS = {
    MATRIX: {"prior": "lognormal", "median": "0.7 kPa", "sd": 0.5},
    FIBERS: {"prior": "lognormal", "median": "5 kPa", "sd": 0.8},
}
"""What is believed of any patient: the demo's stiffnesses, within a factor of 1.6 and of 2.2."""

TRUTH = {MATRIX: 1.0, FIBERS: 2.5}
"""Stiffnesses (kPa) of the patient who is made up."""

SOLVE = {"title": TITLE, "output": {}, "solve.stepping": {"first": 0.5, "tolerance": 1e-6}}
"""Equilibrium to a millionth, which is far below the noise of a marker."""

MARKERS, NOISE, SEED = 30, 0.2, 4
"""How many markers are seen, the standard deviation of each component (mm), and the seed of where and how wrong."""

SD = 0.3
"""What the calibration is told (mm): the noise, and as much again for a mesh that is not the patient's."""


@dataclass(frozen=True)
class Scene:
    """What is done to a body, and where.

    Attributes:
        direction: from the body's middle to the blades.
        held: supports beside the retractor.
        height: of every blade (mm).
        first: width (mm) of the blade that is in place while markers are seen, and its depth (mm).
        widths: of the blades to choose from (mm), by name.
        depth: to which they would go (mm).
        exposed: how far from the blade's middle the surface is seen (mm).
        margin: how far from the blade's edge markers are (mm).
        within: how far from the blade's middle tissue counts (mm).
        finer: how the mesh is changed for the patient to be made up on.
    """

    direction: Literal["right", "up"]
    held: Mapping[str, Mapping[str, str]]
    height: float
    first: tuple[float, float]
    widths: Mapping[str, float]
    depth: float
    exposed: float
    margin: float
    within: float
    finer: Mapping[str, object]

    def patch(self, width: float, margin: float = 0.0) -> dict[str, str]:
        """A blade as a surface of the case, or the rectangle that is so much wider on every side."""
        sizes = {"width": f"{width + 2 * margin:g} mm", "height": f"{self.height + 2 * margin:g} mm"}
        up = {"up": "front"} if self.direction == "up" else {}
        return {"select": "patch", "direction": self.direction, **sizes, **up}

    def retractor(self, surface: str, depth: float) -> dict[str, object]:
        """Supports with a blade in place."""
        return {**self.held, "retractor": {"type": "retractor", "surface": surface, "depth": f"{depth:g} mm"}}


BRAIN = Scene(
    direction="right",
    held={"skull base": {"type": "clamp", "surface": "skull base"}},
    height=30.0,
    first=(30.0, 8.0),
    widths={"20 mm": 20.0, "30 mm": 30.0},
    depth=13.0,
    exposed=45.0,
    margin=5.0,
    within=40.0,
    finer={"anatomy.edge": "5.5 mm"},
)
"""The right hemisphere, retracted from the side."""

BLOCK = Scene(
    direction="up",
    held={"bed": {"type": "clamp", "surface": "bottom"}},
    height=8.0,
    first=(6.0, 1.5),
    widths={"4 mm": 4.0, "8 mm": 8.0},
    depth=3.5,
    exposed=12.0,
    margin=0.5,
    within=9.0,
    finer={"anatomy.cells": [10, 10, 10]},
)
"""The same on the small crop that stands in where the brain's scan cannot be fetched."""


def prepared(base: Case, scene: Scene) -> Case:
    """A case with every blade as a surface, and the first one in place."""
    width, depth = scene.first
    patches = {"first": scene.patch(width), "covered": scene.patch(width, scene.margin)}
    patches |= {name: scene.patch(one) for name, one in scene.widths.items()}
    surfaces = {f'surfaces."{name}"': patch for name, patch in patches.items()}
    return base.replace({**surfaces, "supports": scene.retractor("first", depth), **SOLVE})
