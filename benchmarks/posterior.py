"""What a calibration finds next to algebra, long no-U-turn chains, and the truth of made-up patients.

    python benchmarks/posterior.py [--patients N] [--draws N] [--body-draws N] [--only PART] [--figures DIR] [--json]

Parts: exact, reference, calibration, trouble, tissue, body, workers. Seconds are of the processor. ``tissue``
calibrates published laws to the measured curves that come with fibertwin; ``--figures`` draws the cortex. ``body``
solves a mesh, ``workers`` calibrates the block of examples/calibration on one model and on two workers.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _posterior_models import NAMES, SPACE, TRUTH, Brittle, patient
from _table import Clock, Row, below, clock, judged, main, told

from fibertwin.calibration import (
    BenchTests,
    Correlated,
    Formula,
    Gaussian,
    LogNormal,
    Measurement,
    Normal,
    Parameter,
    Posterior,
    Space,
    Target,
    UnknownScale,
    calibrate,
    compare,
    discrepant,
    identifiability,
    profile,
)

SD = 0.05
"""Noise of the specimen's stress, kPa."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All parts, or one."""
    parts: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
        "exact": exact,
        "reference": reference,
        "calibration": calibration,
        "trouble": trouble,
        "tissue": tissue,
        "body": body,
        "workers": workers,
    }
    chosen = parts if arguments.only is None else {arguments.only: parts[arguments.only]}
    return [row for part in chosen.values() for row in part(arguments)]


def exact(arguments: argparse.Namespace) -> list[Row]:
    """A linear model with normal beliefs, against conjugate algebra."""
    from scipy import stats

    random = np.random.default_rng(0)
    A, b = random.normal(size=(9, 4)), random.normal(size=9)
    mean, sd, noise = random.normal(size=4), 0.5 + random.uniform(size=4), 0.1 + random.uniform(size=9)
    y = A @ (mean + sd * random.normal(size=4)) + b + noise * random.normal(size=9)
    space = Space(tuple(Parameter(n, Normal(m, s)) for n, m, s in zip(NAMES, mean, sd, strict=True)))
    with clock() as time:
        found = calibrate(
            Target(Formula(NAMES, lambda t: A @ t + b), space, Measurement(tuple(y), Gaussian(tuple(noise))))
        )
    precision = A.T @ (A / noise[:, None] ** 2) + np.diag(sd**-2)
    middle = np.linalg.solve(precision, A.T @ ((y - b) / noise**2) + mean / sd**2)
    covariance = np.linalg.inv(precision)
    evidence = stats.multivariate_normal(A @ mean + b, A @ np.diag(sd**2) @ A.T + np.diag(noise**2)).logpdf(y)
    return [
        below("linear-normal: mean, relative", 1e-10, _apart(found.mean(), middle), _cost(found, time)),
        below("linear-normal: covariance, relative", 1e-10, _apart(found.covariance(), covariance)),
        below("linear-normal: log evidence, relative", 1e-10, abs(found.log_evidence / evidence - 1)),
    ]


def reference(arguments: argparse.Namespace) -> list[Row]:
    """The prototype's law on a specimen, next to a long chain of true solves."""
    rows = []
    for sd in (SD, 4 * SD):
        target = patient(0, sd)
        with clock() as time:
            ours = calibrate(target)
        with clock() as long:
            chain = calibrate(target, "nuts", budget=arguments.draws)
        name = f"specimen, 4 parameters, noise {sd:g} kPa"
        means = np.abs(ours.mean() - chain.mean()) / chain.sd()
        sds = np.abs(ours.sd() / chain.sd() - 1)
        assert ours.certificate is not None
        rows += [
            below(f"{name}: solves in all", 250, ours.cost.total, _cost(ours, time)),
            below(f"{name}: means from the long chain's, sd", 0.1, float(means.max()), _cost(chain, long)),
            below(f"{name}: sds from the long chain's, relative", 0.1, float(sds.max()), chain.told[-2]),
            told(f"{name}: effective share of the checked draws", ours.certificate.ess / ours.certificate.draws),
            told(f"{name}: the normal approximation's mean, sd off", float(_laplace_bias(target, chain))),
        ]
    return rows


