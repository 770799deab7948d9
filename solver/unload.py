"""The stress-free shape of a body that was imaged under load: fixed point with Anderson acceleration."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Interval
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin.curve import Curve
from fibertwin.errors import InputError, SolveError
from fibertwin.errors import Problem as Wrong
from fibertwin.units import Time

from .deformation import evaluate
from .loads import Cavity, Load
from .options import parse_options
from .parameters import looked_up
from .path import Path, walk
from .problem import Problem, Stepping, check
from .system import State, System

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.meshes import FiberField

type Array = NDArray[np.float64]

HISTORY = 6
"""Differences that the acceleration remembers."""

SMALLEST = 1 / 16
"""Smallest share of a correction of the shape that is tried where the loaded body finds no equilibrium."""


@dataclass(frozen=True)
class Unload:
    """Find the stress-free shape first: the image shows the body under its loads at a time of their histories.

    Attributes:
        at: when the image was taken; the loads are those of this time.
        tolerance: largest distance between the image and the shape loaded back to it, over the body's diameter.
        most: most corrections of the shape.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    at: Annotated[Time, Gt(0)]
    tolerance: Annotated[float, Interval(gt=0, lt=1)] = 1e-7
    most: Annotated[int, Ge(1)] = 40


@dataclass(frozen=True)
class Unloaded:
    """A body in its stress-free shape.

    Attributes:
        problem: the problem on that shape: the mesh's nodes have been moved, fibers and tensors are carried along.
        errors: distance between the image and the shape loaded back (mm), the largest of all nodes, per correction.
        diameter: of the imaged body (mm).
        moved: largest distance that a node has gone (mm).
    """

    problem: Problem
    errors: tuple[float, ...]
    diameter: float
    moved: float

    @property
    def sentence(self) -> str:
        """How it went, for a person."""
        return (
            f"The stress-free shape was found in {len(self.errors)} corrections: nodes are up to {self.moved:.3g} mm "
            f"from the image, and loaded back they meet it to {self.errors[-1] / self.diameter:.1e} of its diameter."
        )


def unload(
    problem: Problem,
    request: Unload,
    stepping: Stepping | None = None,
    *,
    petsc: str = "",
    progress: Callable[[int, float], None] | None = None,
) -> Unloaded:
    """Find the shape that the loads bring to the imaged one. Moves the nodes of the problem's mesh. Collective.

    Shapes X are corrected by X ← X − (X + u(X) − x), x the image and u the displacement under the loads (Bols et al.
    2013, doi 10.1016/j.cam.2012.10.034), accelerated over the last ``HISTORY`` corrections (Walker & Ni 2011, doi
    10.1137/10078356X). The fibers of the image are carried back by a0 ∝ F⁻¹ a, its tensors by the rotation of F. A
    cavity that is joined to a circuit is taken to be at rest in the image, under the pressure that fills it.

    Args:
        problem: the problem on the imaged shape.
        request: when the image was taken, and how exact to be.
        stepping: how each equilibrium is found, and when the histories end.
        petsc: PETSc options, as on a command line.
        progress: called after every correction with its number and error (mm).

    Raises:
        InputError: the problem is inconsistent.
        SolveError: no equilibrium or no shape was found; the mesh is the image's again.
    """
    stepping = stepping or Stepping()
    check(problem)
    if request.at > stepping.end:
        wanted = f"at most {stepping.end:g} s, when the load histories end"
        raise InputError(Wrong("unload.at", "is later than the loads", f"{request.at:g} s", wanted))
    problem = looked_up(problem)  # in the image, before its nodes move
    shape = _Shape(problem)
    level = request.at / stepping.end
    mixing = _Anderson(problem.anatomy.mesh.comm, HISTORY)
    at_rest = replace(problem, loads={name: _at_rest(load, request.at) for name, load in problem.loads.items()})
    loaded = _Loaded(at_rest, level, stepping, petsc)
    errors: list[float] = []
    try:
        for number in range(request.most):
            away = shape.away(loaded.displacement())
            errors.append(shape.largest(away))
            if progress is not None:
                progress(number, errors[-1])
            if errors[-1] <= request.tolerance * shape.diameter:
                moved = shape.largest(shape.nodes() - shape.image)
                return Unloaded(replace(loaded.problem, loads=problem.loads), tuple(errors), shape.diameter, moved)
            _correct(shape, loaded, mixing, away)
    except SolveError:
        shape.put(shape.image)
        raise
    shape.put(shape.image)
    raise SolveError(
        f"No stress-free shape was found in {request.most} corrections: the error went from {errors[0]:.3g} to "
        f"{errors[-1]:.3g} mm."
    )


def _at_rest(load: Load, time: float) -> Load:
    """A load as the image shows it."""
    if not isinstance(load, Cavity) or load.circuit is None:
        return load
    pressure = load.circuit.preload * (1.0 if load.curve is None else float(load.curve(time)))
    return replace(load, circuit=None, pressure=pressure, curve=Curve((0.0, time), (0.0, 1.0)))


def _correct(shape: "_Shape", loaded: "_Loaded", mixing: "_Anderson", away: Array) -> None:
    """Move the shape, by less where the body then finds no equilibrium under its loads."""
    before = shape.nodes().copy()
    after = mixing.next(before, away, shape.own)
    share = 1.0
    while True:
        shape.put(before + share * (after - before))
        try:
            loaded.follow()
            return
        except SolveError:
            share /= 2
            mixing.forget()
            if share < SMALLEST:
                raise


