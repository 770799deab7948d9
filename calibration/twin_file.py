"""A twin as one file: numbers in arrays, the rest in words."""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from . import archive
from .change import Change, Fading, Still, Stop, Walking
from .counted import Cost, Failure
from .filters import Belief
from .learning import Solve
from .predictors import Predictor
from .readings import Batch, Reading, Source
from .surprise import Surprise

if TYPE_CHECKING:
    from .twin import Twin, Update

VERSION = 1
"""Of the file; another one is refused."""

_CHANGES: Mapping[str, Any] = {kind.__name__: kind for kind in (Still, Fading, Walking)}


def save(twin: "Twin", path: Path | str) -> Path:
    """Write a twin to a file, whole or not at all.

    Raises:
        InputError: a prior of one's own has no written form.
    """
    path = Path(path)
    arrays = _packed(twin)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    part.replace(path)
    return path


def load(path: Path | str, predictor: Predictor) -> "Twin":
    """Read a twin that was saved.

    Raises:
        InputError: the file is not there, is no twin, is of another version, or has learned with another model.
    """
    where = str(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        words = json.loads(str(arrays["twin"]))
    except FileNotFoundError as error:
        raise InputError(Problem(where, "is not there")) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(Problem(where, "is no saved twin")) from error
    if words.get("version") != VERSION:
        raise InputError(Problem(where, "is a twin of another version", str(words.get("version")), str(VERSION)))
    if words["model"] != predictor.fingerprint:
        raise InputError(
            Problem(where, "has learned with another model", predictor.fingerprint, words["model"], "begin a new twin")
        )
    return _unpacked(words, arrays, predictor, where)


def _packed(twin: "Twin") -> dict[str, NDArray[Any]]:
    words = {
        "version": VERSION,
        "model": twin.predictor.fingerprint,
        "space": archive.space_words(twin.space),
        "change": {"kind": type(twin.change).__name__} | asdict(twin.change),
        "seed": twin.seed,
        "budget": twin.budget,
        "checks": twin.checks,
        "rejected": [asdict(reading) for reading in twin.rejected],
        "batches": [asdict(batch) for batch in twin.batches],
        "updates": [asdict(update) for update in twin.updates],
        "stops": [[stop.time, stop.log_evidence] for stop in twin.stops],
        "sloped": [slopes is not None for _, _, slopes in twin.solves],
    }
    arrays: dict[str, NDArray[Any]] = {"twin": np.array(json.dumps(words))}
    if twin.posterior is not None:
        arrays |= {f"posterior.{name}": array for name, array in archive.packed(twin.posterior).items()}
    if twin.solves:
        arrays["solves.theta"] = np.array([theta for theta, _, _ in twin.solves])
        arrays["solves.prediction"] = np.array([prediction for _, prediction, _ in twin.solves])
        sloped = [slopes for _, _, slopes in twin.solves if slopes is not None]
        if sloped:
            arrays["solves.slopes"] = np.array(sloped)
    for name in ("predicted", "updated"):
        beliefs = [getattr(stop, name) for stop in twin.stops]
        arrays[f"stops.{name}.mean"] = np.array([belief.mean for belief in beliefs])
        arrays[f"stops.{name}.covariance"] = np.array([belief.covariance for belief in beliefs])
    return arrays


def _unpacked(words: dict[str, Any], arrays: Mapping[str, NDArray[Any]], predictor: Predictor, where: str) -> "Twin":
    from .twin import Twin

    inner = {name.removeprefix("posterior."): a for name, a in arrays.items() if name.startswith("posterior.")}
    beliefs = [
        [Belief(m, c) for m, c in zip(arrays[f"stops.{n}.mean"], arrays[f"stops.{n}.covariance"], strict=True)]
        for n in ("predicted", "updated")
    ]
    return Twin(
        predictor,
        archive.space_of(words["space"]),
        _change(words["change"]),
        words["seed"],
        words["budget"],
        words["checks"],
        tuple(_batch(batch) for batch in words["batches"]),
        tuple(_update(update) for update in words["updates"]),
        archive.unpacked(inner, where) if inner else None,
        tuple(
            Stop(time, predicted, updated, evidence)
            for (time, evidence), predicted, updated in zip(words["stops"], *beliefs, strict=True)
        ),
        _solves(words["sloped"], arrays),
        tuple(_reading(reading) for reading in words["rejected"]),
    )


def _solves(sloped: list[bool], arrays: Mapping[str, NDArray[Any]]) -> tuple[Solve, ...]:
    if not sloped:
        return ()
    slopes = iter(arrays["solves.slopes"]) if any(sloped) else iter(())
    rows = zip(sloped, arrays["solves.theta"], arrays["solves.prediction"], strict=True)
    return tuple((theta, y, next(slopes) if known else None) for known, theta, y in rows)


def _change(words: dict[str, Any]) -> Change:
    kind = _CHANGES[words.pop("kind")]
    change: Change = kind(**words)
    return change


def _batch(words: dict[str, Any]) -> Batch:
    return Batch(tuple(_reading(reading) for reading in words["readings"]), Source(**words["source"]))


def _reading(words: dict[str, Any]) -> Reading:
    return Reading(**{**words, "given": tuple((name, value) for name, value in words["given"])})


def _update(words: dict[str, Any]) -> "Update":
    from .twin import Update

    odd, cost = words.pop("surprise"), words.pop("cost")
    failures = tuple(Failure(tuple(f["theta"]), f["sentence"]) for f in cost.pop("failures"))
    told = tuple(words.pop("told"))
    far = () if odd is None else tuple((name, off) for name, off in odd.pop("far"))
    return Update(
        **words,
        surprise=None if odd is None else Surprise(far=far, **odd),
        cost=Cost(**cost, failures=failures),
        told=told,
    )
