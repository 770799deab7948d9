"""Shaded pictures of the deformed shape and the fibers, rendered off screen by VTK.

On a machine without OpenGL the renderer kills its process, so only the child process of ``pictures`` comes here.
"""

from typing import Any, Protocol

import numpy as np

from .drawing import GREY, INK, LENGTH_MAP, STRAIN_MAP, Picture, color_bar, figure, png, rounded_range
from .fields import Floats, Ints, Tetrahedra
from .panels import fiber_lengths, two_planes

WINDOW = (1100, 900)


class HasPoints(Protocol):
    """What can be looked at as a whole."""

    @property
    def points(self) -> Floats:
        """(n, 3) in mm."""


class Stage:
    """One off-screen window, used for one scene after the other."""

    def __init__(self) -> None:
        import pyvista

        vtk: Any = pyvista  # typed in part only
        self.plotter = vtk.Plotter(off_screen=True, window_size=list(WINDOW))
        self.plotter.set_background("white")

    def add(self, mesh: Any, **style: Any) -> None:
        """Put a mesh on the stage; pyvista would render the scene for each, and only the last is looked at."""
        self.plotter.add_mesh(mesh, render=False, **style)

    def shoot(self, direction: Floats, tissue: "HasPoints") -> Any:
        """The scene seen from ``direction`` (3,) with z upwards, cropped to what is drawn; then empty the stage."""
        low, high = tissue.points.min(0), tissue.points.max(0)
        middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
        position = middle + 4 * size * direction / np.linalg.norm(direction)
        # set as a whole: pyvista takes a camera changed piece by piece for one that it may still place itself
        self.plotter.camera_position = [tuple(position), tuple(middle), (0.0, 0.0, 1.0)]
        self.plotter.enable_parallel_projection()
        self.plotter.camera.parallel_scale = 0.36 * size * max(1.0, WINDOW[1] / WINDOW[0])
        self.plotter.reset_camera_clipping_range()
        self.plotter.render()  # else the picture is the one drawn when the last mesh was added, by the old camera
        image = np.asarray(self.plotter.screenshot(None, return_img=True))
        self.plotter.clear_actors()
        return _cropped(image)


def _cropped(image: Any, margin: int = 10) -> Any:
    """The part of an image (h, w, 3) that is not white, with a margin."""
    drawn = (image < 250).any(-1)
    if not drawn.any():
        return image
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    return image[top : rows[-1] + margin, left : columns[-1] + margin]


def deformed_shape(stage: Stage, tissue: Tetrahedra, focus: Floats, strain: tuple[float, float]) -> Picture:
    """The deformed outside colored by displacement, and the deformed inside colored by fiber strain.

    Args:
        stage: where to render.
        tissue: the run with fibers.
        focus: (3,) mm, the place that the cut goes through and that the camera faces.
        strain: color range of fiber strain, percent.
    """
    moved = np.linalg.norm(tissue.displacement, axis=1)
    low, high = rounded_range(0.0, float(moved.max()))
    shown = ((LENGTH_MAP, low, high), (STRAIN_MAP, *strain))
    pictures = (_outside(stage, tissue, moved, focus, shown[0]), _inside(stage, tissue, focus, shown[1]))
    made = figure(12.0, 5.4)
    row = made.subplots(1, 2)
    labels = ("displacement, mm", f"{tissue.strain_name} (Green–Lagrange), %")
    for axes, image, mapping, label in zip(row, pictures, shown, labels, strict=True):
        axes.imshow(image, interpolation="lanczos")
        axes.set_axis_off()
        more = {} if mapping[0] == LENGTH_MAP else {"extend": "both"}
        color_bar(made, axes, mapping, label, location="bottom", aspect=40, pad=0.02, shrink=0.75, **more)
    return Picture(
        png(made),
        "Deformed shape at true scale. Left: from the side that is strained most, colored by displacement; "
        f"grey: undeformed. Right: cut open across {'xyz'[_cut_axis(tissue, focus)]} through the most strained "
        "tissue; line: the undeformed section.",
    )


def fibers(stage: Stage, tissue: Tetrahedra, most: int = 6000) -> Picture:
    """The fiber axes in the right and the lower half of the translucent shape.

    Args:
        stage: where to render.
        tissue: the run with fibers.
        most: in each half draw at most this many cells, those of highest FA, so that fibers can be told apart.
    """
    length, _ = fiber_lengths(tissue)
    middle = np.average(tissue.centers, axis=0, weights=tissue.volumes)
    margin = float(np.cbrt(6 * tissue.volumes.mean()))
    views = []
    for axis, side, camera in ((0, 1.0, [-1.0, 0.35, 0.25]), (2, -1.0, [-0.15, -0.45, 1.0])):
        kept = np.flatnonzero(side * (tissue.centers[:, axis] - middle[axis]) > -margin)
        kept = kept[np.argsort(-length[kept] / np.cbrt(tissue.volumes[kept]), kind="stable")[:most]]
        _add_fibers(stage, tissue, kept, length)
        views.append(stage.shoot(np.array(camera), tissue))
    made = figure(12.0, 4.6)
    for axes, image in zip(made.subplots(1, 2), views, strict=True):
        axes.imshow(image, interpolation="lanczos")
        axes.set_axis_off()
    return Picture(
        png(made),
        f"Fiber axes inside the mesh (at most {most:,} cells a half, those of highest FA first). Left: the right half "
        "seen from the left and front. Right: the lower half seen from above and behind, the patient's right on the "
        "right. Red runs left–right, green front–back, blue up–down.",
    )


