"""What residuals are measured by: forces that are too small to count, and a stiffness that makes volumes forces."""

import numpy as np

from .problem import Problem
from .tissue import representative

NEGLIGIBLE = 1e-4
"""A strain so small that forces below those that it takes are round-off at any tolerance worth asking for."""


def scales(problem: Problem) -> tuple[float, float]:
    """Shear modulus over cell size (kPa/mm), which turns a volume error (mm³) into a force (mN); least force (mN).

    The least force, that of a strain of ``NEGLIGIBLE`` in every cell, is what a residual is judged against where
    nothing pushes or pulls. Collective.
    """
    domain = problem.anatomy.mesh
    cells = domain.topology.index_map(3)
    sizes = domain.h(3, np.arange(cells.size_local, dtype=np.int32))
    size = domain.comm.allreduce(float(sizes.sum())) / cells.size_global
    stiffest = max(representative(problem, region).shear_modulus for region in problem.anatomy.regions)
    return float(stiffest / size), float(NEGLIGIBLE * stiffest * size**2 * np.sqrt(cells.size_global))
