"""Tetrahedra and hexahedra, regions and named surfaces, and voxel fields carried onto the mesh."""

import fibertwin.stack  # noqa: F401 (before anything of DOLFINx is imported below)

from .anatomy import BOUNDARY, TISSUE, Anatomy, bounds
from .boundary import Boundary, area, boundary_of, centroid, mean_normal
from .ellipsoid import TruncatedEllipsoid, ellipsoid_fibers
from .fibers import (
    FiberField,
    axisymmetric_tensor,
    fibers_from,
    fibers_from_axes,
    quadrature_points,
    uniform_fibers,
)
from .files import file_fibers, read_mesh, write_mesh
from .imaged import GreyImage, Mask
from .images import read_image, read_mask
from .nearest_label import NearestLabel
from .patch import Patch
from .pieces import Component, Grown
from .primitives import CookMembrane, Cylinder, ThickSphere, ThickTube
from .quality import Quality, dihedral_angles, scaled_jacobian, signed_volumes
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
from .sources import AnatomySource, Block, MeshFile
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
    "CellTag",
    "Component",
    "CookMembrane",
    "Cylinder",
    "Diffusion",
    "Except",
    "Facing",
    "FiberField",
    "Grown",
    "HalfSpace",
    "GreyImage",
    "InCylinder",
    "Label",
    "Mask",
    "MeshFile",
    "NearestLabel",
    "Patch",
    "Plane",
    "Quality",
    "RegionRule",
    "Rest",
    "Sphere",
    "SurfaceSelector",
    "Tag",
    "Tetrahedra",
    "ThickSphere",
    "ThickTube",
    "TruncatedEllipsoid",
    "area",
    "axisymmetric_tensor",
    "boundary_of",
    "bounds",
    "centroid",
    "dihedral_angles",
    "ellipsoid_fibers",
    "fibers_from",
    "fibers_from_axes",
    "file_fibers",
    "mean_normal",
    "name_surfaces",
    "quadrature_points",
    "read_image",
    "read_mask",
    "read_mesh",
    "sample_fibers",
    "scaled_jacobian",
    "select",
    "signed_volumes",
    "tag_regions",
    "tetrahedralize",
    "uniform_fibers",
    "write_mesh",
]
