"""Surfaces, tetrahedra, regions and named surfaces, and voxel fields carried onto the mesh."""
