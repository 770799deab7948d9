"""Color-coded FA: where the scan's fibers run, on three slices through the middle of the mask."""

from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .cuts import VIEWS
from .drawing import Picture, figure, orientation_labels, png, scale_bar
from .fields import Floats

FULL = 0.7  # FA that is shown at full brightness


def color_fa(components: Floats) -> tuple[Floats, Floats]:
    """Principal direction as color: |v1| scaled by FA.

    Pajevic & Pierpaoli 1999, doi 10.1002/(SICI)1522-2594(199909)42:3<526::AID-MRM15>3.0.CO;2-J: red is |x|,
    green |y|, blue |z|; FA after Basser & Pierpaoli 1996, doi 10.1006/jmrb.1996.0086.

    Args:
        components: (..., 6) xx xy yy xz yz zz in world axes; zero outside the mask.

    Returns:
        Colors (..., 3) from 0 to 1 and FA (...).
    """
    order = np.array([[0, 1, 3], [1, 2, 4], [3, 4, 5]])
    values, vectors = np.linalg.eigh(components[..., order])
    spread = ((values - values.mean(-1, keepdims=True)) ** 2).sum(-1)
    size = (values**2).sum(-1)
    fa = np.sqrt(1.5 * np.divide(spread, size, out=np.zeros_like(size), where=size > 0))
    return np.abs(vectors[..., 2]) * np.clip(fa / FULL, 0, 1)[..., None], fa


def fa_slices(path: Path) -> Picture:
    """Draw the tensor volume (NIfTI 1005, world axes) in ``path``.

    Raises:
        InputError: the file is no such volume, or nibabel is missing.
    """
    try:
        import nibabel as imported
    except ImportError as error:
        hint = "pip install 'fibertwin[imaging]'"
        raise InputError(Problem("nibabel", f"cannot be imported ({error})", hint=hint)) from error
    nibabel: Any = imported  # typed in part only
    try:
        # only the voxels are turned towards RAS: the components are in world axes already
        image = nibabel.as_closest_canonical(nibabel.load(path))
        components = np.asarray(image.dataobj, dtype=np.float32)
    except (nibabel.filebasedimages.ImageFileError, OSError, ValueError) as error:
        raise InputError(Problem(str(path), f"cannot be read ({error})")) from error
    components = components.reshape(*components.shape[:3], -1)
    mask = components.any(-1)
    if components.shape[-1] != 6 or not mask.any():
        got = f"shape {components.shape}, {int(mask.sum())} voxels that are not zero"
        raise InputError(Problem(str(path), "holds no tensors", got, "(nx, ny, nz, 6) components"))
    return _draw(components, mask, np.asarray(nibabel.affines.voxel_sizes(image.affine)), image.affine)


def _draw(components: Floats, mask: Any, voxel: Floats, affine: Floats) -> Picture:
    inside = np.argwhere(mask)
    low, high = inside.min(0), inside.max(0) + 1
    middle = np.rint(inside.mean(0)).astype(int)
    extent = (high - low) * voxel
    ratios = {axis: extent[VIEWS[axis][1][0]] / extent[VIEWS[axis][0][0]] for axis in VIEWS}
    made = figure(12.0, 12.0 / sum(1 / ratio for ratio in ratios.values()) + 0.25)
    grid = made.subplots(1, 3, width_ratios=[1 / ratio for ratio in ratios.values()])
    world = affine[:3, :3] @ middle + affine[:3, 3]
    for axes, (axis, ((i, right), (j, _), labels, name)) in zip(grid, VIEWS.items(), strict=True):
        box = [slice(a, b) for a, b in zip(low, high, strict=True)]
        box[axis] = slice(middle[axis], middle[axis] + 1)
        rgb = color_fa(components[tuple(box)].astype(np.float64))[0].squeeze(axis)  # (first, second, 3): i < j
        shown = np.flip(rgb, 0) if right < 0 else rgb
        axes.imshow(
            shown.transpose(1, 0, 2), origin="lower", extent=(0, extent[i], 0, extent[j]), interpolation="bilinear"
        )
        axes.set_axis_off()
        orientation_labels(axes, labels, "white")
        scale_bar(axes, "white")
        axes.set_title(f"{name} near {'xyz'[axis]} = {round(world[axis])} mm".replace("-", "−"), fontsize=9)
    _legend(grid[2])
    told = (
        "Direction of the scan's first eigenvector, brightness by FA (full from 0.7): red left–right, green "
        "front–back, blue up–down. In a brain the corpus callosum should be red, the cingulum green, the corticospinal "
        "tract blue; if not, the orientation is wrong. The patient's right is on the left of coronal and axial slices."
    )
    return Picture(png(made), told)


def _legend(axes: Any) -> None:
    for row, (text, color) in enumerate((("left–right", "#ff4d4d"), ("front–back", "#4dff4d"), ("up–down", "#6d8dff"))):
        axes.text(
            0.98, 0.02 + 0.045 * (2 - row), text, transform=axes.transAxes, color=color, fontsize=7.5, ha="right",
            va="bottom",
        )  # fmt: skip
