"""Makes the data of these examples: the block of examples/quick with other stiffnesses, seen with noise.

python examples/calibration/make.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
from mpi4py import MPI

from fibertwin import stages
from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import DisplacementImage, PointDisplacements, Reaction, voxels_of
from fibertwin.case import Case

TRUTH = {"materials.tissue.energies.0.mu": 1.1, "materials.tissue.energies.1.k1": 8.0}
SPOT = "1 + 2 * exp(-((x - {0:.4g})**2 + (y - {1:.4g})**2 + (z - {2:.4g})**2) / 25)"
"""Stiffness mu (kPa) of a body with a stiff spot about a point (mm)."""

SD_MM, SD_FINE_MM, SD_MN = 0.02, 0.005, 1.0
LEVELS = (0.25, 0.5, 0.75, 1.0)
VOXELS, SIZE_MM, FWHM_MM = 4, 4.0, 4.0
HERE = Path(__file__).parent


def main() -> None:
    random = np.random.default_rng(7)
    case = Case.read(HERE / "case.toml")
    comm = MPI.COMM_SELF
    with TemporaryDirectory() as scratch:
        anatomy, fibers = stages.body(case, stages.tensors(case, Path(scratch), comm), comm)
    low, high = anatomy.mesh.geometry.x.min(axis=0), anatomy.mesh.geometry.x.max(axis=0)
    shares = [(x, y, z) for z in (0.5, 0.8) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0) if (x, y) != (0.5, 0.5)]
    points = [tuple(np.round(low + np.array(share) * (high - low), 3)) for share in shares]
    affine = np.diag([SIZE_MM, SIZE_MM, SIZE_MM, 1.0])
    affine[:3, 3] = np.round(low + SIZE_MM / 2, 4)
    image = DisplacementImage(affine, voxels_of(np.ones((VOXELS,) * 3, dtype=bool)), FWHM_MM / np.sqrt(8 * np.log(2)))
    force = Reaction("plate", "z")

    seen = [(1.0, PointDisplacements(tuple(points))), (1.0, force)]
    model = EquilibriumModel.of(stages.problem(case, anatomy, fibers), {name: name for name in TRUTH}, seen)
    values = model.solve(np.array(list(TRUTH.values())))
    moved = values[:-1] + SD_MM * random.standard_normal(len(values) - 1)
    rows = np.column_stack([points, np.round(moved.reshape(-1, 3), 4)])
    np.savetxt(HERE / "markers.csv", rows, "%.6g", ",", header="x,y,z,ux,uy,uz", comments="")
    print(f"force of the plate: {values[-1] + SD_MN * random.standard_normal():.1f} mN")

    seen = [(1.0, image), *((level, force) for level in LEVELS)]
    model = EquilibriumModel.of(stages.problem(case, anatomy, fibers), {name: name for name in TRUTH}, seen)
    values = model.solve(np.array(list(TRUTH.values())))
    save(values[: -len(LEVELS)] + SD_MM * random.standard_normal(len(values) - len(LEVELS)), affine, "displacements")
    forces = values[-len(LEVELS) :] + SD_MN * random.standard_normal(len(LEVELS))
    forces[1] += 15  # a reading that is wrong
    table = np.column_stack([LEVELS, np.round(forces, 1)])
    np.savetxt(HERE / "force.csv", table, "%.6g", ",", header="level,value", comments="")

    spot = SPOT.format(*(low + np.array([0.7, 0.5, 0.6]) * (high - low)))
    stiff = Case.read(HERE / "case.toml", {"materials.tissue.energies.0.mu": {"formula": spot}})
    model = EquilibriumModel.of(
        stages.problem(stiff, anatomy, fibers), {"depth": "supports.plate.depth"}, [(1.0, image)]
    )
    values = model.solve(model.theta)
    save(values + SD_FINE_MM * random.standard_normal(len(values)), affine, "spot")


def save(values: np.ndarray, affine: np.ndarray, name: str) -> None:
    """Write a displacement image, a corner of which was not seen."""
    shown = np.round(values.reshape((VOXELS,) * 3 + (3,)), 4).astype(np.float32)
    shown[0, 0, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(shown, affine), HERE / f"{name}.nii.gz")


if __name__ == "__main__":
    main()
