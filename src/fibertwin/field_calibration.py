"""``fibertwin calibrate`` with a table ``[calibrate.field]``: a stiffness in every cell, and how sure it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.calibration.field_posterior import FieldPosterior
    from fibertwin.case import Case

LIKELY = 1.96
"""Standard deviations of a normal distribution on either side of 95 % of it."""


@dataclass(frozen=True, eq=False)
class FoundField:
    """A number in every cell of a region, as far as known.

    Attributes:
        number: its place in the case.
        unit: its unit.
        median: what was believed of it everywhere.
        posterior: logarithms over the median.
        missing: how many numbers were not measured.
    """

    number: str
    unit: str
    median: float
    posterior: "FieldPosterior"
    missing: int

    @property
    def values(self) -> NDArray[np.float64]:
        """The most probable numbers (n,)."""
        return np.asarray(self.median * np.exp(self.posterior.mode))

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """What is known of each cell (n,), by name: the number, 95 % bounds, sd of its logarithm, what was learnt."""
        name, mode, sd = self.number.rpartition(".")[2], self.posterior.mode, self.posterior.sd
        bounds = {f"{name} {word}": self.median * np.exp(mode + sign * LIKELY * sd) for word, sign in _BOUNDS}
        return {name: self.values, **bounds, f"sd of ln {name}": sd, "learnt": self.posterior.contraction}

    def summary(self) -> dict[str, Any]:
        """Numbers for a JSON file."""
        return {
            "number": self.number,
            "unit": self.unit,
            "median": self.median,
            "cells": len(self.values),
            "measured": len(self.posterior.measured),
            "missing": self.missing,
            "misfit": self.posterior.misfit,
            "linearisations": self.posterior.linearisations,
            "directions": self._directions(),
            "information": self.posterior.information.tolist(),
            "values": _spread(self.values),
            "learnt": _spread(self.posterior.contraction),
        }

    def sentences(self) -> tuple[str, ...]:
        """What is known, in words."""
        values, learnt = _spread(self.values), _spread(self.posterior.contraction)
        between = f"{values['least']:.4g} and {values['greatest']:.4g} {self.unit}".rstrip()
        least, most = (f"{100 * learnt[name]:.3g} %" for name in ("median", "greatest"))
        told = self._directions()
        return (
            f"{self.number} is most probably between {between} in {len(self.values)} cells.",
            f"The data tell {told} direction{'s' * (told != 1)} of it better than the prior, and take away "
            f"{least} of the prior's variance in the median cell, {most} in the best known.",
            f"Mean square of residuals: {self.posterior.misfit:.3g} of the noise's.",
        )

    def _directions(self) -> int:
        return int((self.posterior.information > 1).sum())


_BOUNDS = (("low", -1.0), ("high", 1.0))


def field_calibrated(case: "Case", out: Path, comm: "MPI.Comm", *, petsc: str = "") -> FoundField:
    """Find a field by a case's ``[calibrate.field]``, and write ``field.vtu`` and ``field.json``. Collective.

    Args:
        case: the case.
        out: folder for the results.
        comm: the ranks.
        petsc: PETSc options that go before those of the case.

    Raises:
        InputError: on every rank, with what is wrong; all that the case itself says before the body is built.
        SolveError: there is no equilibrium at the median, or no most probable field was found.
    """
    from fibertwin import stages
    from fibertwin.calibrate_verb import required
    from fibertwin.calibration.field import FieldModel
    from fibertwin.calibration.field_posterior import field_posterior
    from fibertwin.calibration.smooth import Smooth, gathered_cells
    from fibertwin.log import logger
    from fibertwin.parallel import on_root

    asked = required(case)
    assert asked.field is not None

    def prepared() -> Any:
        assert asked.field is not None
        document = case.to_dict()
        asked.examine(document)
        values = np.array(asked.measurement().values)
        sds = np.array([sd for one in asked.measured.values() for sd in one.sds()])
        out.mkdir(parents=True, exist_ok=True)
        return values, sds, asked.seen(), asked.field.median(document)

    values, sds, observations, (median, unit) = on_root(comm, prepared)
    anatomy, fibers = stages.body(case, stages.tensors(case, out, comm), comm)
    place = asked.field.place()
    model = FieldModel(
        stages.problem(case, anatomy, fibers),
        *place,
        observations,
        case.solve.stepping,
        petsc=f"{case.solve.petsc} {petsc}",
    )
    prior = Smooth(anatomy, place[0], asked.field.sd, asked.field.length)
    posterior = field_posterior(model, prior, values, sds, told=lambda sentence: logger.info("%s", sentence))
    found = FoundField(asked.field.number, unit.name, median, posterior, int(np.isnan(values).sum()))
    _, corners, points = gathered_cells(anatomy, place[0])
    on_root(comm, lambda: _write(found, corners, points, out))
    return found


def _write(found: FoundField, corners: NDArray[np.int64], points: NDArray[np.float64], out: Path) -> None:
    from fibertwin.solver.output import write_cells
    from fibertwin.summary import write

    write_cells(points, corners, found.columns(), out / "field.vtu")
    write(found.summary(), out / "field.json")


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return {"least": float(values.min()), "median": float(np.median(values)), "greatest": float(values.max())}
