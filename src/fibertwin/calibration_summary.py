"""What a calibration has found, for programs: ``calibration.json``."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fibertwin.calibration import Identifiability, Lesson, Posterior, Profile
    from fibertwin.calibration_findings import Findings


def calibration_summary(posterior: "Posterior", findings: "Findings") -> dict[str, Any]:
    """All numbers and sentences of a calibration; a number that is not finite is None.

    Args:
        posterior: what was found.
        findings: what was looked at beside it.
    """
    from fibertwin.calibration import identifiability

    measurement, cost, certificate = posterior.measurement, posterior.cost, posterior.certificate
    spread = posterior.sd()
    found = {
        "kind": posterior.kind,
        "certified": certificate is not None and certificate.passed,
        "certificate": None if certificate is None else asdict(certificate),
        "sentences": list(posterior.sentences()),
        "advice": list(findings.advice),
        "parameters": _parameters(posterior),
        "correlation": posterior.covariance() / np.outer(spread, spread),
        "log_evidence": posterior.log_evidence,
        "misfit": posterior.misfit(),
        "measured": {
            "numbers": len(measurement.values),
            "missing": int((~measurement.known).sum()),
            "names": list(measurement.names),
            "residuals": posterior.residuals(),
        },
        "identifiability": _identifiability(identifiability(posterior.space, posterior.modes[0].mode)),
        "profiles": {one.name: _profile(one) for one in findings.profiles},
        "next": [_lesson(posterior, one) for one in findings.lessons],
        "cost": {
            "solves": cost.solves,
            "with_derivatives": cost.linearised,
            "known_from_before": cost.recalled,
            "failures": [{"theta": f.theta, "sentence": f.sentence} for f in cost.failures],
        },
        "told": [*posterior.told, *findings.notes],
    }
    written: dict[str, Any] = finite(found)
    return written


def finite(node: Any) -> Any:
    """A document as JSON has it: arrays as lists, and None for every number that is not finite."""
    if isinstance(node, Mapping):
        return {str(key): finite(value) for key, value in node.items()}
    if isinstance(node, np.ndarray):
        return finite(node.tolist())
    if isinstance(node, list | tuple):
        return [finite(value) for value in node]
    if isinstance(node, float | np.floating):
        return float(node) if math.isfinite(node) else None
    return node


def _parameters(posterior: "Posterior") -> dict[str, Any]:
    columns = zip(
        posterior.space.parameters,
        posterior.mean(),
        posterior.sd(),
        posterior.quantiles([0.5])[0],
        posterior.interval(),
        posterior.mode,
        posterior.contraction(),
        posterior.space.theta(np.zeros(posterior.space.size)),
        strict=True,
    )
    return {
        p.name: {
            "unit": p.unit,
            "mean": mean,
            "sd": sd,
            "median": median,
            "interval_95": bounds,
            "mode": mode,
            "contraction": contraction,
            "prior_median": before,
        }
        for p, mean, sd, median, bounds, mode, contraction, before in columns
    }


def _identifiability(told: "Identifiability") -> dict[str, Any]:
    return {
        "information": told.information,
        "contractions": told.contractions,
        "directions": [dict(zip(told.names, direction, strict=True)) for direction in told.directions],
        "collinearity": {" and ".join(group): index for group, index in told.collinearity.items()},
        "condition": told.condition,
        "sentences": list(told.sentences()),
    }


def _profile(one: "Profile") -> dict[str, Any]:
    return {"values": one.values, "drops": one.drops, "interval_95": one.interval, "sentence": one.said()}


def _lesson(posterior: "Posterior", one: "Lesson") -> dict[str, Any]:
    return {"name": one.name, "nats": one.gain, "sd_over_now": dict(zip(posterior.names, one.sds, strict=True))}
