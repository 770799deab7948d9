"""Which of two retractor blades spares a brain's fibers: stiffness learned from 30 markers, blade chosen under risk.

[mpirun -n 2] python examples/retraction/retraction.py [-o FOLDER] [--draws N] [--edge "9 mm"] [--small]
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mpi4py import MPI
from scene import BELIEFS, BLOCK, BRAIN, FIBERS, LIMIT, MARKERS, NOISE, SD, SEED, STRAIN, TISSUE, TRUTH, Scene, prepared

from fibertwin import demo, patches, stages
from fibertwin.calibrate_verb import calibrated
from fibertwin.calibration import Experiment, Journal, Posterior, each, virtual_experiment
from fibertwin.calibration.counted import Cost, Counted
from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import Observation, PointDisplacements, StrainedShare
from fibertwin.calibration.posterior import weighted_quantiles
from fibertwin.calibration_page import write_calibration_report
from fibertwin.case import Case
from fibertwin.decision_page import risk, write_decision_report
from fibertwin.log import configure
from fibertwin.meshes import BOUNDARY, Anatomy, boundary_of
from fibertwin.meshes.patch import place_on
from fibertwin.parallel import on_root
from fibertwin.report.drawing import Picture
from fibertwin.solver import Problem


# -- the patient -----------------------------------------------------------------------------------
def made_up(case: Case, scene: Scene, folder: Path, comm: MPI.Comm) -> None:
    """Make a patient up on a finer mesh, and see the markers; what was made up before is kept. Collective."""
    file = folder / "markers.csv"
    if on_root(comm, file.is_file):
        return
    real = patient(case, scene)
    anatomy, fibers = stages.body(real, stages.tensors(real, folder, comm), comm)
    points = marked(anatomy, scene)
    moved = solved(stages.problem(real, anatomy, fibers), real, PointDisplacements(points))

    def write() -> None:
        noise = NOISE * np.random.default_rng([SEED, 1]).standard_normal(len(moved))
        rows = np.column_stack([points, np.round(moved + noise, 3).reshape(-1, 3)])
        np.savetxt(file, rows, "%.6g", ",", header="x,y,z,ux,uy,uz", comments="")

    on_root(comm, write)


def became(case: Case, scene: Scene, folder: Path, comm: MPI.Comm) -> dict[str, float]:
    """Share of the patient's tissue that each blade strains too much; what is known is kept. Collective."""
    file = folder / "fate.json"
    if on_root(comm, file.is_file):
        return on_root(comm, lambda: dict(json.loads(file.read_text("utf-8"))))
    real, fate = patient(case, scene), dict[str, float]()
    anatomy, fibers = stages.body(real, stages.tensors(real, folder, comm), comm)
    for name in scene.widths:
        one = real.replace({"supports": scene.retractor(name, scene.depth)})
        fate[name] = float(solved(stages.problem(one, anatomy, fibers), one, looks(anatomy, scene)[0])[0])
    on_root(comm, lambda: file.write_text(json.dumps(fate), "utf-8"))
    return fate


def patient(case: Case, scene: Scene) -> Case:
    """The case with the stiffnesses and the mesh that the model does not know."""
    return case.replace({**scene.finer, **{place: f"{value} kPa" for place, value in TRUTH.items()}})


def solved(problem: Problem, case: Case, look: Observation) -> np.ndarray:
    """What is seen of a problem in equilibrium. Collective."""
    return EquilibriumModel.of(problem, {}, [(1.0, look)], case.solve.stepping).solve(np.zeros(0))


def marked(anatomy: Anatomy, scene: Scene) -> tuple[tuple[float, float, float], ...]:
    """Points (mm) of the exposed surface, chosen at random, alike on any number of ranks. Collective."""
    boundary = boundary_of(anatomy)
    held = [anatomy.surfaces[one["surface"]] for one in scene.held.values()]
    free = ~np.isin(boundary.facets, np.concatenate([anatomy.surfaces["covered"], *held]))
    free &= np.linalg.norm(boundary.midpoints - middle(anatomy, scene), axis=1) < scene.exposed
    spots = np.round(np.concatenate(boundary.comm.allgather(boundary.midpoints[free])), 3)
    spots = spots[np.lexsort(spots.T)]
    chosen = np.random.default_rng([SEED, 0]).permutation(len(spots))[:MARKERS]
    return tuple((x, y, z) for x, y, z in spots[np.sort(chosen)].tolist())


def middle(anatomy: Anatomy, scene: Scene) -> tuple[float, float, float]:
    """Where the blades' middle meets the surface (mm). Collective."""
    x, y, z = np.round(place_on(boundary_of(anatomy), scene.direction, None, "blade"), 1).tolist()
    return x, y, z


