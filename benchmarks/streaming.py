"""Twins that learn as data come: next to batches, textbooks and patients who are known; in solves of their models.

    python benchmarks/streaming.py [--patients N] [--body] [--picture FILE] [--json]

The tissue is a sheet under biaxial stretch, which has a closed form; what counts is how often it is asked.
"""

import argparse
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from _stretched import NAMES, OUTPUTS, TRUTH, model, space
from _table import Row, below, clock, judged, main, told
from scipy import stats

from fibertwin.calibration import Formula, LogNormal, Normal, Parameter, Space
from fibertwin.calibration.change import Walking
from fibertwin.calibration.ensemble import ensemble_filtered
from fibertwin.calibration.filters import Belief, filtered, linear, looked_back
from fibertwin.calibration.laplace import Bell
from fibertwin.calibration.predictors import Formulas, Outputs
from fibertwin.calibration.readings import Batch, Reading
from fibertwin.calibration.surrogate import temper
from fibertwin.calibration.twin import Twin


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All of it."""
    if arguments.picture is not None:
        picture(arguments.picture)
    return [
        *conjugate(),
        *kalman(),
        *tempered(),
        *load_steps(arguments.repeats),
        *(on_a_mesh() if arguments.body else []),
        *orders(),
        *drift(arguments.patients),
        *alarms(arguments.patients),
    ]


def conjugate() -> list[Row]:
    """A linear model with normal beliefs, read in every kind of split."""
    random = np.random.default_rng(0)
    worst, shares = 0.0, []
    with clock() as time:
        for _ in range(10):
            A, truth = random.normal(size=(12, 3)), random.normal(size=3)
            y = A @ truth + 0.3 * random.normal(size=12)
            names, outputs = ("p", "q", "r"), tuple(f"y{i}" for i in range(12))
            beliefs = Space(tuple(Parameter(name, Normal(0.0, 1.0)) for name in names))
            twin = Twin(Outputs(Formula(names, lambda theta, A=A: A @ theta), outputs), beliefs)
            rows = [Reading(name, float(v), 0.3) for name, v in zip(outputs, y, strict=True)]
            ends = np.sort(random.choice(np.arange(1, 12), 3, replace=False))
            for part in np.split(random.permutation(12), ends):
                twin = twin.assimilate(Batch(tuple(rows[i] for i in part)))
            covariance = np.linalg.inv(np.eye(3) + A.T @ A / 0.09)
            evidence = stats.multivariate_normal(np.zeros(12), A @ A.T + 0.09 * np.eye(12)).logpdf(y)
            worst = max(
                worst,
                np.abs(twin.known.mean() - covariance @ A.T @ y / 0.09).max(),
                np.abs(twin.known.covariance() - covariance).max(),
                abs(sum(update.increment for update in twin.updates) - evidence),
            )
            shares.append(twin.cost.total)
    return [below("linear and normal: twin after four batches next to conjugate algebra", 1e-10, worst, str(time))]


def kalman() -> list[Row]:
    """Filters and smoother next to the joint normal distribution of all states; ensembles next to the filter."""
    A, H = np.array([[1.0, 0.5], [-0.3, 0.8]]), np.array([[1.0, 0.3]])
    Q, R, k = np.array([[0.3, 0.1], [0.1, 0.2]]), np.array([[0.5]]), 12
    start = Belief(np.array([1.0, -1.0]), np.array([[2.0, 0.3], [0.3, 1.0]]))
    random = np.random.default_rng(1)
    y = random.normal(size=(k, 1)) * 2
    state = linear(A, H, Q, R)
    mean, cov = [start.mean], np.zeros((2 * k, 2 * k))
    cov[:2, :2] = start.covariance
    for i in range(1, k):
        mean.append(A @ mean[-1])
        a, b = slice(2 * i - 2, 2 * i), slice(2 * i, 2 * i + 2)
        cov[b, : 2 * i] = A @ cov[a, : 2 * i]
        cov[: 2 * i, b] = cov[b, : 2 * i].T
        cov[b, b] = A @ cov[a, a] @ A.T + Q
    big = np.kron(np.eye(k), H)
    gain = np.linalg.solve(big @ cov @ big.T + np.kron(np.eye(k), R), big @ cov).T
    all_means = (np.concatenate(mean) + gain @ (y.ravel() - big @ np.concatenate(mean))).reshape(k, 2)
    all_covs = cov - gain @ big @ cov
    rows = []
    for way in ("extended", "unscented"):
        whole, worst = filtered(state, start, y, way), 0.0
        for split in range(1, k):
            begun = filtered(state, start, y[:split], way)
            found = begun.then(filtered(state, begun.ahead, y[split:], way, split))
            back = looked_back(found)
            worst = max(
                worst,
                np.abs(found.means - whole.means).max(),
                np.abs(np.array([belief.mean for belief in back]) - all_means).max(),
                max(
                    np.abs(b.covariance - all_covs[2 * i : 2 * i + 2, 2 * i : 2 * i + 2]).max()
                    for i, b in enumerate(back)
                ),
            )
        rows.append(below(f"{way} filter and smoother, any split, next to the joint distribution", 1e-10, worst))
    whole, sizes, errors = filtered(state, start, y), (25, 100, 400, 1600), []
    with clock() as time:
        for size in sizes:
            apart = []
            for seed in range(20):
                random = np.random.default_rng([seed, size])
                members = random.multivariate_normal(start.mean, start.covariance, size)
                apart.append(ensemble_filtered(state, members, y, random).updated.mean(axis=1) - whole.means)
            errors.append(float(np.sqrt((np.array(apart) ** 2).mean())))
    rate = float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
    rows.append(judged("error of an ensemble of N: power of N", "-0.5 ± 0.1", rate, abs(rate + 0.5) <= 0.1, str(time)))
    return rows


def tempered() -> list[Row]:
    """Log evidence of tempered particles next to the conjugate one."""
    random = np.random.default_rng(2)
    A = random.normal(size=(20, 3))
    y = A @ random.normal(size=3) + 0.2 * random.normal(size=20)
    exact = stats.multivariate_normal(np.zeros(20), A @ A.T + 0.04 * np.eye(20)).logpdf(y)

    def density(z):
        misfit = (((y - z @ A.T) / 0.2) ** 2).sum(axis=1) + (z**2).sum(axis=1)
        return -0.5 * misfit - 20 * np.log(0.2) - 0.5 * 23 * np.log(2 * np.pi)

    bell = Bell(np.zeros((1, 3)), np.eye(3)[None], np.ones(1))
    found, stages = [], []
    with clock() as time:
        for seed in range(20):
            random = np.random.default_rng(seed)
            particles = temper(density, bell.draws(1000, random), bell.log_densities, random)
            found.append(particles.log_evidence)
            stages.append(particles.stages)
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    off = abs(np.mean(found) - exact) / error
    return [
        below(
            "log evidence by tempered particles, next to the conjugate value, Monte-Carlo errors", 3.0, off, str(time)
        ),
        told("spread of one such log evidence with 1000 particles from the prior", float(np.std(found, ddof=1))),
        told("temperatures", float(np.mean(stages))),
    ]


def sheet(seed: int, drawn: bool = False, sd: float = 0.02) -> tuple[Twin, list[tuple[Reading, ...]]]:
    """A twin of the stretched sheet and readings of its three load steps; its truth is one, or drawn from the prior."""
    random = np.random.default_rng(seed)
    truth = space().theta(random.normal(size=len(NAMES))) if drawn else TRUTH
    y = model().solve(truth) + sd * random.normal(size=len(OUTPUTS))
    rows = [Reading(name, float(v), sd) for name, v in zip(OUTPUTS, y, strict=True)]
    third = len(rows) // 3
    twin = Twin(Outputs(model(), OUTPUTS), space(), seed=seed)
    return twin, [tuple(rows[third * i : third * (i + 1)]) for i in range(3)]


def load_steps(repeats: int) -> list[Row]:
    """Three load steps one by one, next to all at once."""
    means, sds, shares, costs = [], [], [], []
    with clock() as time:
        for seed in range(repeats):
            twin, steps = sheet(seed)
            batch = twin.assimilate(Batch(sum(steps, ())))
            one_by_one = twin
            for step in steps:
                one_by_one = one_by_one.assimilate(Batch(step))
            sd = batch.known.sd()
            means.append(np.abs((one_by_one.known.mean() - batch.known.mean()) / sd).max())
            sds.append(np.abs(one_by_one.known.sd() / sd - 1).max())
            shares.append(one_by_one.cost.total / batch.cost.total)
            costs.append((batch.cost.total, [update.cost.total for update in one_by_one.updates]))
    said = f"{costs[0][0]} at once, {' + '.join(map(str, costs[0][1]))} one by one"
    return [
        below(f"three load steps one by one: means off by sds, worst of {len(NAMES)} × {repeats}", 0.2, max(means)),
        below("the same: sds off, worst", 0.1, max(sds), str(time)),
        below("the same: solves, next to the batch's, worst", 1.3, max(shares), said),
    ]


def on_a_mesh() -> list[Row]:
    """Three load steps of a cube, every solve an equilibrium."""
    import _posterior_body as bodies

    cube = bodies.body(2)
    target = bodies.observed(cube, 0)
    levels = np.repeat([1 / 3, 2 / 3, 1.0], len(cube.numbers) // 3).tolist()
    rows = [
        Reading(name, value, bodies.SD, time)
        for name, value, time in zip(cube.numbers, target.measurement.values, levels, strict=True)
    ]
    empty = Twin(Outputs(cube, cube.numbers, tuple(levels)), target.space)
    with clock() as at_once:
        batch = empty.assimilate(Batch(tuple(rows)))
    with clock() as in_turn:
        twin = empty
        for level in sorted(set(levels)):
            twin = twin.assimilate(Batch(tuple(row for row in rows if row.time == level)))
    sd = batch.known.sd()
    costs = " + ".join(str(update.cost.total) for update in twin.updates)
    return [
        below(
            "cube on a mesh, three load steps one by one: means off by sds",
            0.2,
            float(np.abs((twin.known.mean() - batch.known.mean()) / sd).max()),
            str(in_turn),
        ),
        below("the same: sds off", 0.1, float(np.abs(twin.known.sd() / sd - 1).max()), str(at_once)),
        below(
            "the same: solves, next to the batch's",
            1.3,
            twin.cost.total / batch.cost.total,
            f"{batch.cost.total} at once, {costs} one by one",
        ),
    ]


def orders() -> list[Row]:
    """All orders of three batches."""
    twin, steps = sheet(1)
    found = []
    with clock() as time:
        for order in permutations(steps):
            learned = twin
            for step in order:
                learned = learned.assimilate(Batch(step))
            found.append((learned.known.mean(), learned.known.sd(), learned.updates[-1].log_evidence))
    means, sd = np.array([f[0] for f in found]), np.mean([f[1] for f in found], axis=0)
    spread = float((np.ptp(means, axis=0) / sd).max())
    evidence = float(np.ptp([f[2] for f in found]))
    return [
        below("six orders of three batches: range of means in sds", 0.1, spread, str(time)),
        below("the same: range of log evidence", 0.1, evidence),
    ]


def drift(patients: int) -> list[Row]:
    """A stiffness that rises by 30 %: at once, and by and by; who walks follows, who stands still does not."""
    beliefs = Space((Parameter("k", LogNormal(1.0, 0.5), "kPa"),))
    stretch = np.array([0.05, 0.1, 0.15])

    def stress(theta, reading):
        return theta[0] * np.expm1(4 * dict(reading.given)["strain"]) / 4

    twin = Twin(Formulas(("k",), {"stress": stress}), beliefs, Walking(0.2))
    sd = 0.03 * np.expm1(4 * stretch) / 4
    rows = []
    for name, change in (
        ("at once", np.r_[np.ones(5), np.full(5, 1.3)]),
        ("over six observations", np.r_[np.ones(3), np.linspace(1.05, 1.3, 6), 1.3, 1.3]),
    ):
        covered, off, still = [], [], []
        jumped = int(np.argmax(change >= 1.3 - 1e-12))
        for seed in range(patients):
            random = np.random.default_rng([seed, 9])
            truth = float(beliefs.theta(random.normal(size=1))[0]) * change
            learned, rest = twin, []
            for t, k in enumerate(truth):
                y = k * np.expm1(4 * stretch) / 4 + k * sd * random.normal(size=3)
                batch = Batch(
                    tuple(
                        Reading("stress", float(v), float(k * s), float(t), given=(("strain", float(e)),))
                        for v, s, e in zip(y, sd, stretch, strict=True)
                    )
                )
                learned = learned.assimilate(batch)
                rest.append(batch)
                low, high = learned.known.interval()[0]
                if t == jumped + 2:
                    off.append(abs(learned.known.mean()[0] / k - 1))
                if (t < jumped - 1 and name == "at once") or t >= jumped + 2 or name != "at once":
                    covered.append(low < k < high)
            if seed < 20:
                stiff = replace(twin, change=Walking(0.0))
                for batch in rest[: jumped + 3]:
                    stiff = stiff.assimilate(batch)
                still.append(abs(stiff.known.mean()[0] / truth[jumped + 2] - 1))
        share = float(np.mean(covered))
        rows += [
            below(
                f"stiffness up by 30 % {name}: error at the third observation after, mean", 0.05, float(np.mean(off))
            ),
            judged("the same: 95 % bands cover", "0.90 to 0.98", share, 0.90 <= share <= 0.98, f"{len(covered)} bands"),
            told("the same: error of a twin that takes the patient as unchanged", float(np.mean(still))),
        ]
    return rows


def alarms(patients: int) -> list[Row]:
    """How often data are called a surprise: of patients who stay, and of those who stiffen by 30 %."""
    same, changed = [], []
    with clock() as time:
        for seed in range(patients // 4):
            twin, steps = sheet(seed, drawn=True)
            twin = twin.assimilate(Batch(steps[0]))
            same.append(twin.assimilate(Batch(steps[1])).updates[-1].surprise.chance)
            stiffer = tuple(replace(reading, value=1.3 * reading.value) for reading in steps[1])
            changed.append(twin.assimilate(Batch(stiffer)).updates[-1].surprise.chance)
    even = float(stats.kstest(same, "uniform").pvalue)
    return [
        judged("chance of data as expected is even: p of Kolmogorov's test", "> 0.01", even, even > 0.01, str(time)),
        judged(
            "patients 30 % stiffer who are called a surprise, part",
            ">= 0.95",
            float(np.mean(np.array(changed) < 0.01)),
            bool(np.mean(np.array(changed) < 0.01) >= 0.95),
        ),
        told("patients who stay as they are, called a surprise, part", float(np.mean(np.array(same) < 0.01))),
    ]


def picture(path: Path) -> None:
    """A patient who stiffens, seen by a twin that walks and by one that stands still."""
    import matplotlib.pyplot as plt

    beliefs = Space((Parameter("k", LogNormal(1.0, 0.5), "kPa"),))
    random, times = np.random.default_rng(0), np.arange(14.0)
    truth = np.where(times < 6, 1.0, 1.3)
    rows = [
        Batch((Reading("k", float(k * (1 + 0.05 * random.normal())), float(0.05 * k), float(t)),))
        for t, k in zip(times, truth, strict=True)
    ]
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for change, color, name in ((Walking(0.0), "0.6", "stands still"), (Walking(0.2), "tab:blue", "walks")):
        twin, means, bands, odd = Twin(Formulas(("k",), {"k": lambda q, r: q[0]}), beliefs, change), [], [], []
        for batch in rows:
            twin = twin.assimilate(batch)
            means.append(twin.known.mean()[0])
            bands.append(twin.known.interval()[0])
            surprise = twin.updates[-1].surprise
            odd.append(surprise is not None and surprise.odd)
        axes.fill_between(times, *np.array(bands).T, color=color, alpha=0.3, lw=0)
        axes.plot(times, means, color=color, label=f"twin that {name}, 95 %")
        if name == "stands still":
            axes.plot(times[odd], np.array(means)[odd], "x", color="tab:red", label="data are a surprise")
    axes.plot(times, truth, "k:", drawstyle="steps-mid", label="truth")
    axes.plot(times, [batch.readings[0].value for batch in rows], "k.", label="measured, sd 5 %")
    axes.set(xlabel="observation", ylabel="stiffness, kPa", ylim=(0.8, 1.6))
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100, help="synthetic patients whose stiffness drifts")
    parser.add_argument("--repeats", type=int, default=5, help="sheets read one by one and at once")
    parser.add_argument("--body", action="store_true", help="load steps of a cube on a mesh too; takes minutes")
    parser.add_argument("--picture", type=Path, help="draw a patient who stiffens into this file")
    main(measure, parser)
