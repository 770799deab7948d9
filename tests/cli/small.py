"""A small good case with a scan of its own: tissue of one fiber direction, pulled at one face."""

from pathlib import Path
from typing import Any

import numpy as np

VOXELS = 8
VOXEL = 2.0

CASE: dict[str, Any] = {
    "title": "a block of tissue",
    "diffusion": {"dwi": "dwi.nii.gz", "bvals": "dwi.bval", "bvecs": "dwi.bvec", "mask": "mask.nii.gz"},
    "anatomy": {
        "type": "block",
        "size": ["6 mm", "6 mm", "6 mm"],
        "cells": [2, 2, 2],
        "center": ["0 mm", "0 mm", "0 mm"],
    },
    "surfaces": {"upper half": {"select": "half-space", "axis": "z", "above": "50 %"}},
    "regions": {"white": {"select": "diffusion", "fa_above": 0.2}, "grey": {"select": "rest"}},
    "materials": {
        "white": {
            "bulk_modulus": "100 kPa",
            "energies": [
                {"law": "neo-hookean", "mu": "1 kPa"},
                {"law": "gasser-ogden-holzapfel", "k1": "2 kPa", "k2": 1.0},
            ],
        },
        "grey": {"bulk_modulus": "100 kPa", "energies": [{"law": "neo-hookean", "mu": "1 kPa"}]},
    },
    "supports": {
        "base": {"type": "clamp", "surface": "left"},
        "pull": {
            "type": "prescribed-displacement",
            "surface": "right",
            "displacement": ["0.3 mm", "0 mm", "0 mm"],
        },
    },
    "solve": {"quadrature_degree": 2},
}


def write_scan(folder: Path) -> None:
    """A noiseless scan of fibers along x (λ = 1.6, 0.3, 0.3 ·1e-3 mm²/s) in an image centered on the origin."""
    import nibabel

    directions = np.random.default_rng(0).normal(size=(12, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    bvals = np.array([0.0, *[1000.0] * 12])
    bvecs = np.vstack([np.zeros(3), directions])
    affine = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
    affine[:3, 3] = -VOXEL * (VOXELS - 1) / 2
    world = bvecs * [-1, 1, 1]  # FSL's rule: det(affine) > 0 flips x; immaterial for these tensors
    diffusivity = np.einsum("ni,i,ni->n", world, [1.6e-3, 0.3e-3, 0.3e-3], world)
    signal = 1000.0 * np.exp(-bvals * diffusivity)
    data = np.broadcast_to(signal, (VOXELS, VOXELS, VOXELS, 13)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, affine), folder / "dwi.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.ones((VOXELS,) * 3, np.uint8), affine), folder / "mask.nii.gz")
    np.savetxt(folder / "dwi.bval", bvals[None], fmt="%g")
    np.savetxt(folder / "dwi.bvec", bvecs.T, fmt="%.8f")
