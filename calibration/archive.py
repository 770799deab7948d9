"""A posterior as one file: numbers in arrays, the rest in words."""

import dataclasses
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from . import mixed_noise, noise, priors
from .counted import Cost, Failure
from .emulator import Chart, Emulator
from .laplace import Laplace
from .posterior import Certificate, Posterior
from .space import Parameter, Space
from .target import Local, Measurement

VERSION = 1
"""Of the file; another one is refused."""

_KINDS: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (
        priors.Normal,
        priors.LogNormal,
        priors.Uniform,
        priors.TruncatedNormal,
        priors.Empirical,
        priors.Refined,
        noise.Gaussian,
        noise.Correlated,
        noise.StudentT,
        noise.UnknownScale,
        noise.Poisson,
        mixed_noise.Blocks,
        mixed_noise.Faded,
    )
}

_LOCAL = ("z", "prediction", "slopes", "gradient", "curvature")


def save(posterior: Posterior, path: Path | str) -> Path:
    """Write a posterior to a file (``.npz``), whole or not at all.

    Raises:
        InputError: a prior or noise of one's own has no written form.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **packed(posterior))
    part.replace(path)
    return path


def load(path: Path | str) -> Posterior:
    """Read a posterior that was saved.

    Raises:
        InputError: the file is not there, is no posterior, or is of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise InputError(Problem(str(path), "is not there")) from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(Problem(str(path), "is no saved posterior")) from error
    return unpacked(arrays, str(path))


def packed(posterior: Posterior) -> dict[str, NDArray[Any]]:
    """A posterior as named arrays, one of which is text."""
    arrays: dict[str, NDArray[Any]] = {
        "z": posterior.z,
        "weights": posterior.weights,
        "shown": posterior.shown,
        "predictions": posterior.predictions,
        "values": np.array(posterior.measurement.values),
    }
    for index, laplace in enumerate(posterior.modes):
        arrays |= {f"mode{index}.{name}": getattr(laplace.mode, name) for name in _LOCAL}
    emulator = posterior.emulator
    if emulator is not None:
        arrays |= {
            f"emulator.{name}": getattr(emulator, name) for name in ("exponents", "coefficients", "basis", "base")
        }
        arrays |= {"emulator.center": emulator.chart.center, "emulator.factor": emulator.chart.factor}
    words = {
        "fibertwin": "posterior",
        "version": VERSION,
        "kind": posterior.kind,
        "space": space_words(posterior.space),
        "noise": words_of(posterior.measurement.noise),
        "names": posterior.measurement.names,
        "units": posterior.measurement.units,
        "log_evidence": posterior.log_evidence,
        "modes": [laplace.mode.log_density for laplace in posterior.modes],
        "certificate": None if posterior.certificate is None else dataclasses.asdict(posterior.certificate),
        "cost": dataclasses.asdict(posterior.cost),
        "told": posterior.told,
        "emulator": None
        if emulator is None
        else [emulator.chart.radius, emulator.error, emulator.worst, emulator.samples],
    }
    return arrays | {"words": np.array(json.dumps(words))}


def unpacked(arrays: Mapping[str, NDArray[Any]], where: str = "posterior") -> Posterior:
    """A posterior from named arrays.

    Raises:
        InputError: they are none, or of another version.
    """
    try:
        words = json.loads(str(arrays["words"]))
    except (KeyError, ValueError) as error:
        raise InputError(Problem(where, "is no saved posterior")) from error
    if words.get("fibertwin") != "posterior" or words.get("version") != VERSION:
        raise InputError(
            Problem(
                where,
                "is no posterior of this version",
                got=f"{words.get('fibertwin')} {words.get('version')}",
                wanted=f"posterior {VERSION}",
            )
        )
    space = space_of(words["space"])
    modes = tuple(
        Laplace(Local(log_density=density, **{name: arrays[f"mode{index}.{name}"] for name in _LOCAL}))
        for index, density in enumerate(words["modes"])
    )
    measurement = Measurement(
        tuple(arrays["values"].tolist()), of_words(words["noise"]), tuple(words["names"]), tuple(words["units"])
    )
    failures = tuple(Failure(tuple(f["theta"]), f["sentence"]) for f in words["cost"].pop("failures"))
    return Posterior(
        space,
        measurement,
        words["kind"],
        arrays["z"],
        arrays["weights"],
        math.nan if words["log_evidence"] is None else words["log_evidence"],
        modes,
        None if words["certificate"] is None else Certificate(**words["certificate"]),
        Cost(**words["cost"], failures=failures),
        tuple(words["told"]),
        arrays["shown"],
        arrays["predictions"],
        None if words["emulator"] is None else _emulator(space, arrays, words["emulator"]),
    )


def space_words(space: Space) -> dict[str, Any]:
    """Parameters and their joint prior, for a text file."""
    return {
        "parameters": [{"name": p.name, "unit": p.unit, "prior": words_of(p.prior)} for p in space.parameters],
        "correlation": space.correlation,
    }


def space_of(words: Mapping[str, Any]) -> Space:
    """The inverse of ``space_words``."""
    parameters = tuple(Parameter(p["name"], of_words(p["prior"]), p["unit"]) for p in words["parameters"])
    rows = words["correlation"]
    return Space(parameters, None if rows is None else tuple(map(tuple, rows)))


def words_of(thing: Any) -> dict[str, Any]:
    """A prior or noise, for a text file.

    Raises:
        InputError: it is one's own.
    """
    kind = type(thing).__name__
    if _KINDS.get(kind) is not type(thing):
        raise InputError(Problem("posterior", "cannot be saved with this prior or noise", got=kind))
    values = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
    return {"kind": kind} | {name: _word(value) for name, value in values.items()}


def _word(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_word(v) for v in value]
    return words_of(value) if type(value).__name__ in _KINDS else value


def of_words(words: Mapping[str, Any]) -> Any:
    """The inverse of ``words_of``."""
    values = {name: _value(value) for name, value in words.items() if name != "kind"}
    return _KINDS[words["kind"]](**values)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return of_words(value)
    return tuple(_value(v) for v in value) if isinstance(value, list) else value


def _emulator(space: Space, arrays: Mapping[str, NDArray[Any]], numbers: list[Any]) -> Emulator:
    radius, error, worst, samples = numbers
    chart = Chart(arrays["emulator.center"], arrays["emulator.factor"], radius)
    inner = {name: arrays[f"emulator.{name}"] for name in ("exponents", "coefficients", "basis", "base")}
    return Emulator(space, chart, error=error, worst=worst, samples=samples, **inner)
