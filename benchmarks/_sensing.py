"""Derivatives of equilibria in a child process: by the numbers of every law, by all that a problem says, by a field."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import ufl
from _table import clock
from annotated_types import Gt
from numpy.typing import NDArray
from ufl.core.expr import Expr

from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.field import FieldModel
from fibertwin.calibration.field_posterior import field_posterior
from fibertwin.calibration.observe import DisplacementImage, MeanStrain, Observation, PointDisplacements
from fibertwin.calibration.smooth import Smooth
from fibertwin.constitutive import (
    ActiveStrain,
    ActiveStress,
    BlemkerShear,
    Costa,
    Demiray,
    GasserOgdenHolzapfel,
    Guccione,
    HolzapfelGasserOgden,
    HolzapfelOgden,
    Kinematics,
    Material,
    MooneyRivlin,
    NeoHookean,
    Ogden,
    SaintVenantKirchhoff,
    StandardReinforcing,
    StrainEnergy,
    TransverselyIsotropic,
    Yeoh,
)
from fibertwin.errors import SolveError
from fibertwin.meshes import uniform_fibers
from fibertwin.solver import (
    Clamp,
    Displacement,
    FollowerPressure,
    Formulation,
    NormalDisplacement,
    PrescribedDisplacement,
    Problem,
    Springs,
    Stepping,
    TaylorHood,
)
from fibertwin.solver.field_gradient import FieldGradient
from fibertwin.solver.parameters import known_at_points
from fibertwin.units import Unit
from fibertwin.verify.bodies import block

if TYPE_CHECKING:
    from mpi4py import MPI

type Vector = NDArray[np.float64]


@dataclass(frozen=True)
class _Own(StrainEnergy):
    """A law of one's own: psi = c/n (Ī1 - 3 + 0.01)ⁿ.

    Attributes:
        c: stiffness.
        n: power.
    """

    c: Annotated[float, Unit("kPa"), Gt(0)]
    n: Annotated[float, Unit(""), Gt(1)]

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        stretched = ufl.tr(kinematics.right_cauchy_green("isochoric")) - 3
        return self.c / self.n * (stretched + 1e-2) ** self.n


LAWS: tuple[StrainEnergy, ...] = (
    NeoHookean(1.0),
    MooneyRivlin(0.4, 0.2),
    Yeoh(0.5, 0.2, 0.1),
    Ogden((1.0, -0.5), (3.0, -2.0)),
    SaintVenantKirchhoff(1.0),
    Demiray(1.0, 1.5),
    StandardReinforcing(1.0, 0.5),
    HolzapfelGasserOgden(2.0, 1.5),
    GasserOgdenHolzapfel(2.0, 1.5, 0.1, (0.6, -0.6)),
    GasserOgdenHolzapfel(2.0, 1.5, "tensor"),
    TransverselyIsotropic(0.5, 10.0, 1.06),
    BlemkerShear(0.5, 0.7),
    Guccione(1.0, 4.0, 2.0, 3.0),
    Costa(1.0, 4.0, 2.0, 1.5, 3.0, 2.5, 2.0),
    HolzapfelOgden(0.5, 2.0, 1.0, 3.0, 0.7, 2.0, 0.4, 1.5),
    ActiveStress(0.8, 0.3, "linear", 0.7),
    ActiveStress(0.8, 0.3, "force-length", 0.0, 1.1),
    _Own(0.5, 1.7),
)
"""Every law, with every parameter it has; a soft neo-Hookean matrix is added to each."""

OFTEN = ((0.3, 0.9, 0.9), (0.55, 0.1, 0.4), (0.8, 0.7, 0.2))
TIGHT = Stepping(tolerance=1e-12)
STEPS = (0.004, 0.002)
"""Parts of a parameter by which it is changed for the remainder."""

EXACT = 1e-10
"""Remainder over what is seen that is round-off: the parameter enters linearly."""

EVERYTHING = {
    "mu": "materials.tissue.energies.0.mu",
    "k2": "materials.tissue.energies.1.k2",
    "bulk modulus": "materials.tissue.bulk_modulus",
    "shortening": "materials.tissue.active_strain.shortening",
    "pressure": "loads.push.pressure",
    "springs": "supports.bed.stiffness",
    "motion": "supports.pull.distance",
    "exponent of D": "fibers.exponent",
}


def run(comm: "MPI.Comm", part: str, **more: Any) -> dict[str, Any]:
    """One part of the measurement by its name. Collective."""
    return PARTS[part](comm, **more)


def laws(comm: "MPI.Comm") -> dict[str, Any]:
    """Order of the remainder by each parameter of every law, on linear tetrahedra."""
    anatomy = block(comm, 2)
    fibers = uniform_fibers(anatomy.mesh, 4, axis=(0.8, 0.6, 0.0), fa=0.6)
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.2, 0.05, 0.0))}
    found: dict[str, Any] = {}
    for law in LAWS:
        material = Material((NeoHookean(0.5), law), 20.0)
        problem = Problem(anatomy, {"tissue": material}, supports, fibers=fibers, formulation=Displacement(1))
        below = "materials.tissue.energies.1."
        idle = {f.name for f in fields(law) if isinstance(law, ActiveStress) and getattr(law, f.name) == f.default}
        names = [name for name in law.parameters if "angles" not in name and name not in idle]
        places: dict[str, str | tuple[str, ...]] = {name: below + name for name in names}
        if getattr(law, "angles", ()):
            places["angles"] = (below + "angles.0", f"-{below}angles.1")
        model = EquilibriumModel.of(problem, places, _everywhere(), TIGHT, rtol=1e-12)
        known = found.setdefault(law.kind() if law.offered() else "a law of one's own", {})
        for name, order in _orders(model).items():
            known[name] = min(order, known.get(name, np.inf))
        model.equilibria.destroy()
    left_out = sorted(StrainEnergy.members().keys() - found)
    return {"orders": found, "left out": left_out}


def everything(comm: "MPI.Comm") -> dict[str, Any]:
    """Order of the remainder by all that a problem says, in displacement and mixed elements; tangents and adjoints."""
    found: dict[str, Any] = {}
    for element, formulation in (("displacement", Displacement()), ("mixed", TaylorHood())):
        problem = _varied(comm, formulation)
        model = EquilibriumModel.of(problem, EVERYTHING, _everywhere(), TIGHT, rtol=1e-12)
        found[element] = _orders(model)
        model.equilibria.destroy()
        seen = [*_linear(), (1.0, MeanStrain("tissue")), (1.0, DisplacementImage(np.diag([0.5] * 3 + [1]), _ONES, 0.2))]
        model = EquilibriumModel.of(problem, EVERYTHING, seen, TIGHT, rtol=1e-13)
        slopes = model.linearise(model.theta)[1]
        weights = np.random.default_rng(1).normal(size=len(slopes))
        gradient = model.pulled(model.theta, weights)[0]
        found[f"{element} adjoint"] = float(np.abs(gradient - weights @ slopes).max() / np.abs(gradient).max())
        model.equilibria.destroy()
    return found


def jacobian(comm: "MPI.Comm") -> dict[str, Any]:
    """Predictions and derivatives by all that a problem says."""
    model = EquilibriumModel.of(_varied(comm, Displacement()), EVERYTHING, _everywhere(), TIGHT, rtol=1e-12)
    seen, slopes = model.linearise(model.theta)
    return {"seen": seen.tolist(), "slopes": slopes.tolist()}


def cost(comm: "MPI.Comm", cells: int, repeats: int) -> dict[str, Any]:
    """Processor seconds of a solve, of derivatives by four parameters after it, and iterations of warm starts."""
    model = EquilibriumModel.of(_prototype(comm, cells), PROTOTYPE, _linear((1 / 3, 2 / 3, 1.0)))
    theta = model.theta
    model.solve(theta)
    solves, slopes = [], []
    for _ in range(repeats):
        model.equilibria.forget()
        with clock() as running:
            model.solve(theta)
        solves.append(running.cpu_seconds)
        with clock() as running:
            model.linearise(theta)
        slopes.append(running.cpu_seconds)
    counts = [model.effort.newton]
    for action in (model.equilibria.forget, lambda: model.solve(theta), lambda: model.solve(1.05 * theta)):
        action()
        counts.append(model.effort.newton)
    model.linearise(theta)
    with clock() as running:
        model.linearise(1.02 * theta)
    near = running.cpu_seconds
    model.linearise(theta)
    counts.append(model.effort.newton)
    model.solve(1.05 * theta)
    counts.append(model.effort.newton)
    newton = np.diff(counts)
    rough = model.linearise(theta)[1]
    exact = EquilibriumModel.of(_prototype(comm, cells), PROTOTYPE, _linear((1 / 3, 2 / 3, 1.0)), TIGHT, rtol=1e-10)
    known = exact.linearise(theta)[1]
    return {
        "unknowns": _unknowns(model),
        "solve": min(solves),
        "slopes": min(slopes),
        "near": near,
        "newton": {"cold": int(newton[1]), "warm": int(newton[2]), "predicted": int(newton[4])},
        "error": float((np.abs(rough - known).max(axis=0) / np.abs(known).max(axis=0)).max()),
    }


def field(comm: "MPI.Comm", cells: int, repeats: int) -> dict[str, Any]:
    """Processor seconds of a solve, and of a misfit's gradient by a stiffness in each cell; whether it is right."""
    problem = _prototype(comm, cells)
    mesh = problem.anatomy.mesh
    local, count = problem.fibers.points.shape[:2] if problem.fibers is not None else (0, 0)
    own = mesh.topology.index_map(3).size_local
    numbers = mesh.topology.original_cell_index[:local]
    way = np.sin(1.0 + numbers)  # a direction that any number of ranks has alike

    def family(theta: Vector) -> Problem:
        values = np.repeat((1.0 + theta[0] * way)[:, None], count, axis=1)
        material = problem.materials["tissue"]
        energies = (material.energies[0], replace(material.energies[1], k1=known_at_points(values)))  # type: ignore[call-arg]
        return replace(problem, materials={"tissue": replace(material, energies=energies)})

    seen = _linear((1 / 3, 2 / 3, 1.0))
    model = EquilibriumModel(("way",), family, np.zeros(1), seen, Stepping(tolerance=1e-10))
    stiffness = FieldGradient(model.equilibria.system, "tissue", 1, "k1")
    zero = np.zeros(1)
    weights = model.solve(zero)
    solves, gradients = [], []
    for _ in range(repeats):
        model.equilibria.forget()
        with clock() as running:
            model.solve(zero)
        solves.append(running.cpu_seconds)
        with clock() as running:
            _, (by_point,) = model.pulled(zero, weights, [stiffness], numbers=False)
        gradients.append(running.cpu_seconds)
    along = comm.allreduce(float(by_point.sum(axis=1) @ way[:own]))
    sizes = (1e-3, -1e-3)
    difference = float(np.subtract(*(weights @ model.solve(np.array([h])) for h in sizes))) / 2e-3
    return {
        "unknowns": _unknowns(model),
        "parameters": mesh.topology.index_map(3).size_global,
        "solve": min(solves),
        "gradient": min(gradients),
        "error": abs(along / difference - 1),
    }


