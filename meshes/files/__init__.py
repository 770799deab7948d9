"""Meshes from and to files, with their regions, surfaces and fibers."""

from .fibers import file_fibers
from .gather import gathered
from .read import LengthUnit, WorldAxes, read_mesh
from .through_meshio import meshio_read
from .write import write_mesh

__all__ = ["LengthUnit", "WorldAxes", "file_fibers", "gathered", "meshio_read", "read_mesh", "write_mesh"]
