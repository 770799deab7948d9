"""Which dose of an anti-seizure drug for this patient: learned visit by visit, chosen under risk.

python examples/dose/dose.py [-o FOLDER]
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fibertwin.calibration import (
    Batch,
    Constraint,
    Experiment,
    Formulas,
    LogNormal,
    Parameter,
    Reading,
    Space,
    TruncatedNormal,
    Twin,
    read_batch,
    virtual_experiment,
)
from fibertwin.calibration.ode import effect

VISITS = Path(__file__).parent / "visits.csv"
CONTROL = 4.0
"""Seizures a month up to which they count as controlled."""

TOXIC, SENSITIVITY = 22.0, 0.25
"""Concentration, mg/L, at which half of all patients have side effects, and the spread of its logarithm."""

LIMIT = 0.10
"""Most risk of side effects that is accepted."""

DOSES = {f"{dose} mg": float(dose) for dose in range(0, 1201, 50)}

POPULATION = Space(
    (
        Parameter("rate", LogNormal(9.0, 0.5), "/month"),
        Parameter("Emax", TruncatedNormal(0.75, 0.2, 0.0, 1.0)),
        Parameter("EC50", LogNormal(6.0, 0.6), "mg/L"),
        Parameter("clearance", LogNormal(1.6, 0.35), "L/h"),
    )
)
"""What is known of all patients before this one is seen: seizures without the drug, its most effect, the concentration
of half that effect, and how much blood is cleared of it."""


def concentration(theta, reading: Reading):
    """Steady concentration, mg/L, at a daily dose in mg."""
    return dict(reading.given)["dose"] / (24 * theta[3])


def seizures(theta, reading: Reading):
    """Seizures expected in a month: those that the drug does not prevent, E(C) = Emax C/(EC50 + C)."""
    return theta[0] * (1 - effect(concentration(theta, reading), theta[1], theta[2]))


PATIENT = Formulas(POPULATION.names, {"concentration": concentration, "seizures": seizures}, "dose and effect")


def learned() -> list[Twin]:
    """The twin after each visit."""
    everything, twins = read_batch(VISITS), []
    twin = Twin(PATIENT, POPULATION)
    for quarter in range(4):
        visit = tuple(reading for reading in everything.readings if (reading.time - 1) // 3 == quarter)
        twin = twin.assimilate(Batch(visit, everything.source))
        twins.append(twin)
    return twins


def outcomes(theta, dose: float, chance: np.random.Generator):
    """What a dose does: seizures a month and how far the concentration is below this patient's toxic one."""
    level = dose / (24 * theta[:, 3])
    toxic = TOXIC * np.exp(SENSITIVITY * chance.standard_normal(len(theta)) * (len(theta) > 1))
    return {"seizures": theta[:, 0] * (1 - effect(level, theta[:, 1], theta[:, 2])), "margin": toxic / level.clip(1e-9)}


def controlled(run):
    """Whether seizures are few."""
    return run["seizures"] <= CONTROL


def harmed(run):
    """Whether there are side effects."""
    return run["margin"] < 1


def well(run):
    """Whether seizures are few and there are no side effects."""
    return controlled(run) & ~harmed(run)


def compared(known, utility=controlled, wanted: float = 0.0) -> Experiment:
    """All doses, for what is known of a patient; with a probability of control that is wanted, if any."""
    return virtual_experiment(
        known,
        DOSES,
        outcomes,
        utility,
        [
            Constraint("side effects", harmed, LIMIT),
            *([Constraint("control", controlled, wanted, at_least=True)] if wanted else []),
        ],
        success=controlled,
        harm=harmed,
        seed=1,
    )


@dataclass(frozen=True)
class Count:
    """Seizures counted at a dose for some months, which could be done before choosing."""

    dose: float
    months: int

    def __call__(self, theta, random: np.random.Generator):
        """Counts that might come out."""
        level = self.dose / (24 * theta[:, 3])
        return random.poisson(self.months * theta[:, 0] * (1 - effect(level, theta[:, 1], theta[:, 2])))