def failure(comm: "MPI.Comm") -> dict[str, Any]:
    """A solve, one that turns cells inside out, and the first one again."""
    problem = _varied(comm, Displacement())
    model = EquilibriumModel.of(problem, {"motion": EVERYTHING["motion"]}, _linear(), Stepping(smallest=0.2))
    first = model.solve(np.array([0.2]))
    try:
        model.solve(np.array([-0.97]))
    except SolveError as error:
        return {"failed": str(error), "difference": float(np.abs(model.solve(np.array([0.2])) - first).max())}
    return {"failed": "", "difference": float("nan")}


def inclusion(comm: "MPI.Comm", cells: int) -> dict[str, Any]:
    """A stiff inclusion found again from noisy displacements of the surface: where it is, and how surely."""
    problem = _prototype(comm, cells)
    grid = np.linspace(0.1, 0.9, 4)
    sides = [(x, y, z) for x in (0.5, 0.75, 1.0) for y in (0.0, 1.0) for z in grid]
    others = [(x, y, z) for x in (0.5, 0.75) for y in grid for z in (0.0, 1.0)]
    points = tuple((float(x), float(y), float(z)) for x, y, z in sides + others)
    seen = [(level, PointDisplacements(points)) for level in (0.5, 1.0)]
    model = FieldModel(problem, "tissue", 0, "a", seen)
    prior = Smooth(problem.anatomy, "tissue", 0.5, 0.3)
    truth = 1.2 * np.exp(-0.5 * ((prior.centers - [0.7, 0.3, 0.5]) ** 2).sum(axis=1) / 0.2**2)
    exact = model.solve(truth)
    with clock() as running:
        found = field_posterior(model, prior, exact + NOISE * np.random.default_rng(5).normal(size=len(exact)), NOISE)
    return {
        "parameters": len(truth),
        "data": len(exact),
        "alike": float(np.corrcoef(found.mode, truth)[0, 1]),
        "held": float(np.mean(np.abs(found.mode - truth) < 1.96 * found.sd)),
        "learnt": int((found.information > 1).sum()),
        "linearisations": found.linearisations,
        "seconds": running.cpu_seconds,
    }