def looks(anatomy: Anatomy, scene: Scene) -> list[StrainedShare]:
    """What becomes of the tissue: the share beyond the strain near the blade, and of all there is. Collective."""
    near = StrainedShare(TISSUE, STRAIN, center=middle(anatomy, scene), radius=scene.within)
    return [near, StrainedShare(TISSUE, STRAIN)]


# -- what is known ---------------------------------------------------------------------------------
def measured(case: Case, folder: Path, budget: int, method: str = "auto") -> Case:
    """The case with what is believed and what was seen."""
    file = {"type": "markers", "file": str(folder / "markers.csv"), "sd": f"{SD} mm", "reach": "5 mm"}
    how = {"method": method, "budget": budget, "seed": 1}
    return case.replace({"calibrate": {"free": BELIEFS, "measured": {"markers": file}, **how}})


# -- what to do ------------------------------------------------------------------------------------
def blades(case: Case, scene: Scene, folder: Path, comm: MPI.Comm) -> tuple[dict[str, Counted], Picture | None]:
    """What each blade does to tissue of any stiffness, and on rank 0 where the blades lie. Collective.

    Solves are kept in the folder, so that an experiment which was stopped goes on.
    """
    anatomy, fibers = stages.body(case, stages.tensors(case, folder, comm), comm)
    found, seen = {}, [(1.0, look) for look in looks(anatomy, scene)]
    for name in scene.widths:
        one = case.replace({"supports": scene.retractor(name, scene.depth)})
        problem = stages.problem(one, anatomy, fibers)
        model = EquilibriumModel.of(problem, {place: place for place in BELIEFS}, seen, one.solve.stepping)
        told = {"case": one.to_dict(), "seen": repr(seen), "version": version("fibertwin")}
        journal = Journal(folder, json.dumps(told, sort_keys=True), writes=comm.rank == 0)
        found[name] = Counted(model, journal)
    shown = {name: anatomy.surfaces[name] for name in (BOUNDARY, *scene.widths)}
    painted = patches.gather(replace(anatomy, surfaces=shown))
    if painted is None:
        return found, None
    return found, Picture(patches.picture(painted, case.title), "The blades to choose from, where they would lie.")


