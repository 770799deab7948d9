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
from .heart.surfaces import Heart
from .images import read_image, read_mask
from .patch import Patch
from .primitives import CookMembrane, Cylinder, ThickSphere, ThickTube
from .quality import Quality, dihedral_angles, scaled_jacobian, signed_volumes
from .read import read_mesh
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
    Plane,
    Tag,
    name_surfaces,
    select,
)
from .sources import AnatomySource, Block, Mask, MeshFile
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
    "CellTag",
    "CookMembrane",
    "Cylinder",
    "Diffusion",
    "EllipsoidHelix",
    "Except",
    "Facing",
    "FiberField",
    "FiberRule",
    "Fitted",
    "HalfSpace",
    "Heart",
    "Helix",
    "Label",
    "LaplaceAlong",
    "LaplaceDirichlet",
    "Mask",
    "MeshFile",
    "Patch",
    "Plane",
    "Quality",
    "RegionRule",
    "Rest",
    "Straight",
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
    "centroid",
    "dihedral_angles",
    "ellipsoid_fibers",
    "fibers_from",
    "fibers_from_axes",
    "fit_fibers",
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
]
