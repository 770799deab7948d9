"""The pressure at the quadrature points, which Newton's method carries as an unknown of its own.

Where the displacement alone is unknown and the tissue hardly changes its volume, a correction that is right to first
order changes J by its square, and U'(J) by the bulk modulus times that: the tangent of such a state is far from the
solution's, often indefinite. So the pressure p of every point is taken for one more unknown with the equation
p = U'(J), both are linearised, and p is eliminated point by point. What is left is the usual correction, but for the
pressure in the tangent: it is that of the linearised equation, not U'(J) (Magisano, Leonetti & Garcea 2017, doi
10.1016/j.cma.2016.10.023, do so with all stresses). The residual and the solution are the usual ones.
"""

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin import jit
from fibertwin.constitutive.point import volumetric_pressure

from .deformation import gradient, quadrature
from .problem import Problem
from .volume import VolumeRatio


class PointPressures:
    """Pressures of Newton's method at the quadrature points of this rank's own cells.

    Args:
        problem: the problem, of a displacement formulation.
        displacement: displacement (mm).
        lag: receives by how much they go beyond U'(J) (kPa), for the tangent.
        volume: J of the displacement.
    """

    def __init__(self, problem: Problem, displacement: fem.Function, lag: fem.Function, volume: VolumeRatio) -> None:
        self._lag, self._volume = lag, volume
        self._mesh = problem.anatomy.mesh
        self._correction = fem.Function(displacement.function_space)
        points, _ = quadrature(problem)
        F = gradient(displacement)
        change = ufl.inner(ufl.diff(ufl.det(F), F), ufl.grad(self._correction))
        self._change = fem.Expression(change, points, jit_options=jit.options())
        self._cells = np.arange(self._mesh.topology.index_map(3).size_local, dtype=np.int32)
        self._places = lag.function_space.dofmap.list[: len(self._cells)]
        self.adopt(problem)
        self._pressure: NDArray[np.float64] | None = None
        self._slope: NDArray[np.float64] | None = None

    def adopt(self, problem: Problem) -> None:
        """Take the materials of a problem on the same mesh."""
        tags, regions = problem.anatomy.cell_tags, problem.anatomy.regions
        own = tags.indices < len(self._cells)
        self._materials = [
            (problem.materials[region], tags.indices[own & (tags.values == tag)]) for region, tag in regions.items()
        ]

    @property
    def present(self) -> NDArray[np.float64] | None:
        """The pressures (own cells, points) (kPa); None where they are U'(J) of the displacement."""
        return None if self._pressure is None else self._pressure.copy()

    @present.setter
    def present(self, values: NDArray[np.float64] | None) -> None:
        self._pressure, self._slope = None if values is None else values.copy(), None

    def reset(self) -> None:
        """Take U'(J) of the present displacement."""
        self._pressure = self._slope = None

    def assign(self) -> None:
        """Tell the tangent how far they are from U'(J) now."""
        J = self._volume.values()
        self._ratio, self._energetic = J, self._derivative(J, 1)
        if self._pressure is None:
            self._pressure = self._energetic.copy()
        self._lag.x.array[self._places] = self._pressure - self._energetic

    def linearize(self, correction: PETSc.Vec) -> None:
        """Find how they change with a correction (mm), which will be subtracted, at the state of ``assign``."""
        correction.copy(self._correction.x.petsc_vec)
        self._correction.x.scatter_forward()
        change = self._change.eval(self._mesh, self._cells)
        self._slope = self._energetic - self._derivative(self._ratio, 2) * change - self._pressure

    def move(self, step: float) -> None:
        """Follow ``step`` times the last correction."""
        if self._pressure is not None and self._slope is not None:
            self._pressure += step * self._slope

    def _derivative(self, J: NDArray[np.float64], order: int) -> NDArray[np.float64]:
        """U' (kPa) or U'' (kPa) at every point."""
        found = np.empty_like(J)
        for material, cells in self._materials:
            found[cells] = volumetric_pressure(material, J[cells], order)
        return found


def point_pressures(
    problem: Problem, displacement: fem.Function, lag: fem.Function | None, volume: VolumeRatio
) -> PointPressures | None:
    """The pressures of a displacement formulation, which has a lag; None of another."""
    return None if lag is None else PointPressures(problem, displacement, lag, volume)