def _add_fibers(stage: Stage, tissue: Tetrahedra, kept: Ints, length: Floats) -> None:
    import pyvista

    a0 = tissue.arrays["a0"][kept]
    half = a0 * length[kept, None] / 2
    ends = np.stack([tissue.centers[kept] - half, tissue.centers[kept] + half], axis=1).reshape(-1, 3)
    rows = np.column_stack([np.full(len(kept), 2), np.arange(2 * len(kept)).reshape(-1, 2)])
    lines = pyvista.PolyData(ends, lines=rows.ravel())
    lines.cell_data["color"] = np.rint(255 * np.clip(np.abs(a0), 0, 1)).astype(np.uint8)
    stage.add(lines, scalars="color", rgb=True, line_width=3.0, lighting=False)
    skin = _surface(tissue.points, tissue.boundary)
    stage.add(skin, color="#9aa0a8", opacity=0.12, smooth_shading=True)


def _surface(points: Floats, triangles: Ints) -> Any:
    import pyvista

    vtk: Any = pyvista  # typed in part only
    return vtk.PolyData.from_regular_faces(points, triangles)


def _cut_axis(tissue: Tetrahedra, focus: Floats) -> int:
    return two_planes(tissue, focus)[0]


def _sides(tissue: Tetrahedra, focus: Floats) -> Floats:
    """On which side of the middle the focus lies along every axis, (3,) of ±1."""
    towards = focus - (tissue.points.min(0) + tissue.points.max(0)) / 2
    return np.where(towards < 0, -1.0, 1.0)


def _towards_load(tissue: Tetrahedra, focus: Floats) -> Floats:
    """Where the camera stands (3,) to see what is strained from outside, a little aside and above."""
    towards = focus - (tissue.points.min(0) + tissue.points.max(0)) / 2
    camera: Floats = towards / (np.linalg.norm(towards) or 1.0)
    camera += np.array([0.0, 0.45, 0.25])
    return camera


def _onto_cut(tissue: Tetrahedra, focus: Floats) -> Floats:
    """Where the camera stands (3,) to look onto the cut, turned towards the strained side."""
    axis, side = _cut_axis(tissue, focus), _sides(tissue, focus)
    camera = 0.4 * side
    camera[2] = 0.3
    camera[axis] = 1.0
    return camera


def _outside(stage: Stage, tissue: Tetrahedra, moved: Floats, focus: Floats, mapping: tuple[str, float, float]) -> Any:
    name, low, high = mapping
    skin = _surface(tissue.points + tissue.displacement, tissue.boundary)
    skin.point_data["moved"] = moved
    # where little moved, the undeformed surface would only hide the deformed one
    dent = tissue.boundary[(moved[tissue.boundary] > 0.4 * moved.max()).all(1)]
    add = stage.add
    add(skin, scalars="moved", cmap=name, clim=(low, high), show_scalar_bar=False, smooth_shading=True, specular=0.15)
    if len(dent):
        before = _surface(tissue.points, dent)
        add(before, color=GREY, style="wireframe", line_width=1.0, opacity=0.35, lighting=False)
    return stage.shoot(_towards_load(tissue, focus), tissue)


def _inside(stage: Stage, tissue: Tetrahedra, focus: Floats, mapping: tuple[str, float, float]) -> Any:
    import pyvista

    name, low, high = mapping
    axis = _cut_axis(tissue, focus)
    normal = np.eye(3)[axis]
    cells = np.column_stack([np.full(len(tissue.cells), 4), tissue.cells]).ravel()
    grid = pyvista.UnstructuredGrid(cells, np.full(len(tissue.cells), pyvista.CellType.TETRA), tissue.points)
    grid.cell_data["strain"] = tissue.strain * 100
    grid.point_data["displacement"] = tissue.displacement
    half = grid.clip(normal=normal, origin=focus)
    edge = _surface(tissue.points, tissue.boundary).slice(normal=normal, origin=focus)
    face = grid.slice(normal=normal, origin=focus)
    face.points = face.points + face.point_data["displacement"] + 1e-3 * grid.length * normal
    edge.points = edge.points + 3e-3 * grid.length * normal
    half.points = half.points + half.point_data["displacement"]
    skin = half.extract_surface(algorithm="dataset_surface")
    add = stage.add
    style = {"scalars": "strain", "cmap": name, "clim": (low, high), "show_scalar_bar": False}
    add(skin, ambient=0.25, diffuse=0.7, specular=0.0, **style)
    add(face, lighting=False, **style)  # unlit and just before the cut, so that its colors are those of the bar
    add(edge, color=INK, line_width=1.5, opacity=0.6, lighting=False)
    return stage.shoot(_onto_cut(tissue, focus), tissue)
