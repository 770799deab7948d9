"""The verb ``ultrasound``: correct an image for the speed of sound in the tissue, and tell the error that is left."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fibertwin.imaging.ultrasound import Layers, Probe

EXAMPLE = """examples:
  fibertwin ultrasound image.nii.gz --speed 1480 --depth k -o corrected.nii.gz
  fibertwin ultrasound labels.nii.gz --labels --layers 8:1450,15:1580,1520 --depth j- -o corrected.nii.gz
  fibertwin ultrasound image.nii.gz --speed 1480 --radius 50 --pose probe.txt -o corrected.nii.gz
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    verb = verbs.add_parser(
        "ultrasound",
        help="correct an image for the speed of sound",
        description="Draw an ultrasound image anew with the speed of sound in the tissue instead of the scanner's.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("image", type=Path, metavar="IMAGE", help="three-dimensional image")
    speeds = verb.add_mutually_exclusive_group(required=True)
    speeds.add_argument("--speed", type=float, metavar="M/S", help="of sound in the tissue")
    speeds.add_argument("--layers", metavar="MM:M/S,...,M/S", help="from the probe down; the last one has no thickness")
    verb.add_argument("--assumed", type=float, default=1540.0, metavar="M/S", help="by the scanner (1540)")
    where = verb.add_mutually_exclusive_group(required=True)
    described = "voxel axis along which depth grows (with -: shrinks); the face touches the middle of its first layer"
    where.add_argument("--depth", choices=("i", "i-", "j", "j-", "k", "k-"), help=described)
    described = "text file with the 4 x 4 rigid map from the probe's frame (x lateral, z depth) to RAS+ mm"
    where.add_argument("--pose", type=Path, metavar="FILE", help=described)
    verb.add_argument("--radius", type=float, metavar="MM", help="a sector: radius of its face, 0 for a phased array")
    verb.add_argument("--labels", action="store_true", help="the image holds labels: take the nearest, mix none")
    verb.add_argument("--speed-sd", type=float, default=10.0, metavar="M/S", help="how well speeds are known (10)")
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="image to write")
    verb.set_defaults(verb=_ultrasound)


def _ultrasound(arguments: argparse.Namespace) -> int:
    import numpy as np

    from fibertwin.imaging.libraries import nibabel
    from fibertwin.imaging.ultrasound import SpeedMap, resample
    from fibertwin.imaging.volumes import read_volume

    if not arguments.output.name.endswith((".nii", ".nii.gz")):
        raise InputError(Problem("-o", "names no NIfTI file", str(arguments.output), ".nii or .nii.gz"))
    if arguments.radius is not None and arguments.depth is not None:
        hint = "a sector's axes are not known from the voxels: give --pose"
        raise InputError(Problem("--radius", "does not go with --depth", hint=hint))
    image = read_volume(arguments.image)
    data = np.asarray(image.dataobj)
    if data.ndim != 3:
        raise InputError(Problem(str(arguments.image), "is not three-dimensional", str(data.shape), "(nx, ny, nz)"))
    speed = SpeedMap(_probe(arguments, image.affine, data.shape), _layers(arguments), arguments.assumed)
    corrected = resample(speed, data, image.affine, labels=arguments.labels)
    nib = nibabel()
    try:
        nib.save(nib.Nifti1Image(corrected, image.affine), arguments.output)
    except OSError as error:
        raise InputError(Problem(str(arguments.output), f"cannot be written: {error.strerror}")) from error
    _tell(speed, arguments.speed_sd, data.shape, image.affine)
    print(f"wrote {arguments.output}")
    return 0


def _tell(speed: Any, speed_sd: float, shape: tuple[int, ...], affine: "NDArray[np.float64]") -> None:
    """Shift and error budget on the probe's axis, down to the image's far end."""
    import numpy as np

    from fibertwin.imaging.ultrasound import error_budget

    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    pose = speed.probe.pose
    deepest = float(((corners - pose[:3, 3]) @ pose[:3, 2]).max())
    depths = np.linspace(0.25, 1.0, 4) * deepest
    points = pose[:3, 3] + depths[:, None] * pose[:3, 2]
    moved = np.linalg.norm(speed.correct(points) - points, axis=1)
    budget = error_budget(speed, points, speed_sd=speed_sd)
    print(f"drawn depth (mm)   moved by (mm)   error with speeds known to {speed_sd:g} m/s (mm, 95 of 100)")
    for depth, shift, error in zip(depths, moved, budget.percentile, strict=True):
        print(f"{depth:16.1f}{shift:16.2f}{error:16.2f}")


def _layers(arguments: argparse.Namespace) -> "Layers":
    from fibertwin.imaging.ultrasound import Layers

    if arguments.speed is not None:
        return Layers((arguments.speed,))
    *upper, last = arguments.layers.split(",")
    try:
        pairs = [(float(a), float(b)) for a, b in (part.split(":") for part in upper)]
        return Layers((*(b for _, b in pairs), float(last)), tuple(a for a, _ in pairs))
    except ValueError as error:
        wanted = "thickness in mm : speed in m/s, ..., speed: 8:1450,15:1580,1520"
        raise InputError(Problem("--layers", "cannot be read", arguments.layers, wanted)) from error


def _probe(arguments: argparse.Namespace, affine: "NDArray[np.float64]", shape: tuple[int, ...]) -> "Probe":
    import numpy as np

    from fibertwin.imaging.ultrasound import Linear, Sector

    if arguments.pose is None:
        return Linear(_face(arguments.depth, affine, shape))
    try:
        pose = np.loadtxt(arguments.pose)
    except (OSError, ValueError) as error:
        raise InputError(Problem(str(arguments.pose), f"cannot be read as a 4 x 4 matrix: {error}")) from error
    return Linear(pose) if arguments.radius is None else Sector(arguments.radius, pose)


def _face(depth: str, affine: "NDArray[np.float64]", shape: tuple[int, ...]) -> "NDArray[np.float64]":
    """Pose (4, 4) of a flat face on an image's first layer of voxels."""
    import numpy as np

    axis, backward = "ijk".index(depth[0]), depth.endswith("-")
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(columns.T @ columns, np.eye(3), atol=1e-3):
        raise InputError(Problem("affine", "is sheared: the voxels' axes are not at right angles", hint="give --pose"))
    down = columns[:, axis] * (-1 if backward else 1)
    lateral = columns[:, (axis + 1) % 3]
    middle = (np.array(shape) - 1) / 2
    middle[axis] = shape[axis] - 1 if backward else 0
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([lateral, np.cross(down, lateral), down])
    pose[:3, 3] = affine[:3, :3] @ middle + affine[:3, 3]
    return pose
