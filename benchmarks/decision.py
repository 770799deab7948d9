"""Choices under risk next to closed forms, and their promises next to what becomes of made-up patients.

python benchmarks/decision.py [--patients N] [--json]
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from _table import Row, below, clock, judged, main, told
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent.parent / "examples" / "dose"))

import dose as example

from fibertwin.calibration import Batch, Constraint, Reading, Twin, virtual_experiment
from fibertwin.calibration.ode import effect

HALF, SPREAD, MOST, WANTED, CLEARANCE, WIDE, TOXIC = 4.0, 0.5, 0.9, 0.6, 5.0, 0.3, 14.0
"""EC50 lognormal with a spread, Emax known; concentration is dose over a lognormal clearance."""

STEP = 1.0
DOSES = {f"{dose:g}": float(dose) for dose in np.arange(5.0, 105.0, STEP)}
LIMIT = 0.1


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All of it."""
    return [*lognormal(), *errors(), *information(), *common(), *promises(arguments.patients)]


def dosing(draws: np.ndarray, wanted: float = 0.0):
    """Doses for lognormal draws (n, 2) of EC50 and clearance."""

    def outcomes(theta, dose, chance):
        level = dose / theta[:, 1]
        return {"effect": effect(level, MOST, theta[:, 0]), "level": level}

    return virtual_experiment(
        draws,
        DOSES,
        outcomes,
        lambda run: run["effect"] >= WANTED,
        [
            Constraint("toxicity", lambda run: run["level"] > TOXIC, LIMIT),
            Constraint("effect", lambda run: run["effect"] >= WANTED, wanted, at_least=True),
        ],
        success=lambda run: run["effect"] >= WANTED,
        harm=lambda run: run["level"] > TOXIC,
    )


def drawn(count: int, seed: int) -> np.ndarray:
    """Draws (n, 2)."""
    u = np.random.default_rng(seed).standard_normal((count, 2))
    return np.stack([HALF * np.exp(SPREAD * u[:, 0]), CLEARANCE * np.exp(WIDE * u[:, 1])], axis=1)


def exact(dose):
    """P(E >= wanted), P(toxic): both are those of a lognormal number."""
    success = stats.norm.cdf(np.log(dose * (MOST / WANTED - 1) / (HALF * CLEARANCE)) / math.hypot(SPREAD, WIDE))
    return success, stats.norm.cdf(np.log(dose / TOXIC / CLEARANCE) / WIDE)


def lognormal() -> list[Row]:
    """Probabilities and the dose next to closed forms."""
    with clock() as time:
        found = dosing(drawn(20_000, 1))
    success, harm = exact(np.array(list(DOSES.values())))
    off = [
        abs(estimate.value - truth) / estimate.error
        for one, *truths in zip(found.judged, success, harm, strict=True)
        for estimate, truth in zip((one.success, one.harm), truths, strict=True)
    ]
    best = TOXIC * CLEARANCE * math.exp(WIDE * stats.norm.ppf(LIMIT))
    chosen = DOSES[found.chosen] if found.chosen is not None else math.nan
    none = dosing(drawn(2000, 1), 0.9).sentences()[0]
    naive = found[found.naive or "5"]
    promise = f"P(effect) {naive.success.value:.2f}, P(toxic) {naive.harm.value:.2f}"
    return [
        below(
            f"P(effect) and P(toxic) of {len(DOSES)} doses next to closed forms, worst, errors",
            4.0,
            max(off),
            str(time),
        ),
        below(
            "chosen dose next to the closed form's greatest that is allowed, grid steps", 1.0, abs(chosen - best) / STEP
        ),
        judged("constraints that nothing satisfies are said", "said", none, none.startswith("No candidate satisfies")),
        told(
            "dose chosen at the mean, where effect is certain and toxicity is not: what it does",
            f"{naive.name}: {promise}",
        ),
    ]


def errors() -> list[Row]:
    """How often the truth lies within two Monte-Carlo errors."""
    within = []
    success, harm = exact(50.0)
    for seed in range(400):
        one = dosing(drawn(300, seed))["50"]
        within += [
            abs(estimate.value - truth) < 1.96 * estimate.error
            for estimate, truth in ((one.success, success), (one.harm, harm))
        ]
    share = float(np.mean(within))
    return [judged("Monte-Carlo errors of 300 draws: 95 % of them hold", "0.92 to 0.98", share, 0.92 <= share <= 0.98)]


