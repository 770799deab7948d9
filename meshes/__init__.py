"""Tetrahedra and hexahedra, regions and named surfaces, and voxel fields carried onto the mesh."""

import fibertwin.stack  # noqa: F401 (before anything of DOLFINx is imported below)

from .anatomy import BOUNDARY, TISSUE, Anatomy, bounds
from .boundary import Boundary, area, boundary_of, centroid, mean_normal
from .ellipsoid import TruncatedEllipsoid, ellipsoid_fibers
from .fiber_rules import EllipsoidHelix, FiberRule, Helix, LaplaceAlong, LaplaceDirichlet, Straight
from .fibers import (
    FiberField,
    axisymmetric_tensor,
    fibers_from,
    fibers_from_axes,
    quadrature_points,
    uniform_fibers,
)
from .files import file_fibers, read_mesh, write_mesh
from .heart.surfaces import Heart
from .imaged import GreyImage, Mask
from .images import read_image, read_mask
from .label_sources import LabelMesh, Labels
from .multi_fill import fill_nested
from .multi_region import Interfaces, RegionMesh, interfaces, open_edges
from .nearest_label import NearestLabel
from .patch import Patch
from .pieces import Component, Grown
from .primitives import CookMembrane, Cylinder, ThickSphere, ThickTube
from .quality import Quality, dihedral_angles, scaled_jacobian, signed_volumes
from .quality_report import CellQuality, cell_quality, require_good_cells
from .regions import CellTag, Diffusion, Label, RegionRule, Rest, tag_regions
from .rule import SurfaceSelector
from .sampling import sample_fibers
from .selectors import (
    AllOf,
    AnyOf,
    Box,
    Except,
    Facing,
    HalfSpace,
    InCylinder,
    Plane,
    Sphere,
    Tag,
    name_surfaces,
    select,
)
from .size_fields import Finer, NearPoint, NearRegion
from .sources import AnatomySource, Block, MeshFile
from .surface_sources import Points, SurfaceFile
from .tensor_fit import Fitted, TensorFit, fit_fibers
from .tetrahedra import Tetrahedra, tetrahedralize

__all__ = [
    "BOUNDARY",
    "TISSUE",
    "AllOf",
    "Anatomy",
    "AnatomySource",
    "AnyOf",
    "Block",
    "Boundary",
    "Box",
    "CellQuality",
    "CellTag",
    "Component",
    "CookMembrane",
    "Cylinder",
    "Diffusion",
    "EllipsoidHelix",
    "Except",
    "Facing",
    "FiberField",
    "FiberRule",
    "Finer",
    "Fitted",
    "GreyImage",
    "Grown",
    "HalfSpace",
    "Heart",
    "Helix",
    "InCylinder",
    "Interfaces",
    "Label",
    "LabelMesh",
    "Labels",
    "LaplaceAlong",
    "LaplaceDirichlet",
    "Mask",
    "MeshFile",
    "NearPoint",
    "NearRegion",
    "NearestLabel",
    "Patch",
    "Points",
    "Plane",
    "Quality",
    "RegionMesh",
    "RegionRule",
    "Rest",
    "Sphere",
    "Straight",
    "SurfaceFile",
    "SurfaceSelector",
    "Tag",
    "TensorFit",
    "Tetrahedra",
    "ThickSphere",
    "ThickTube",
    "TruncatedEllipsoid",
    "area",
    "axisymmetric_tensor",
    "boundary_of",
    "bounds",
    "cell_quality",
    "centroid",
    "dihedral_angles",
    "ellipsoid_fibers",
    "fibers_from",
    "fibers_from_axes",
    "file_fibers",
    "fill_nested",
    "fit_fibers",
    "interfaces",
    "mean_normal",
    "name_surfaces",
    "open_edges",
    "quadrature_points",
    "read_image",
    "read_mask",
    "read_mesh",
    "require_good_cells",
    "sample_fibers",
    "scaled_jacobian",
    "select",
    "signed_volumes",
    "tag_regions",
    "tetrahedralize",
    "uniform_fibers",
    "write_mesh",
]