def calibration(arguments: argparse.Namespace) -> list[Row]:
    """Whether the truth of made-up patients is where it should be among the draws."""
    from scipy import stats

    ranks, covered = [], []
    with clock() as time:
        for seed in range(arguments.patients):
            truth = SPACE.theta(np.random.default_rng([seed, 9]).standard_normal(4))
            found = calibrate(patient(seed, 4 * SD, truth), seed=seed, draws=1000, starts=1)
            ranks.append((found.weights[:, None] * (found.theta < truth)).sum(axis=0))
            low, high = found.interval().T
            covered.append((low < truth) & (truth < high))
    count = max(5, arguments.patients // 10)
    values = [
        float(stats.chisquare(np.histogram(column, bins=count, range=(0, 1))[0]).pvalue) for column in np.array(ranks).T
    ]
    shares = np.mean(covered, axis=0)
    cost = f"{time.cpu_seconds:.3g} s of processor"
    return [
        judged(
            f"ranks of the truth of {arguments.patients} patients are uniform, least p of 4 parameters",
            "> 0.01",
            min(values),
            min(values) > 0.01,
            cost,
        ),
        judged(
            f"95 % intervals that hold the truth of {arguments.patients} patients",
            "0.90 to 0.98",
            float(np.mean(shares)),
            bool(0.90 <= np.mean(shares) <= 0.98),
            ", ".join(f"{name} {share:.2f}" for name, share in zip(NAMES, shares, strict=True)),
        ),
    ]


def trouble(arguments: argparse.Namespace) -> list[Row]:
    """Members that fail, a pair that only its product tells, two modes."""
    target = patient(0, SD)
    sound = calibrate(target)
    with clock() as time:
        failing = calibrate(Target(Brittle(target.model, 0.2), SPACE, target.measurement))
    apart = float((np.abs(failing.mean() - sound.mean()) / sound.sd()).max())
    said = any("could not be solved" in sentence for sentence in failing.told)
    certificate = failing.certificate
    assert certificate is not None
    return [
        below("20 % of members fail: means from those of sound ones, sd", 0.1, apart, _cost(failing, time)),
        judged(
            "20 % of members fail: the certificate passes and failures are told",
            "yes",
            f"{certificate.failed} of {certificate.draws} draws",
            certificate.passed and said,
        ),
        *_pair(),
        *_square(),
    ]


def _pair() -> list[Row]:
    prior, times = LogNormal(1.0, 1.0), np.linspace(0, 1, 6)
    space = Space((Parameter("a", prior), Parameter("b", prior), Parameter("c", Normal(0, 1))))
    model = Formula(("a", "b", "c"), lambda t: t[0] * t[1] * times + t[2])
    target = Target(model, space, Measurement(tuple(2 * times + 0.3), Gaussian(0.05)))
    with clock() as time:
        found = calibrate(target, budget=400)
    profiles = [profile(target, name, found.modes[0].z) for name in space.names]
    words = identifiability(space, found.modes[0].mode).sentences()
    flagged = [one.bounded for one in profiles] == [False, False, True] and any("each other's work" in w for w in words)
    logs = np.log(found.theta[:, :2])
    ridge = logs[:, 0] - logs[:, 1]
    spread = float(np.sqrt(found.weights @ (ridge - found.weights @ ridge) ** 2))
    return [
        judged("a·b alone is seen: a and b flagged, c not", "yes", "; ".join(words), flagged, _cost(found, time)),
        below("a·b alone is seen: sd of ln a/b from its prior's, relative", 0.1, abs(spread / 2**0.5 - 1)),
    ]


def _square() -> list[Row]:
    space = Space((Parameter("x", Normal(0.3, 1.0)),))
    target = Target(Formula(("x",), lambda t: t**2), space, Measurement((1.0,), Gaussian(0.1)))
    found = calibrate(target, starts=8, budget=1000)
    left = float(found.weights[found.theta[:, 0] < 0].sum())
    odds = float(np.exp(-0.5 * 1.3**2 + 0.5 * 0.7**2))
    return [
        judged("two modes of a square are found", 2, len(found.modes), len(found.modes) == 2, found.cost.said()),
        below("two modes of a square: share of the lesser, off by", 0.05, abs(left - odds / (1 + odds))),
    ]


def tissue(arguments: argparse.Namespace) -> list[Row]:
    """Published laws and measured curves: all tests at once, with and without an error of the law's own."""
    from fibertwin.constitutive import MooneyRivlin, Ogden, Yeoh

    brain = Space((Parameter("mu", LogNormal(1.0, 1.0), "kPa"), Parameter("alpha", Normal(-10.0, 15.0))))
    yeoh = Space(
        (
            Parameter("c1", LogNormal(150.0, 1.0), "kPa"),
            Parameter("c2", Normal(0.0, 5.0), "kPa"),
            Parameter("c3", Normal(0.0, 0.2), "kPa"),
        )
    )
    mooney = Space((Parameter("c1", LogNormal(150.0, 1.0), "kPa"), Parameter("c2", LogNormal(5.0, 1.5), "kPa")))
    rows = []
    for name in ("cortex", "basal-ganglia", "corona-radiata", "corpus-callosum"):
        rows += _curves(f"budday-{name}", Ogden(1.0, -15.0), brain, arguments.figures if name == "cortex" else None)
    rows += _curves("treloar", Yeoh(150.0, 1.0, 0.1), yeoh, None)
    rows += _curves("kawabata", MooneyRivlin(150.0, 5.0), mooney, None)
    return rows


def body(arguments: argparse.Namespace) -> list[Row]:
    """The same law on a mesh: displacements of eight points at three loads, every solve an equilibrium."""
    import _posterior_body as bodies

    model = bodies.body(2)
    target = bodies.observed(model, 0)
    with clock() as time:
        ours = calibrate(target)
    with clock() as failing_time:
        failing = calibrate(Target(Brittle(model, 0.2), SPACE, target.measurement))
    with clock() as long:
        chain = calibrate(target, "nuts", budget=arguments.body_draws)
    certificate, broken = ours.certificate, failing.certificate
    assert certificate is not None
    assert broken is not None
    means, sds = np.abs(ours.mean() - chain.mean()) / chain.sd(), np.abs(ours.sd() / chain.sd() - 1)
    apart = np.abs(failing.mean() - ours.mean()) / ours.sd()
    return [
        below("cube on a mesh, 4 parameters, 72 displacements: solves in all", 250, ours.cost.total, _cost(ours, time)),
        below("cube: means from a long chain's, sd", 0.1, float(means.max()), _cost(chain, long)),
        below("cube: sds from that chain's, relative", 0.1, float(sds.max()), chain.told[-2]),
        told("cube: effective share of the checked draws", certificate.ess / certificate.draws),
        told("cube: the normal approximation's mean, sd off", float(_laplace_bias(target, chain))),
        below("cube, 20 % of members fail: means, sd", 0.1, float(apart.max()), _cost(failing, failing_time)),
        judged("cube, 20 % of members fail: it ends right", "yes", failing.told[-2], broken.passed),
        *_weighted(target, ours),
        *_recovered(),
    ]


def workers(arguments: argparse.Namespace) -> list[Row]:
    """Members in parallel, as the command line has them."""
    import _posterior_crew

    return _posterior_crew.crew()


def _weighted(target: Target, ours: Posterior) -> list[Row]:
    """Draws of a Student t about the mode, weighted by true solves, in one round."""
    with clock() as time:
        found = calibrate(target, "importance", budget=12_000, starts=1)
    cost = f"{_cost(found, time)}, {found.ess:.0f} effective draws"
    means = np.abs(ours.mean() - found.mean()) / found.sd()
    return [
        below("cube: means from draws weighted by true solves, sd", 0.1, float(means.max()), cost),
        below("cube: sds from these, relative", 0.1, float(np.abs(ours.sd() / found.sd() - 1).max())),
    ]


def _recovered() -> list[Row]:
    """Data of a finer mesh, with other noise each time."""
    import _posterior_body as bodies

    fine, coarse = bodies.body(5), bodies.body(3)
    inside, solves = [], []
    with clock() as time:
        for seed in range(100, 106):
            found = calibrate(bodies.observed(coarse, seed, of=fine), seed=seed)
            low, high = found.interval().T
            inside.append((low < TRUTH) & (high > TRUTH))
            solves.append(found.cost.total)
    held = int(np.sum(inside))
    return [
        judged(
            "cube: 95 % intervals that hold the truth, data of a mesh of 5³ cells seen with 3³, 6 seeds",
            "> 21 of 24",
            held,
            held > 21,
            f"{time.cpu_seconds:.3g} s of processor, {min(solves)} to {max(solves)} solves each",
        )
    ]


def _curves(name: str, law: object, space: Space, figures: Path | None) -> list[Row]:
    from fibertwin.constitutive.experiments import dataset
    from fibertwin.constitutive.fitting import fit

    data = dataset(name)
    model = BenchTests(law, data.experiments, space.names)  # type: ignore[arg-type]
    values = model.measured()
    with clock() as time:
        plain = calibrate(Target(model, space, Measurement(values, UnknownScale(0.05))))
    best = fit(law, data.experiments)  # type: ignore[arg-type]
    off = max(abs(plain.mode[i] - best.parameters[n]) / plain.sd()[i] for i, n in enumerate(space.names))
    doubted = _doubted(model, space, values, plain)
    rows = [
        below(f"{name}: mode from the least squares fit, sd", 0.25, off, _cost(plain, time)),
        *(told(f"{name}: {n}, noise alone", _known(plain, i)) for i, n in enumerate(space.names)),
    ]
    if doubted is None:
        return [*rows, told(f"{name}: an error of the law's own", "the data do not ask for one")]
    words, more, factor = doubted
    rows.append(told(f"{name}: an error of the law's own", words, f"ln evidence +{factor:.0f}"))
    rows += [told(f"{name}: {n}, with it", _known(more, i)) for i, n in enumerate(space.names)]
    if figures is not None:
        _draw(model, plain, more, figures)
    return rows


def _doubted(
    model: BenchTests, space: Space, values: tuple[float, ...], plain: Posterior
) -> tuple[str, Posterior, float] | None:
    """The posterior with the error that evidence asks for; None where it asks for none."""
    curves = model.from_rest()
    noises: dict[str, Correlated | UnknownScale] = {"noise alone": UnknownScale(0.05)}
    for sd in (0.005, 0.01, 0.02, 0.04):
        for misfit in (0.05, 0.1, 0.2, 0.4, 0.8):
            for length in (0.15, 0.3, 0.6):
                label = f"{100 * misfit:g} % of a curve's size at its end, alike over {100 * length:g} % of the way"
                noises[f"{label}, noise {100 * sd:g} %"] = discrepant(curves, sd, misfit, length)
    targets = {label: Target(model, space, Measurement(values, noise)) for label, noise in noises.items()}
    accounts = compare(targets, dict.fromkeys(targets, plain.mode), starts=1)
    if accounts[0].name == "noise alone":
        return None
    base = next(account.log_evidence for account in accounts if account.name == "noise alone")
    found = calibrate(targets[accounts[0].name], first=plain.mode)
    return accounts[0].name, found, accounts[0].log_evidence - base


def _draw(model: BenchTests, plain: Posterior, doubted: Posterior, folder: Path) -> None:
    from fibertwin.calibration_page import write_calibration_report
    from fibertwin.calibration_pictures import Curve, bands, pairs

    curves, start = [], 0
    for e in model.experiments:
        rows = np.arange(start, start + len(e.amounts))
        along = "shift per height" if "shear" in e.mode else "stretch"
        curves.append(Curve(e.name, rows, e.amounts, along, "nominal stress over its root mean square"))
        start += len(rows)
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in (("noise", plain), ("doubt", doubted)):
        picture = bands(found, curves)
        assert picture is not None
        (folder / f"cortex-{name}-bands.png").write_bytes(picture.png)
        (folder / f"cortex-{name}-pairs.png").write_bytes(pairs(found).png)
        title = "Human cortex in tension, compression and shear: one Ogden term"
        write_calibration_report(found, folder / f"cortex-{name}.html", title=title, curves=curves)


def _known(found: Posterior, index: int) -> str:
    low, high = found.interval()[index]
    return f"{found.mean()[index]:.4g} ({low:.4g} to {high:.4g})"


def _laplace_bias(target: Target, chain: Posterior) -> float:
    laplace = calibrate(target, "laplace")
    return float((np.abs(laplace.mean() - chain.mean()) / chain.sd()).max())


def _apart(ours: np.ndarray, known: np.ndarray) -> float:
    return float(np.abs(ours - known).max() / np.abs(known).max())


def _cost(found: Posterior, time: Clock) -> str:
    return f"{time.cpu_seconds:.3g} s of processor, {found.cost.said()}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100, help="made-up patients whose truth is ranked")
    parser.add_argument("--draws", type=int, default=6000, help="of the specimen's long chains")
    parser.add_argument("--body-draws", type=int, default=600, help="of the body's long chain, a second or so for two")
    parser.add_argument("--only", choices=("exact", "reference", "calibration", "trouble", "tissue", "body", "workers"))
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw the cortex's posteriors there")
    main(measure, parser)