def information() -> list[Row]:
    """Values of knowing and of measuring, next to Raiffa & Schlaifer's unit normal loss."""
    spread, noise, rows = 1.5, 2.0, []
    for mean in (0.0, 0.5):
        draws = (mean + spread * np.random.default_rng(3).standard_normal(40_000))[:, None]
        found = virtual_experiment(draws, {"no": 0.0, "yes": 1.0}, lambda t, c, r: {"gain": c * t[:, 0]}, "gain")
        seen = found.value_of_measuring(lambda t, random: t + noise * random.normal(size=t.shape))

        def loss(s, mean=mean):
            return s * (stats.norm.pdf(mean / s) - mean / s * stats.norm.sf(mean / s))

        before = spread**2 / math.hypot(spread, noise)
        rows += [
            below(
                f"value of knowing, prior mean {mean}: off the closed form, relative",
                0.03,
                abs(found.value_of_knowing.value / loss(spread) - 1),
            ),
            below(
                f"value of measuring, prior mean {mean}: off the closed form, relative",
                0.03,
                abs(seen.value / loss(before) - 1),
            ),
        ]
    return rows


def common() -> list[Row]:
    """What numbers in common save."""

    def outcomes(theta, shift, random):
        return {"y": np.exp(0.3 * theta[:, 0]) * (1 + shift) + random.normal(size=len(theta))}

    draws = np.random.default_rng(4).standard_normal((2000, 1))
    found = virtual_experiment(draws, {"a": 0.0, "b": 0.05}, outcomes, "y")
    apart = math.hypot(found["a"].utility.error, found["b"].utility.error)
    return [
        told(
            "error of a difference of two candidates with their own numbers at random, over that with common ones",
            apart / found["a"].behind.error,
        )
    ]


def promises(patients: int) -> list[Row]:
    """Patients drawn from the population of the example: what was promised of the dose, and what became of them."""
    random = np.random.default_rng(5)
    space, kept = example.POPULATION, []
    policies = {
        "posterior": lambda known, found: found.chosen,
        "plug-in at the mean": lambda known, found: found.naive,
    }
    everyone = example.compared(space.theta(random.normal(size=(4000, 4)))).chosen
    with clock() as time:
        for seed in range(patients):
            theta = space.theta(random.normal(size=4))
            found = example.compared(Twin(example.PATIENT, space, seed=seed).assimilate(visits(theta, random)))
            toxic = example.TOXIC * math.exp(example.SENSITIVITY * random.normal())
            row = {}
            for name, policy in policies.items():
                chosen = policy(theta, found) or "0 mg"
                row[name] = (found[chosen].success.value, found[chosen].harm.value, *fate(theta, chosen, toxic))
            kept.append([*row["posterior"], *row["plug-in at the mean"], *fate(theta, everyone, toxic)])
    figures = np.array(kept, dtype=float)
    mean = figures.mean(axis=0)
    off = [
        abs(mean[i] - mean[i + 2]) / math.sqrt((figures[:, i] * (1 - figures[:, i])).sum()) * patients for i in (0, 1)
    ]
    cost = f"{time}, {patients} patients"
    return [
        below("control promised of chosen doses next to what became of patients, standard errors", 3.0, off[0], cost),
        below("side effects promised next to what became of them, standard errors", 3.0, off[1]),
        told("control: promised, and so", f"{mean[0]:.3f}, {mean[2]:.3f}"),
        told("side effects: promised, and so", f"{mean[1]:.3f}, {mean[3]:.3f}"),
        told("plug-in at the mean: control, side effects", f"{mean[6]:.3f}, {mean[7]:.3f}"),
        told("one dose for all of the population: control, side effects", f"{mean[8]:.3f}, {mean[9]:.3f}"),
    ]


def visits(theta: np.ndarray, random: np.random.Generator) -> Batch:
    """A year of a patient: counts each month, a concentration each quarter."""
    readings = []
    for month in range(12):
        given = (("dose", 200.0 * (month // 3)),)
        at = Reading("seizures", 0.0, None, month + 1.0, "count", given)
        count = float(random.poisson(example.seizures(theta, at)))
        readings.append(Reading("seizures", count, None, month + 1.0, "count", given))
        if month % 3 == 0 and month:
            level = float(example.concentration(theta, at))
            readings.append(
                Reading("concentration", level * (1 + 0.1 * random.normal()), 0.1 * level, month + 1.0, given=given)
            )
    return Batch(tuple(readings))


def fate(theta: np.ndarray, name: str, toxic: float) -> tuple[float, float]:
    """Whether a patient is controlled, and has side effects."""
    level = example.DOSES[name] / (24 * theta[3])
    return float(theta[0] * (1 - effect(level, theta[1], theta[2])) <= example.CONTROL), float(level > toxic)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100, help="made-up patients who are treated")
    main(measure, parser)
