"""Derivatives by a parameter of the tissue that varies through it, at every quadrature point: one adjoint for all."""

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin import jit
from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong

from .system import System
from .tissue import kinematics, metadata


class FieldGradient:
    """The work of an adjoint state on what a parameter's value at each quadrature point changes in the residual.

    Args:
        system: the system.
        region: name of the region.
        term: position of the energy in the region's material.
        name: name of the parameter, such as ``mu``; it must vary in the problem, and be compiled as it varies.

    Raises:
        InputError: there is no such parameter, or it is one number.
    """

    def __init__(self, system: System, region: str, term: int, name: str) -> None:
        group = next((group for group in system.state.tissue if region in group.regions), None)
        where = f"materials.{region}.energies.{term}.{name}"
        terms = group.material.terms if group is not None else ()
        if group is None or not 0 <= term < len(terms) or name not in terms[term].parameters:
            raise InputError(Wrong(where, "there is no such parameter"))
        holder = terms[term].parameters[name]
        if not isinstance(holder, fem.Function):
            raise InputError(Wrong(where, "is one number for the region", wanted="a formula, an image or a mesh field"))
        functions = system.state.functions
        self._adjoint = [fem.Function(f.function_space) for f in functions]
        problem = system.problem
        kin = kinematics(problem, ufl.Identity(3) + ufl.grad(functions[0]))
        dx = ufl.Measure("dx", domain=problem.anatomy.mesh, subdomain_data=problem.anatomy.cell_tags)
        measure = dx(problem.anatomy.regions[region], metadata=metadata(problem))
        energy = group.energy(kin, system.state.pressure) * measure
        work = sum(ufl.derivative(energy, f, a) for f, a in zip(functions, self._adjoint, strict=True))
        V = holder.function_space
        self._form = fem.form(ufl.derivative(work, holder, ufl.TestFunction(V)), jit_options=jit.options())
        self._table = V.dofmap.list[: problem.anatomy.mesh.topology.index_map(3).size_local]

    def __call__(self, adjoint: list[fem.Function]) -> NDArray[np.float64]:
        """dJ/d(value) (cells, points) on this rank's own cells, of a number J with this adjoint state. Collective."""
        for own, given in zip(self._adjoint, adjoint, strict=True):
            own.x.array[:] = given.x.array
        return np.asarray(-np.asarray(fem.assemble_vector(self._form).array)[self._table])