def spared(run: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether no more of the tissue than the limit is strained too much."""
    return run["near"] <= LIMIT


def harmed(run: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether more of it is."""
    return run["near"] > LIMIT


def compared(known: Posterior, models: Mapping[str, Counted], draws: int) -> Experiment:
    """Both blades on the same draws, by true solves, each of which starts from the one before. Collective."""
    drawn = known.resample(draws, seed=1)
    drawn = drawn[np.argsort(drawn[:, known.names.index(FIBERS)])]

    def does(theta: np.ndarray, model: Counted) -> dict[str, float]:
        return dict(zip(("near", "whole"), model.solve(theta).tolist(), strict=True))

    return virtual_experiment(drawn, models, each(does), spared, success=spared, harm=harmed)


# -- all of it -------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Found:
    """All that came out.

    Attributes:
        scene: what was done.
        fate: what each blade would have done to the patient.
        posterior: what is known of the stiffnesses.
        experiment: the blades compared.
        cost: solves of the experiment.
        seconds: of each part, wall and processor seconds.
        ranks: how many ran.
    """

    scene: Scene
    fate: Mapping[str, float]
    posterior: Posterior
    experiment: Experiment
    cost: Cost
    seconds: Mapping[str, Mapping[str, float]]
    ranks: int

    def sentences(self) -> list[str]:
        """What is known and what to do."""
        told = [*self.posterior.sentences(), self.posterior.cost.said()]
        told += [self.experiment.table(), *self.experiment.sentences(), f"The experiment took {self.cost.said()}."]
        told += [f"{name}: {self._shares(name)}" for name in self.scene.widths]
        return told

    def _shares(self, name: str) -> str:
        one = self._blade(name)
        near, at_mean, really = (f"{100 * one[key]:.2g} %" for key in ("near_mean", "near_at_mean", "near_in_patient"))
        return (
            f"{near} of {TISSUE} within {self.scene.within:g} mm beyond {100 * STRAIN:g} % fiber strain"
            f" ({100 * one['near_low']:.2g} to {100 * one['near_high']:.2g} %); at the parameters' mean {at_mean};"
            f" in the patient {really}; of all {TISSUE} {100 * one['whole_mean']:.2g} %."
        )

    def figures(self) -> dict[str, object]:
        """Every figure, for ``decision.json``."""
        known, found = self.posterior, self.experiment
        places = zip(known.names, known.mean(), known.interval().tolist(), known.contraction(), strict=True)
        return {
            "ranks": self.ranks,
            "seconds": self.seconds,
            "calibration": {
                **counts(known.cost),
                "kind": known.kind,
                "certified": known.certificate.passed if known.certificate is not None else None,
                "known": {
                    name: {"mean": float(mean), "interval": bounds, "truth": TRUTH[name], "contraction": float(share)}
                    for name, mean, bounds, share in places
                },
            },
            "decision": {
                **counts(self.cost),
                "draws": len(found.draws),
                "chosen": found.chosen,
                "at_mean": [one.name for one in found.judged if one.plug_in["success"]],
                "blades": {name: self._blade(name) for name in self.scene.widths},
            },
        }

    def _blade(self, name: str) -> dict[str, float]:
        one, runs = self.experiment[name], self.experiment.results[name]
        assert one.harm is not None
        low, high = weighted_quantiles(runs["near"], self.experiment.weights, [0.025, 0.975]).tolist()
        return {
            "harm": one.harm.value,
            "harm_error": one.harm.error,
            "near_low": low,
            "near_high": high,
            "near_mean": float(self.experiment.weights @ runs["near"]),
            "whole_mean": float(self.experiment.weights @ runs["whole"]),
            "whole_most": float(runs["whole"].max()),
            "near_at_mean": float(self.experiment.certain[name]["near"]),
            "near_in_patient": self.fate[name],
        }


def counts(cost: Cost) -> dict[str, int]:
    """Solves that were done now, those with derivatives among them, were known from before, and failed."""
    return {
        "solves": cost.total,
        "linearised": cost.linearised,
        "recalled": cost.recalled,
        "failed": len(cost.failures),
    }


def write(found: Found, scenery: Picture | None, out: Path) -> None:
    """Write figures, pictures and both reports. Rank 0 only."""
    (out / "decision.json").write_text(json.dumps(found.figures(), indent=1), "utf-8")
    picture = risk(
        found.experiment,
        "near",
        LIMIT,
        along=f"{TISSUE} within {found.scene.within:g} mm beyond {100 * STRAIN:g} % fiber strain, %",
        scale=100,
        truth=found.fate,
    )
    (out / "retraction.png").write_bytes(picture.png)
    pictures = {"What each blade would do": picture} | ({"The blades": scenery} if scenery is not None else {})
    write_decision_report(
        found.experiment, out / "report.html", title=f"Which blade, {found.scene.depth:g} mm deep?", pictures=pictures
    )
    write_calibration_report(found.posterior, out / "calibration.html", title="Stiffness from markers", truth=TRUTH)


def main(arguments: argparse.Namespace, comm: MPI.Comm = MPI.COMM_WORLD) -> None:
    """Make a patient up, calibrate, compare, tell, draw. Collective."""
    configure(comm.rank)
    scan = on_root(comm, demo.small_crop if arguments.small else demo.find_scan)
    scene, out = BRAIN if scan.whole else BLOCK, arguments.out
    folders = {name: out / name for name in ("patient", "calibration", "decision")}
    on_root(comm, lambda: [folder.mkdir(parents=True, exist_ok=True) for folder in folders.values()])
    base = demo.case(scan, comm)
    case = prepared(base.replace({"anatomy.edge": arguments.edge}) if arguments.edge else base, scene)
    made_up(case, scene, folders["patient"], comm)
    asked = measured(case, folders["patient"], arguments.budget, arguments.method)
    on_root(comm, lambda: (out / "case.toml").write_text(asked.to_toml(), "utf-8"))
    with clock(comm) as learning:
        posterior = calibrated(asked, folders["calibration"], comm)
    with clock(comm) as deciding:
        models, scenery = blades(case, scene, folders["decision"], comm)
        experiment = compared(posterior, models, arguments.draws)
    fate = became(case, scene, folders["patient"], comm)
    cost = sum((model.cost for model in models.values()), Cost())
    seconds = {"calibration": learning, "decision": deciding}
    found = Found(scene, fate, posterior, experiment, cost, seconds, comm.size)
    if comm.rank == 0:
        print(*found.sentences(), sep="\n")
    on_root(comm, lambda: write(found, scenery, out))


@contextmanager
def clock(comm: MPI.Comm) -> Iterator[dict[str, float]]:
    """Wall seconds of a block, and processor seconds of all ranks together. Collective."""
    spent: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent["wall_s"] = round(time.perf_counter() - wall, 1)
    spent["cpu_s"] = round(comm.allreduce(time.process_time() - cpu), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/retraction"), help="folder of the results")
    parser.add_argument("--draws", type=int, default=32, help="draws of the posterior on which blades are compared")
    parser.add_argument("--budget", type=int, default=65, help="most solves of the calibration")
    parser.add_argument("--method", default="auto", help="of the calibration, as [calibrate] has it")
    parser.add_argument("--edge", help="edges of the model's mesh, 6.3 mm if left out; coarser is faster")
    parser.add_argument("--small", action="store_true", help="the small crop instead of the whole brain")
    main(parser.parse_args())
