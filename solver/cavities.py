"""Cavities of a body: the volumes that they enclose, and the pressures that keep them at a given one."""

from dataclasses import dataclass

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin.curve import Moment, factor

from .equations import CavityForms, Forms
from .loads import Cavity
from .problem import Problem


@dataclass(frozen=True)
class CavityState:
    """A cavity at a moment: enclosed ``volume`` (mm³) and ``pressure`` (kPa)."""

    volume: float
    pressure: float


class Cavities:
    """The cavities of a problem; under volume control the pressures are unknowns. Everything on it is collective.

    Attributes:
        unknown: names of the cavities under volume control.
        steps: the last Newton correction of their pressures (kPa).
    """

    def __init__(self, problem: Problem, forms: Forms) -> None:
        self._comm = problem.anatomy.mesh.comm
        self._forms: dict[str, CavityForms] = forms.cavities
        self._loads: dict[str, Cavity] = {n: load for n, load in problem.loads.items() if isinstance(load, Cavity)}
        self._present = {name: forms.loads[name].present for name in self._loads}
        self.unknown = [name for name, load in self._loads.items() if load.controls_volume]
        self._first = {name: self._volume(name) for name in self.unknown}
        self._targets = dict(self._first)
        self.steps: NDArray[np.float64] = np.zeros(len(self.unknown))

    @property
    def pressures(self) -> NDArray[np.float64]:
        """The unknown pressures (kPa)."""
        return np.array([float(self._present[name].value[0]) for name in self.unknown])

    @pressures.setter
    def pressures(self, values: NDArray[np.float64]) -> None:
        for name, value in zip(self.unknown, values, strict=True):
            self._present[name].value[0] = value

    def adopt(self, problem: Problem) -> None:
        """Take the volumes to be reached from another problem; ``move`` comes after it."""
        self._loads = {n: load for n, load in problem.loads.items() if isinstance(load, Cavity)}

    def move(self, moment: Moment) -> None:
        """Set the volumes to be reached at a moment."""
        for name in self.unknown:
            load = self._loads[name]
            full = self._first[name] if load.volume is None else load.volume
            self._targets[name] = self._first[name] + (full - self._first[name]) * float(factor(load.curve, moment))

    def errors(self) -> NDArray[np.float64]:
        """Volumes less those to be reached (mm³), for each unknown pressure."""
        return np.array([self._volume(name) - self._targets[name] for name in self.unknown])

    def pushes(self) -> list[PETSc.Vec]:
        """Force on the wall per unit of each unknown pressure."""
        return [self._vector(self._forms[name].push) for name in self.unknown]

    def eliminate(self, without: PETSc.Vec, responses: list[PETSc.Vec]) -> None:
        """Find the correction of the pressures from the bordered system's Schur complement.

        Args:
            without: correction of the displacement with the pressures as they are.
            responses: displacement per unit of each pressure's force.
        """
        self.steps = self.balance(without, responses, self.errors())

    def balance(
        self, without: PETSc.Vec, responses: list[PETSc.Vec], errors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Changes of the pressures (kPa) that take a displacement's change of the volumes to ``errors`` (mm³)."""
        grows = [self._vector(self._forms[name].grow) for name in self.unknown]
        complement = np.array([[grow.dot(response) for response in responses] for grow in grows])
        needed = np.array([grow.dot(without) for grow in grows]) - errors
        for grow in grows:
            grow.destroy()
        return np.asarray(np.linalg.solve(complement, needed))

    def correct(self, step: float) -> None:
        """Subtract ``step`` times the last correction from the pressures."""
        if self.unknown:
            self.pressures = self.pressures - step * self.steps

    def states(self) -> dict[str, CavityState]:
        """Volume and pressure of every cavity."""
        return {name: CavityState(self._volume(name), float(self._present[name].value[0])) for name in self._loads}

    def _volume(self, name: str) -> float:
        return float(self._comm.allreduce(fem.assemble_scalar(self._forms[name].volume)))

    @staticmethod
    def _vector(form: fem.Form) -> PETSc.Vec:
        vector = petsc.assemble_vector(form)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        return vector