def main(out: Path) -> None:
    """Tell and draw."""
    out.mkdir(parents=True, exist_ok=True)
    twins = learned()
    print(twins[-1].table(), *twins[-1].known.sentences(), sep="\n")
    before, after = compared(POPULATION.theta(_even(4000))), compared(twins[-1])
    print("\nAs one of the population:", *before.sentences(), sep="\n")
    print("\nAs this patient:", *after.sentences(), sep="\n")
    print(after.table())
    both = compared(twins[-1], utility=well)
    print(f"\nControl without side effects: {both[both.chosen or 'none'].utility} at {both.chosen}.")
    print(f"It would rise by {both.value_of_knowing} were all known of the patient,", end=" ")
    print(f"by {both.value_of_measuring(Count(500.0, 3))} if seizures were counted at 500 mg for three months more.")
    print("\nWere control wanted for 95 %:", *compared(twins[-1], wanted=0.95).sentences()[:1], sep="\n")
    with (out / "doses.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["dose_mg", "control", "side_effects", "best", "allowed"])
        for one in after.judged:
            chances = [f"{p.value:.4f}" for p in (one.success, one.harm) if p is not None]
            writer.writerow([DOSES[one.name], *chances, f"{one.best:.4f}", one.allowed])
    draw(out / "dose.png", twins, before, after)
    print(f"\n{out / 'dose.png'}, {out / 'doses.csv'}")


def draw(path: Path, twins: list[Twin], before: Experiment, after: Experiment) -> None:
    """What is learned of the effect, and what each dose would do."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    levels = np.linspace(0.0, 40.0, 200)
    for known, color, name in (
        (POPULATION.theta(_even(2000)), "0.6", "population"),
        (twins[-1].known.resample(2000), "tab:blue", "this patient"),
    ):
        curves = known[:, :1] * (1 - effect(levels[None], known[:, 1:2], known[:, 2:3]))
        low, middle, high = np.quantile(curves, [0.025, 0.5, 0.975], axis=0)
        left.fill_between(levels, low, high, color=color, alpha=0.25, lw=0)
        left.plot(levels, middle, color=color, label=name)
    counted = [reading for reading in twins[-1].readings if reading.name == "seizures"]
    expected = twins[-1].known.mean()
    left.plot(
        [concentration(expected, r) for r in counted], [r.value for r in counted], "ko", label="counted in a month"
    )
    left.axhline(CONTROL, color="tab:green", ls=":", label="controlled")
    left.set(xlabel="concentration, mg/L", ylabel="seizures a month", ylim=(0, 25), xlim=(0, 40))
    left.legend(frameon=False)
    doses = np.array([DOSES[one.name] for one in after.judged])
    for found, style in ((before, "--"), (after, "-")):
        for event, color in (("success", "tab:green"), ("harm", "tab:red")):
            values = np.array([getattr(one, event).value for one in found.judged])
            name = {"success": "control", "harm": "side effects"}[event] if style == "-" else None
            right.plot(doses, values, style, color=color, label=name)
    right.plot([], [], "k--", label="as one of the population")
    right.axhline(LIMIT, color="0.5", ls=":", lw=1)
    for name, color, words in ((after.chosen, "black", "chosen"), (after.naive, "tab:orange", "chosen if certain")):
        if name is not None:
            right.axvline(DOSES[name], color=color, lw=1, label=f"{words}: {name}")
    right.set(xlabel="daily dose, mg", ylabel="probability", ylim=(0, 1), xlim=(0, doses.max()))
    right.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _even(count: int):
    """Points under a standard normal that are spread evenly."""
    from scipy.stats import norm, qmc

    return norm.ppf(qmc.Halton(POPULATION.size, rng=np.random.default_rng(0)).random(count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/dose"), help="folder of the results")
    main(parser.parse_args().out)
