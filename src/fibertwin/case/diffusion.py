"""Where the diffusion tensors come from: a scan to fit, a tensor volume, or eigenvectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt

from fibertwin.declared import Choices, Declared
from fibertwin.imaging.conventions import CONVENTIONS, Units
from fibertwin.imaging.geometry import Frame
from fibertwin.meshes import TensorFit
from fibertwin.units import Length, Unit


@dataclass(frozen=True, kw_only=True)
class DiffusionSource(Declared):
    """A scan; which kind is told by the file that is given: ``dwi``, ``tensor`` or ``v1``.

    Attributes:
        mask: which voxels to use.
        transform: rigid or affine map from the image's space to the mesh's, which turns the tensors too: ITK's file
            (``.tfm``, ``.mat``) of the registration with the image as the moving one; FLIRT's matrix, with
            ``transform_from`` and ``transform_to``; or 4 x 4 text, the image's RAS+ mm to the mesh's.
        transform_from: image that FLIRT had as ``-in``; only for its matrix.
        transform_to: image that FLIRT had as ``-ref``; only for its matrix.
        reorientation: how tensors turn with the map: by its rotation (``finite-strain``), or so that the principal
            direction follows it (``principal-direction``).
        radius: how far outside the mask a point of the mesh may take the nearest tensor.
        fit: fit a smooth tensor field to the voxels in the mesh, instead of interpolating between them: for scans of a
            few slices, or noisy ones. ``{}`` finds the smoothing length itself.
        force_orientation: go on where the orientation test says that the tensors are in a wrong frame or order.
    """

    key: ClassVar[str] = ""

    mask: Path | Literal["brain", "signal"] | None = None
    transform: Path | None = None
    transform_from: Path | None = None
    transform_to: Path | None = None
    reorientation: Literal["finite-strain", "principal-direction"] = "finite-strain"
    radius: Annotated[Length, Gt(0)] = 5.0
    fit: TensorFit | None = None
    force_orientation: bool = False

    def __post_init__(self) -> None:
        images = (self.transform_from, self.transform_to)
        if self.transform is None and (any(images) or self.reorientation != "finite-strain"):
            raise ValueError("transform_from, transform_to and reorientation mean nothing without transform")
        if (images[0] is None) != (images[1] is None):
            raise ValueError("transform_from and transform_to go together: a FLIRT matrix needs both images")


@dataclass(frozen=True, kw_only=True)
class DiffusionScan(DiffusionSource):
    """Diffusion-weighted images, to which tensors are fitted by weighted least squares.

    Attributes:
        dwi: four-dimensional image.
        bvals: b-values, as FSL writes them (s/mm²).
        bvecs: gradient directions.
        bvec_frame: axes of the directions: ``fsl`` (voxel axes, x flipped where the affine's determinant is positive),
            ``voxel``, ``world`` (RAS+) or ``lps``.
        max_b: volumes with a greater b-value are left out of the fit.
        mask: image of the voxels to use; ``brain`` (found in the images without weighting) or ``signal`` (every voxel
            that has any).
    """

    dwi: Path
    bvals: Path
    bvecs: Path
    bvec_frame: Frame = "fsl"
    max_b: Annotated[float, Unit("s/mm^2"), Gt(0)] = 1600.0
    mask: Path | Literal["brain", "signal"] = "brain"


@dataclass(frozen=True, kw_only=True)
class TensorVolume(DiffusionSource):
    """A volume of fitted tensors.

    Attributes:
        tensor: image of six components (or nine) per voxel.
        convention: program whose order, frame and units the volume has; recognised from the header without one.
        order: order of the components, over that of the convention: ``lower``, ``upper``, ``diagonal``, or spelled out
            as in ``"xx xy yy xz yz zz"``.
        frame: axes of the components, over those of the convention.
        units: units of the components, over those of the convention.
        grid: image with the shape and affine of a Camino file, which has none of its own.
        mask: image of the voxels to use; every voxel that holds a tensor without one.
    """

    tensor: Path
    convention: Annotated[str, Choices(tuple(CONVENTIONS))] | None = None
    order: str | None = None
    frame: Frame | None = None
    units: Units | None = None
    grid: Path | None = None
    mask: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Eigenvectors(DiffusionSource):
    """The principal direction and FA of each voxel, as FSL writes them.

    Attributes:
        v1: image of principal directions.
        fa: image of fractional anisotropy.
        md: image of mean diffusivity; 0.8e-3 mm²/s everywhere without one.
        frame: axes of the directions.
        mask: image of the voxels to use; every voxel that holds a direction without one.
    """

    v1: Path
    fa: Path
    md: Path | None = None
    frame: Frame = "fsl"
    mask: Path | None = None
