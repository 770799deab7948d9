"""Makes the data of this example: the block of examples/quick with other stiffnesses, seen with noise.

python examples/calibration/make.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mpi4py import MPI

from fibertwin import stages
from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import PointDisplacements, Reaction
from fibertwin.case import Case

TRUTH = {"materials.tissue.energies.0.mu": 1.1, "materials.tissue.energies.1.k1": 8.0}
SD_MM, SD_MN = 0.02, 1.0
HERE = Path(__file__).parent


def main() -> None:
    case = Case.read(HERE / "case.toml")
    comm = MPI.COMM_SELF
    with TemporaryDirectory() as scratch:
        anatomy, fibers = stages.body(case, stages.tensors(case, Path(scratch), comm), comm)
    low, high = anatomy.mesh.geometry.x.min(axis=0), anatomy.mesh.geometry.x.max(axis=0)
    shares = [(x, y, z) for z in (0.5, 0.8) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0) if (x, y) != (0.5, 0.5)]
    points = [tuple(np.round(low + np.array(share) * (high - low), 3)) for share in shares]
    seen = [(1.0, PointDisplacements(tuple(points))), (1.0, Reaction("plate", "z"))]
    model = EquilibriumModel.of(stages.problem(case, anatomy, fibers), {name: name for name in TRUTH}, seen)
    values = model.solve(np.array(list(TRUTH.values())))
    random = np.random.default_rng(7)
    moved = values[:-1] + SD_MM * random.standard_normal(len(values) - 1)
    rows = np.column_stack([points, np.round(moved.reshape(-1, 3), 4)])
    np.savetxt(HERE / "markers.csv", rows, "%.6g", ",", header="x,y,z,ux,uy,uz", comments="")
    print(f"force of the plate: {values[-1] + SD_MN * random.standard_normal():.1f} mN")


if __name__ == "__main__":
    main()