class _Shape:
    """The nodes of a mesh, which are moved in place."""

    def __init__(self, problem: Problem) -> None:
        from fibertwin.meshes.anatomy import bounds

        mesh = problem.anatomy.mesh
        self.mesh, self.comm = mesh, mesh.comm
        self.image: Array = mesh.geometry.x.copy()
        self.own = slice(0, mesh.geometry.index_map().size_local)
        low, high = bounds(mesh)
        self.diameter = float(np.linalg.norm(high - low))
        self._space = fem.functionspace(mesh, ("Lagrange", mesh.geometry.cmaps[0].degree, (3,)))

    def nodes(self) -> Array:
        """Positions (n, 3) now (mm)."""
        return np.asarray(self.mesh.geometry.x)

    def put(self, nodes: Array) -> None:
        """Move the nodes."""
        self.mesh.geometry.x[:] = nodes

    def away(self, u: fem.Function) -> Array:
        """Where the loaded nodes are less where the image has them (n, 3) (mm)."""
        at_nodes = fem.Function(self._space)
        at_nodes.interpolate(u)
        moved = np.zeros_like(self.image)
        moved[self.mesh.geometry.dofmaps[0].ravel()] = at_nodes.x.array.reshape(-1, 3)[self._space.dofmap.list.ravel()]
        return np.asarray(self.mesh.geometry.x + moved - self.image)

    def largest(self, vectors: Array) -> float:
        """The longest of vectors (n, 3) on all ranks. Collective."""
        mine = float(np.linalg.norm(vectors[self.own], axis=1).max(initial=0.0))
        return float(max(self.comm.allgather(mine)))


class _Loaded:
    """The body under its loads at one level, from shape to shape."""

    def __init__(self, problem: Problem, level: float, stepping: Stepping, petsc: str) -> None:
        self._image = problem
        self.problem = problem
        self._level, self._stepping, self._petsc = level, stepping, petsc
        self._solve(None)

    def displacement(self) -> fem.Function:
        """Displacement under the loads (mm)."""
        return self._unknowns.displacement

    def follow(self) -> None:
        """Find equilibrium on the mesh's present shape, from the last one."""
        self._solve(self._state)

    def _solve(self, start: State | None) -> None:
        system = System(self.problem, self._stepping.end, parse_options(self._petsc))
        try:
            failure = walk(Path(system), self._stepping, until=self._level, start=start)
            if failure:
                raise SolveError(f"The body finds no equilibrium at the image's loads: {failure}.")
            self._state, self._unknowns = system.copy_state(), system.state
        finally:
            system.destroy()
        if self._image.fibers is not None:
            F = evaluate(self.problem, self._unknowns).F
            self.problem = replace(self._image, fibers=carried_back(self._image.fibers, F))


@dataclass
class _Anderson:
    """Anderson acceleration of a fixed-point iteration on vectors that are spread over ranks."""

    comm: "MPI.Comm"
    most: int
    places: list[Array] = field(default_factory=list)
    steps: list[Array] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        self.places.clear()
        self.steps.clear()

    def next(self, place: Array, away: Array, own: slice) -> Array:
        """The next place, from the present one and its residual ``away`` (n, 3); ``own`` rows count. Collective."""
        self.places.append(place.copy())
        self.steps.append(-away)
        del self.places[: -self.most], self.steps[: -self.most]
        if len(self.steps) == 1:
            return place - away
        dx = [b - a for a, b in zip(self.places, self.places[1:], strict=False)]
        df = [b - a for a, b in zip(self.steps, self.steps[1:], strict=False)]
        gram = self.comm.allreduce(np.array([[float((a[own] * b[own]).sum()) for b in df] for a in df]))
        rhs = self.comm.allreduce(np.array([float((a[own] * self.steps[-1][own]).sum()) for a in df]))
        weights = np.linalg.lstsq(gram, rhs, rcond=1e-12)[0]
        mixed = sum(w * (a + b) for w, a, b in zip(weights, dx, df, strict=True))
        return np.asarray(place + self.steps[-1] - mixed)


def carried_back(fibers: "FiberField", F: Array) -> "FiberField":
    """Fibers seen in a deformed body as they are in its stress-free shape.

    Args:
        fibers: fabric of the deformed body.
        F: deformation gradients (cells, q, 3, 3) from the stress-free shape, on all cells of this rank.
    """
    U, _, Vt = np.linalg.svd(F)
    R = U @ Vt
    inverse = np.linalg.inv(F)

    def turned(tensor: Array) -> Array:
        return np.swapaxes(R, -1, -2) @ tensor @ R

    axis = _unit(np.einsum("...ij,...j", inverse, _values(fibers.axis, F)))
    sheet = np.einsum("...ij,...j", inverse, _values(fibers.sheet, F))
    sheet = _unit(sheet - (sheet * axis).sum(axis=-1, keepdims=True) * axis)
    return replace(
        fibers,
        axis=_function(fibers.axis, axis),
        sheet=_function(fibers.sheet, sheet),
        structure_tensor=_function(fibers.structure_tensor, turned(_values(fibers.structure_tensor, F))),
    )


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _values(function: fem.Function, F: Array) -> Array:
    """Values (cells, q, …) at the quadrature points of this rank's cells."""
    from .fields import at_points

    return at_points(function, len(F))


def _function(like: fem.Function, values: Array) -> fem.Function:
    V = like.function_space
    function = fem.Function(V, name=like.name)
    size = V.dofmap.index_map_bs
    function.x.array.reshape(-1, size)[V.dofmap.list[: len(values)].ravel()] = values.reshape(-1, size)
    return function