PARTS = {
    "inclusion": inclusion,
    "laws": laws,
    "everything": everything,
    "jacobian": jacobian,
    "cost": cost,
    "field": field,
    "failure": failure,
}
NOISE = 1e-3
"""Standard deviation of a displacement, mm, where the largest are 0.3 mm."""

PROTOTYPE = {
    "a": "materials.tissue.energies.0.a",
    "b": "materials.tissue.energies.0.b",
    "af": "materials.tissue.energies.1.k1",
    "bf": "materials.tissue.energies.1.k2",
}
_ONES = np.ones((1, 3), dtype=np.int64)


def _prototype(comm: "MPI.Comm", cells: int) -> Problem:
    """Unit cube of quadratic tetrahedra, transversely isotropic exponential tissue, pulled to 30 %."""
    anatomy = block(comm, cells)
    fibers = uniform_fibers(anatomy.mesh, 4, axis=(0.8, 0.6, 0.0))
    material = Material((Demiray(1.0, 1.5), HolzapfelGasserOgden(1.0, 1.0)), 50.0)
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.3, 0.0, 0.0))}
    return Problem(anatomy, {"tissue": material}, supports, fibers=fibers, formulation=Displacement())


def _varied(comm: "MPI.Comm", formulation: Formulation) -> Problem:
    """A small cube with as many kinds of numbers as a problem can have."""
    anatomy = block(comm, 2)
    fibers = uniform_fibers(anatomy.mesh, 4, axis=(0.8, 0.6, 0.0), fa=0.6)
    energies = (NeoHookean(1.0), GasserOgdenHolzapfel(2.0, 1.5, "tensor", switch="smooth"))
    material = Material(energies, 50.0, active_strain=ActiveStrain(-0.05))
    supports = {"fixed": Clamp("left"), "pull": NormalDisplacement("right", 0.2), "bed": Springs("back", 0.5)}
    loads = {"push": FollowerPressure("top", 0.05)}
    return Problem(anatomy, {"tissue": material}, supports, loads, fibers, formulation)


def _linear(levels: tuple[float, ...] = (0.5, 1.0)) -> list[tuple[float, Observation]]:
    return [(level, PointDisplacements(OFTEN)) for level in levels]


def _everywhere() -> list[tuple[float, Observation]]:
    """Displacements at two levels, and the strain along fibers at the end."""
    return [*_linear(), (1.0, MeanStrain("tissue"))]


def _orders(model: EquilibriumModel) -> dict[str, float]:
    """Order of the remainder by each parameter; infinite where nothing is left but round-off."""
    theta = model.theta
    seen, slopes = model.linearise(theta)
    found = {}
    for name, step in zip(model.names, np.diag(theta), strict=True):
        left = [float(np.linalg.norm(model.solve(theta + h * step) - seen - h * slopes @ step)) for h in STEPS]
        linear = left[0] < EXACT * np.linalg.norm(seen)
        found[name] = float("inf") if linear else float(np.log(left[0] / left[1]) / np.log(STEPS[0] / STEPS[1]))
    return found


def _unknowns(model: EquilibriumModel) -> int:
    return sum(
        f.function_space.dofmap.index_map.size_global * f.function_space.dofmap.index_map_bs
        for f in model.equilibria.system.state.functions
    )
