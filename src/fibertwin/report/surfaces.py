"""Surfaces of one body side by side, colored by how far they lie from the reference.

``python -m fibertwin.report.surfaces DIR`` draws DIR/compare.png from what ``fibertwin geometry compare`` wrote there,
in a process of its own, as a machine without OpenGL would end the caller's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .drawing import DIFFERENCE_MAP, INK, color_bar, figure, png
from .fields import Floats
from .pictures import TIME_LIMIT, WINDOWS
from .scenes import Stage


def draw_in_child(folder: Path) -> str:
    """Draw DIR/compare.png; why there is none as a sentence, or nothing."""
    said = ""
    for window in WINDOWS:
        environment = {"VTK_DEFAULT_OPENGL_WINDOW": window, **os.environ}
        command = [sys.executable, "-m", __name__, str(folder)]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return f"The picture took more than {TIME_LIMIT:.0f} s and was given up."
        if done.returncode == 0:
            return ""
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return f"The picture could not be drawn: {said}"


def side_by_side(folder: Path) -> bytes:
    """Every method from outside and cut open, colored by signed distance to the reference, as PNG.

    Raises:
        InputError: matplotlib is missing.
    """
    import pyvista

    vtk: Any = pyvista  # typed in part only
    told = json.loads((folder / "compare.json").read_text(encoding="utf-8"))["methods"]
    reference = vtk.read(folder / "reference.ply")
    bodies = [_colored(vtk.read(folder / f"{method['method']}.ply"), reference) for method in told]
    every = np.concatenate([np.abs(body.point_data["distance"]) for body in bodies])
    limit = float(f"{max(np.percentile(every, 98), 1e-3):.1g}")
    stage = Stage()
    made = figure(3.4 * len(bodies) + 0.6, 6.6)
    frames = made.subplots(2, len(bodies), squeeze=False)
    middle = np.asarray(reference.center)
    style = {
        "scalars": "distance",
        "cmap": DIFFERENCE_MAP,
        "clim": (-limit, limit),
        "show_scalar_bar": False,
        "ambient": 0.3,
        "specular": 0.0,
    }
    for k, (body, method) in enumerate(zip(bodies, told, strict=True)):
        stage.add(body, **style)
        frames[0, k].imshow(stage.shoot(np.array([0.7, 0.9, 0.45]), reference), interpolation="lanczos")
        stage.add(body.clip(normal="y", origin=middle, invert=True), **style)
        stage.add(body.slice(normal="y", origin=middle), color=INK, line_width=2.5, lighting=False)
        frames[1, k].imshow(stage.shoot(np.array([0.15, 1.0, 0.2]), reference), interpolation="lanczos")
        frames[0, k].set_title(_title(method), fontsize=9, color=INK)
    for axes in frames.ravel():
        axes.set_axis_off()
    words = "mm outside (red) or inside (blue) the reference"
    color_bar(made, frames, (DIFFERENCE_MAP, -limit, limit), words, shrink=0.6)
    return png(made)


def _title(method: dict[str, Any]) -> str:
    lost, of = method["features"]["cavities_lost"], method["features"]["cavities"]
    mean = method["distance"]["mean"]
    words = f"{mean if mean > 1e-6 else 0:.2g} mm off, noise {method['roughness']:.0f}°"
    return f"{method['method']}\n{words}" + (f", {lost} of {of} cavities lost" if of else "")


def _colored(body: Any, reference: Any) -> Any:
    """The surface with the signed distance (mm) of its points to the reference, positive outside."""
    points = np.asarray(body.points, np.float64)
    cell, nearest = reference.find_closest_cell(points, return_closest_point=True)
    away: Floats = points - np.asarray(nearest)
    corners = reference.points[reference.regular_faces[np.asarray(cell)]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    side = np.where(np.einsum("ni,ni->n", away, normal) < 0, -1.0, 1.0)
    body.point_data["distance"] = side * np.linalg.norm(away, axis=1)
    return body


if __name__ == "__main__":
    (Path(sys.argv[1]) / "compare.png").write_bytes(side_by_side(Path(sys.argv[1])))
