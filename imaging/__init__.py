"""Scanner to fields on voxels: diffusion tensors in RAS+ world millimetres. numpy only, no mesh."""

from .algebra import (
    ORDER,
    Eigen,
    eigen,
    eigenvalues,
    fractional_anisotropy,
    from_matrix,
    mean_diffusivity,
    to_matrix,
)
from .brain_mask import brain_mask
from .clean_labels import clean_labels
from .conventions import CONVENTIONS, ORDERS, Convention, Units
from .fit import fit_tensors, join_slabs, slab_bounds
from .geometry import Frame
from .gradients import Scan, open_scan
from .label_tables import TABLES, label_table
from .labels import LabelImage, read_labels
from .medical import ImageUnit, Volume, open_image, read_grey
from .orientation import OrientationReport, axis_changes, orientation_check
from .quality import TensorQuality, color_fa, tensor_quality
from .read import read_eigen, read_tensors
from .sample import Sampled, sample_tensors
from .segment import grow_region, otsu, otsu_levels, threshold
from .store import TensorFile, open_tensors, write_tensors
from .tensor_image import TensorImage, repair, transformed
from .voxel_mask import VoxelMask, clean_mask

__all__ = [
    "CONVENTIONS",
    "ORDERS",
    "Convention",
    "Units",
    "Frame",
    "ImageUnit",
    "LabelImage",
    "TABLES",
    "Volume",
    "clean_labels",
    "grow_region",
    "label_table",
    "open_image",
    "otsu",
    "otsu_levels",
    "read_grey",
    "read_labels",
    "threshold",
    "OrientationReport",
    "axis_changes",
    "orientation_check",
    "read_eigen",
    "read_tensors",
    "ORDER",
    "Eigen",
    "Sampled",
    "Scan",
    "TensorFile",
    "TensorImage",
    "TensorQuality",
    "VoxelMask",
    "brain_mask",
    "clean_mask",
    "color_fa",
    "eigen",
    "eigenvalues",
    "fit_tensors",
    "fractional_anisotropy",
    "from_matrix",
    "join_slabs",
    "mean_diffusivity",
    "open_scan",
    "open_tensors",
    "repair",
    "sample_tensors",
    "slab_bounds",
    "tensor_quality",
    "to_matrix",
    "transformed",
    "write_tensors",
]
