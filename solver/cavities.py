"""Cavities of a body: the volumes that they enclose, and the pressures that keep them as they should be."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin.curve import Moment, factor

from .circuits import CircuitState, Flow
from .equations import CavityForms, Forms
from .loads import Cavity
from .problem import Problem
from .remembering import Remembering


@dataclass(frozen=True)
class CavityState:
    """A cavity at a moment.

    Attributes:
        volume: enclosed volume (mm³).
        pressure: pressure in it (kPa).
        flow: what its circuit shows, where it is joined to one.
    """

    volume: float
    pressure: float
    flow: Flow | None = None


def cavity_state(said: Mapping[str, Any]) -> CavityState:
    """A cavity at a moment, of what ``dataclasses.asdict`` made of it."""
    flow = said.get("flow")
    return CavityState(said["volume"], said["pressure"], None if flow is None else Flow(**flow))


def _control(load: Cavity) -> tuple[bool, object]:
    """What of a cavity is given."""
    return load.finds_pressure, type(load.circuit)


class Cavities(Remembering):
    """The cavities of a problem; but where they are given, the pressures are unknowns. Everything on it is collective.

    A cavity that is filled to a volume V₁ has the equation V − V₁ = 0, one that is joined to a circuit V − V₀ − q Δt =
    0, where V₀ is the volume at the last equilibrium, Δt the time since, and q(p) the mean flow into it. It remembers
    what its circuit needs.

    Attributes:
        unknown: names of the cavities whose pressure is unknown.
        steps: the last Newton correction of their pressures (kPa).
    """

    def __init__(self, problem: Problem, forms: Forms) -> None:
        self._comm = problem.anatomy.mesh.comm
        self._forms: dict[str, CavityForms] = forms.cavities
        self._loads: dict[str, Cavity] = {n: load for n, load in problem.loads.items() if isinstance(load, Cavity)}
        self._present = {name: forms.loads[name].present for name in self._loads}
        self.unknown = [name for name, load in self._loads.items() if load.finds_pressure]
        self._first = {name: self._volume(name) for name in self.unknown}
        self._targets = dict(self._first)
        self.steps: NDArray[np.float64] = np.zeros(len(self.unknown))
        self._begun = self._now = Moment(0.0, 0.0)
        self._circuits: dict[str, CircuitState] = {}
        self.begin()

    @property
    def pressures(self) -> NDArray[np.float64]:
        """The unknown pressures (kPa)."""
        return np.array([self._pressure(name) for name in self.unknown])

    @pressures.setter
    def pressures(self, values: NDArray[np.float64]) -> None:
        for name, value in zip(self.unknown, values, strict=True):
            self._present[name].value[0] = value

    def adopt(self, problem: Problem) -> None:
        """Take the volumes to be reached, and the circuits, from another problem; ``aim`` comes after it.

        Raises:
            ValueError: of another cavity the pressure is given, or other ones are joined to circuits.
        """
        loads = {n: load for n, load in problem.loads.items() if isinstance(load, Cavity)}
        if {n: _control(load) for n, load in loads.items()} != {n: _control(load) for n, load in self._loads.items()}:
            raise ValueError("problems of one family have the pressure, the volume or a circuit of the same cavities")
        self._loads = loads

    def aim(self, moment: Moment) -> None:
        """Set the volumes to be reached at a moment."""
        for name in self.unknown:
            load = self._loads[name]
            full = self._first[name] if load.volume is None else load.volume
            self._targets[name] = self._first[name] + (full - self._first[name]) * float(factor(load.curve, moment))

    # -- memory --------------------------------------------------------------------------------
    def begin(self) -> None:
        """Take the present state for that in which the circuits begin."""
        self._circuits = {
            name: circuit.begin(self._volume(name), self._pressure(name))
            for name in self.unknown
            if (circuit := self._loads[name].circuit) is not None
        }

    @property
    def remembering(self) -> list[Remembering]:
        """Itself, where a cavity is joined to a circuit."""
        return [self] if self._circuits else []

    def memory(self) -> dict[str, NDArray[np.float64]]:
        """Volume, pressure and flow of each circuit at the last equilibrium, a row for each."""
        return {"all.circuits": np.array([[s.volume, s.pressure, *astuple(s.flow)] for s in self._circuits.values()])}

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Take back what ``memory`` gave."""
        for name, row in zip(self._circuits, memory["all.circuits"].tolist(), strict=True):
            self._circuits[name] = CircuitState(row[0], row[1], Flow(*row[2:]))

    def move(self, last: Moment, now: Moment) -> None:
        """Let time go by from the last equilibrium to now."""
        self._begun, self._now = last, now

    def settle(self) -> None:
        """Take the present state for the last equilibrium."""
        self._circuits = {
            name: CircuitState(self._volume(name), self._pressure(name), self._exchange(name)[0])
            for name in self._circuits
        }

    def _exchange(self, name: str) -> tuple[Flow, float]:
        """What flows through a circuit from the last equilibrium to now; the slope of what the cavity gains (mm³/kPa).

        Where no time goes by it is what has flowed to the last equilibrium.
        """
        last, load, step = self._circuits[name], self._loads[name], self._now.time - self._begun.time
        assert load.circuit is not None
        if step == 0:
            return last.flow, 0.0
        between = self._begun.time + load.circuit.theta * step
        source = 1.0 if load.curve is None else float(load.curve(between))
        flow, slope = load.circuit.exchange(last, step, self._pressure(name), source)
        return flow, step * slope

    # -- equations -----------------------------------------------------------------------------
    def errors(self) -> NDArray[np.float64]:
        """Volumes less those that there should be (mm³), for each unknown pressure."""
        return np.array([self._volume(name) - self._wanted(name) for name in self.unknown])

    def _wanted(self, name: str) -> float:
        if name not in self._circuits:
            return self._targets[name]
        return self._circuits[name].volume + (self._now.time - self._begun.time) * self._exchange(name)[0].gained

    def _slopes(self) -> NDArray[np.float64]:
        """Derivatives (mm³/kPa) of ``errors`` by the unknown pressures, the displacement as it is."""
        return np.array([-self._exchange(name)[1] if name in self._circuits else 0.0 for name in self.unknown])

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
        complement -= np.diag(self._slopes())
        needed = np.array([grow.dot(without) for grow in grows]) - errors
        for grow in grows:
            grow.destroy()
        return np.asarray(np.linalg.solve(complement, needed))

    def correct(self, step: float) -> None:
        """Subtract ``step`` times the last correction from the pressures."""
        if self.unknown:
            self.pressures = self.pressures - step * self.steps

    def states(self) -> dict[str, CavityState]:
        """Every cavity as it is now."""
        return {
            name: CavityState(
                self._volume(name), self._pressure(name), self._exchange(name)[0] if name in self._circuits else None
            )
            for name in self._loads
        }

    def _pressure(self, name: str) -> float:
        return float(self._present[name].value[0])

    def _volume(self, name: str) -> float:
        return float(self._comm.allreduce(fem.assemble_scalar(self._forms[name].volume)))

    @staticmethod
    def _vector(form: fem.Form) -> PETSc.Vec:
        vector = petsc.assemble_vector(form)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        return vector
