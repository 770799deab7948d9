"""The nonlinear system at a moment of the load history: residual, tangent, energy, on any number of ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin.curve import Curve, Moment
from fibertwin.memory import hand_back

from .adoption import BoundFibers, adopt_loads, adopted_supports, require_alike
from .assembly import Assembly, coarse_space
from .cavities import Cavities, CavityState
from .constraints import Constraints, constraints
from .equations import Forms, Unknowns, forms, unknowns, weigh
from .held_forces import held_forces
from .linear import Change, LinearSolver
from .pressures import point_pressures
from .problem import Problem
from .projection import Projection
from .remembering import Memory, Past, Remembering
from .scales import scales
from .viscosity import viscosity
from .volume import VolumeRatio


@dataclass(frozen=True)
class Residual:
    """Size of the residual (mN) and of the forces that it is judged against: of supports and loads (mN)."""

    norm: float
    forces: float


@dataclass(frozen=True)
class State:
    """What ``System.set_state`` takes.

    Attributes:
        functions: the unknowns of this rank, ghosts included.
        pressures: the unknown pressures (kPa).
        level: load level.
        memory: what is remembered of the last equilibrium.
    """

    functions: tuple[NDArray[np.float64], ...]
    pressures: NDArray[np.float64]
    level: float = 0.0
    memory: Memory = field(default_factory=Memory)


class System:
    """Unknowns, forms, constraints and PETSc objects of one problem. Everything on it is collective.

    Args:
        problem: what to solve.
        end: time (s) at which the level is 1.
        petsc_options: the user's PETSc options.

    Attributes:
        past: what the present increment rests on besides the last unknowns.
    """

    def __init__(self, problem: Problem, end: float = 1.0, petsc_options: Mapping[str, str] | None = None) -> None:
        self.problem = problem
        self.comm = problem.anatomy.mesh.comm
        self._end = end
        self._fibers = BoundFibers(problem.fibers)
        self.state: Unknowns = unknowns(problem)
        V = self.state.displacement.function_space
        moments = [self.moment(level) for level in (0.0, *self.knots())]
        self.constraints: Constraints = constraints(problem, V, moments)
        oblique = self.constraints.oblique is not None
        coarse = coarse_space(self.state, oblique=oblique)
        self.forms: Forms = forms(problem, self.state, coarse)
        conditions = self.constraints.conditions
        self._rows = [conditions, *([] for _ in self.state.functions[1:])]
        self._x = PETSc.Vec().createNest([f.x.petsc_vec for f in self.state.functions], comm=self.comm)
        self._b = self._nested_vector()
        self._dx = self._nested_vector()
        self._assembly = Assembly(self.forms, self.state, conditions, coarse, scalar=oblique or bool(petsc_options))
        self._projection = Projection(self.constraints, V) if oblique else None
        self._schur = self._assemble_schur()
        symmetric = self.forms.symmetric
        self._linear = LinearSolver(V, self._schur, self._assembly.coarse, petsc_options or {}, symmetric=symmetric)
        self._cavities = Cavities(problem, self.forms)
        self._volume = VolumeRatio(problem, self.state.displacement)
        self._pressures = point_pressures(problem, self.state.displacement, self.state.lag, self._volume)
        self._pressure_scale, self._least_force = scales(problem)
        self._viscosity = viscosity(problem, self.state)
        self.past = Past(self._remembering(), end)
        self._level = self._rest = 0.0
        self._assembled = False  # whether the right-hand side is the present state's residual
        self.set_level(0.0)
        hand_back()

    def adopt(self, problem: Problem) -> None:
        """Take the numbers of a problem that differs in numbers only; the unknowns stay. Collective.

        Raises:
            ValueError: it differs in more.
        """
        require_alike(self.problem, problem)
        last, self.problem = self.problem, problem
        self._fibers.adopt(problem.fibers)
        if dict(problem.materials) != dict(last.materials):
            for group in self.state.tissue:
                group.adopt(problem)
            if self._pressures is not None:
                self._pressures.adopt(problem)
        if self._pressures is not None:
            self._pressures.reset()
        adopt_loads(self.forms, problem)
        if dict(problem.supports) != dict(last.supports):
            self.constraints = adopted_supports(self.constraints, problem)
            if self._projection is not None:
                self._projection.adopt(self.constraints)
        self._cavities.adopt(problem)
        self.past.adopt(problem)
        self.set_level(self._level)

    def rescale(self) -> None:
        """Judge residuals, and precondition, by the present problem's stiffness. Collective."""
        self._pressure_scale, self._least_force = scales(self.problem)
        if self.forms.weight is not None and self._schur is not None:
            weigh(self.problem, self.forms.weight)
            self._schur.zeroEntries()
            petsc.assemble_matrix(self._schur, self.forms.schur_mass)
            self._schur.assemble()
            self._schur.scale(-1.0)

    # -- state ---------------------------------------------------------------------------------
    def moment(self, level: float) -> Moment:
        """The moment at a level."""
        return Moment(level * self._end, level)

    def knots(self) -> list[float]:
        """Levels (0, 1] at which a history changes its course, the end among them, rising."""
        problem = self.problem
        terms = [term for material in problem.materials.values() for term in material.terms]
        curves = [getattr(member, "curve", None) for member in (*problem.loads.values(), *terms)]
        times = {t for curve in curves if isinstance(curve, Curve) for t in curve.times}
        times |= {t for support in problem.supports.values() for t in support.knots}
        return sorted({t / self._end for t in times if 0 < t < self._end * (1 - 1e-9)} | {1.0})

    def set_level(self, level: float) -> None:
        """Move supports, loads and tissue to a level, 0 to 1, of the load history."""
        moment = self.moment(level)
        self._level = level
        self._assembled = False
        self.constraints.move(moment)
        if self._projection is not None:
            self._projection.move(moment)
        self._push(level)
        for group in self.state.tissue:
            group.move(moment)
        self._cavities.aim(moment)
        self.past.move(level)

    def _push(self, level: float) -> None:
        for pushed in self.forms.loads.values():
            pushed.move(self.moment(level))

    def copy_state(self) -> State:
        """The unknowns, and what is remembered."""
        self._rest = self._level
        functions = tuple(f.x.array.copy() for f in self.state.functions)
        return State(functions, self._cavities.pressures, self._level, self.past.memory())

    def set_state(self, state: State) -> None:
        """Put back what ``copy_state`` gave."""
        for f, array in zip(self.state.functions, state.functions, strict=True):
            f.x.array[:] = array
        self._cavities.pressures = state.pressures
        self._rest = state.level
        self.past.recall(state.memory)
        self._forget()
        if self._pressures is not None:
            self._pressures.reset()

    def settle(self) -> None:
        """Take the present state, an equilibrium, for the last one: time goes on from here."""
        if self.past:
            self.past.settle()
            self._assembled = False

    @property
    def unknown_pressures(self) -> list[str]:
        """Loads whose pressure is unknown, in the order of ``State.pressures``."""
        return list(self._cavities.unknown)

    def history(self) -> dict[str, NDArray[np.float64]]:
        """What the next increment rests on besides the unknowns: fields (own cells, …), by name."""
        pressure = None if self._pressures is None else self._pressures.present
        return {} if pressure is None else {"point pressure": pressure}

    def remember(self, history: Mapping[str, NDArray[np.float64]]) -> None:
        """Put back what ``history`` gave, after ``set_state``."""
        if self._pressures is not None:
            self._pressures.present = history.get("point pressure")

    def forget(self) -> None:
        """Keep nothing of former linear solves, so that the next increment rests on state and history alone."""
        self._linear.forget()

    def move(self, step: float) -> None:
        """Subtract ``step`` times the last Newton correction from the unknowns."""
        for f, d in zip(self.state.functions, self._dx.getNestSubVecs(), strict=True):
            f.x.petsc_vec.axpy(-step, d)
            f.x.scatter_forward()
        self._cavities.correct(step)
        self._forget()
        if self._pressures is not None:
            self._pressures.move(step)

    def _forget(self) -> None:
        """The state has changed: what was found out about the last one is void."""
        self._assembled = False
        self._volume.forget()

    def least_volume_ratio(self) -> float:
        """The smallest J of all quadrature points; not above 0 where cells are turned inside out."""
        return self._volume.least()

    def work(self) -> float:
        """Work (µJ) of the last residual along the last correction of the displacement, as far as nothing holds it."""
        return float(self._b.getNestSubVecs()[0].dot(self._dx.getNestSubVecs()[0]))

    # -- equations -----------------------------------------------------------------------------
    def residual(self) -> Residual:
        """Assemble the residual; what the supports bear counts as force, not as residual."""
        self._assembly.residual(self._b)
        forces = self._b.getNestSubVecs()[0].norm() + self._least_force
        if self.forms.external is not None:
            external = np.linalg.norm(self._forces(self.forms.external))
            forces += np.sqrt(self.comm.allreduce(float(external**2)))
        if self._projection is not None:
            self._projection.clear(self._b.getNestSubVecs()[0])
        petsc.set_bc(self._b, self._rows, x0=self._x, alpha=0.0)
        parts = [part.norm() for part in self._b.getNestSubVecs()]
        volumes = float(np.linalg.norm(self._cavities.errors()))
        self._assembled = True
        weighted = [parts[0], *(self._pressure_scale * part for part in (*parts[1:], volumes))]
        return Residual(float(np.linalg.norm(weighted)), float(forces))

    def newton_correction(
        self,
        rtol: float,
        change: Change = Change.GREAT,
        *,
        moving: bool,
        damping: float = 0.0,
        budget: int | None = None,
    ) -> tuple[int, bool]:
        """Solve the tangent for a correction; prescribed motion enters through the tangent where ``moving``.

        Where the tangent's ``change`` since the last correction is none the last tangent serves again.

        ``damping`` is the part of itself by which the diagonal of the displacement block is raised (Marquardt 1963, doi
        10.1137/0111030), so that an indefinite tangent gives a correction along which the energy falls. ``budget``
        bounds the Krylov iterations, after which nothing is factorised.

        Returns:
            Krylov iterations, and whether the solve succeeded.
        """
        if self._pressures is not None:
            self._pressures.assign()
        if self._projection is not None and change is Change.NONE:
            change = Change.SMALL  # the last tangent has been projected
        if change is not Change.NONE:
            if moving:
                self._push(self._rest)
            self._assembly.tangent(damping)
            self._push(self._level)
        if moving or not self._assembled:
            self._assembly.residual(self._b, lifted=moving)
        self._assembled = False
        petsc.set_bc(self._b, self._rows, x0=self._x, alpha=-1.0)
        operator = self._assembly.matrix
        if self._projection is not None:
            operator = self._projection.apply(operator, self._b, self.state.displacement, moving=moving)
        result = self._linear.solve(operator, self._plain(self._b), self._plain(self._dx), rtol, budget, change)
        self._hold(self._dx)
        solved, iterations = result.reason > 0, result.iterations
        if solved and self._cavities.unknown:
            more, solved = self._border(operator, rtol)
            iterations += more
        if solved and self._pressures is not None:
            self._pressures.linearize(self._dx.getNestSubVecs()[0])
        return iterations, solved

    def _hold(self, correction: PETSc.Vec) -> None:
        """Put what supports hold to its place exactly: a Krylov solver meets it to its tolerance only."""
        petsc.set_bc(correction, self._rows, x0=self._x, alpha=-1.0)
        if self._projection is not None:
            self._projection.hold(correction.getNestSubVecs()[0], self.state.displacement)

    def _border(self, operator: PETSc.Mat, rtol: float) -> tuple[int, bool]:
        """Correct the unknown pressures, and the displacement for them, by elimination."""
        iterations, answers = 0, []
        for push in self._cavities.pushes():
            b, z = self._nested_vector(), self._nested_vector()
            push.copy(b.getNestSubVecs()[0])
            petsc.set_bc(b, self._rows, alpha=0.0)
            if self._projection is not None:
                self._projection.clear(b.getNestSubVecs()[0])
            result = self._linear.solve(operator, self._plain(b), self._plain(z), min(rtol, 1e-6), change=Change.NONE)
            petsc.set_bc(z, self._rows, alpha=0.0)
            if self._projection is not None:
                self._projection.clear(z.getNestSubVecs()[0])
            b.destroy()
            push.destroy()
            iterations += result.iterations
            answers.append(z)
            if result.reason < 0:
                break
        solved = result.reason > 0
        if solved:
            self._cavities.eliminate(self._dx.getNestSubVecs()[0], [z.getNestSubVecs()[0] for z in answers])
            for step, z in zip(self._cavities.steps, answers, strict=True):
                self._dx.axpy(-step, z)
        for z in answers:
            z.destroy()
        return iterations, solved

    def _plain(self, vector: PETSc.Vec) -> PETSc.Vec:
        """The vector as the matrix takes it: a nest only where there is a pressure."""
        return vector.getNestSubVecs()[0] if self.state.pressure is None else vector

    def energy(self) -> float:
        """Energy stored in the tissue (µJ), volumetric part included; not what branches that relax hold."""
        if self._viscosity is not None:
            self._viscosity.slacken()
        found = self.comm.allreduce(sum(fem.assemble_scalar(part.energy) for part in self.forms.tissue))
        if self._viscosity is not None:
            self.past.move(self._level)
        return float(found)

    def internal_forces(self) -> NDArray[np.float64]:
        """Force (mN) of the tissue at every displacement degree of freedom owned here."""
        return np.asarray(sum(self._forces(part.residual[0]) for part in self.forms.tissue))

    def reactions(self) -> dict[str, NDArray[np.float64]]:
        """Force (3,) (mN) that each support exerts on the body: what is left of the residual where it holds."""
        return {name: self.comm.allreduce(forces.sum(axis=0)) for name, (_, forces) in held_forces(self).items()}

    def torques(self, about: Sequence[float]) -> dict[str, NDArray[np.float64]]:
        """Torque (3,) (mN mm) of each support about a point (mm), with arms to where its nodes are now."""
        V = self.state.displacement.function_space
        places = V.tabulate_dof_coordinates() + self.state.displacement.x.array.reshape(-1, 3) - np.array(about)
        return {
            name: self.comm.allreduce(np.cross(places[nodes], forces).sum(axis=0))
            for name, (nodes, forces) in held_forces(self).items()
        }

    def cavities(self) -> dict[str, CavityState]:
        """Volume and pressure of every cavity, by its load's name."""
        return self._cavities.states()

    def ignored_options(self) -> list[str]:
        """The user's PETSc options that PETSc has not looked at."""
        return self._linear.ignored()

    def destroy(self) -> None:
        """Free PETSc's objects (collective); the unknowns stay."""
        self._linear.destroy()
        if self._projection is not None:
            self._projection.destroy()
        for item in (self._assembly, self._schur, self._b, self._dx, self._x):
            if item is not None:
                item.destroy()

    def _nested_vector(self) -> PETSc.Vec:
        parts = [petsc.create_vector(f.function_space) for f in self.state.functions]
        return PETSc.Vec().createNest(parts, comm=self.comm)

    def _forces(self, form: fem.Form) -> NDArray[np.float64]:
        vector = petsc.assemble_vector(form)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        forces = np.array(vector.array_r)
        vector.destroy()
        return forces

    # -- set-up --------------------------------------------------------------------------------
    def _remembering(self) -> list[Remembering]:
        """All that remembers, in the same order on every rank."""
        return [*([] if self._viscosity is None else [self._viscosity]), *self._cavities.remembering]

    def _assemble_schur(self) -> PETSc.Mat | None:
        if self.forms.schur_mass is None:
            return None
        mass = petsc.assemble_matrix(self.forms.schur_mass)
        mass.assemble()
        mass.scale(-1.0)
        return mass
