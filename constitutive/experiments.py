"""Measured curves of homogeneous tests, and what a law says of them."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem

from .energy import StrainEnergy
from .material import Material
from .point import Fabric
from .study import Response, biaxial, planar_tension, simple_shear, uniaxial

Array = NDArray[np.float64]
Mode = Literal["uniaxial", "equibiaxial", "biaxial", "planar tension", "simple shear"]


@dataclass(frozen=True)
class Experiment:
    """A measured curve.

    Attributes:
        name: what it is called in a legend.
        mode: the test.
        amount: stretch, or shear as shift per height at rest (n,).
        nominal_stress: force per area at rest (n,) (kPa), along the first direction.
        across: stretch along the second direction (n,), for ``"biaxial"`` only.
        directions: first and second direction; in shear the direction of the shift and the normal of the face.
        prestretch: stretch along the normal before a shear.
        weight: how much it counts in a fit.
    """

    name: str
    mode: Mode
    amount: ArrayLike
    nominal_stress: ArrayLike
    across: ArrayLike | None = None
    directions: tuple[str, str] = ("f", "s")
    prestretch: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        amount, stress = (np.asarray(v, dtype=float) for v in (self.amount, self.nominal_stress))
        if amount.ndim != 1 or amount.shape != stress.shape or not amount.size:
            raise InputError(Problem(self.name, "has not as many stresses as amounts"))
        if not (np.isfinite(amount).all() and np.isfinite(stress).all()):
            raise InputError(Problem(self.name, "must hold finite numbers"))
        if self.mode not in get_args(Mode):
            raise InputError(Problem(self.name, "is no known test", got=self.mode, wanted=", ".join(get_args(Mode))))
        if (self.mode == "biaxial") != (self.across is not None):
            raise InputError(Problem(self.name, "stretches across belong to a biaxial test, which needs them"))
        object.__setattr__(self, "amount", amount)
        object.__setattr__(self, "nominal_stress", stress)

    @property
    def measured(self) -> Array:
        """The nominal stress (n,) (kPa)."""
        return np.asarray(self.nominal_stress)

    @property
    def amounts(self) -> Array:
        """The amount (n,)."""
        return np.asarray(self.amount)

    def response(
        self, subject: StrainEnergy | Material, fabric: Fabric | None = None, amount: Array | None = None
    ) -> Response:
        """What a law or a material does in this test, at the measured amounts or at others.

        Raises:
            SolveError: see ``uniaxial``.
        """
        x = self.amounts if amount is None else amount
        if self.mode == "uniaxial":
            return uniaxial(subject, x, self.directions[0], fabric)
        if self.mode == "simple shear":
            plane = (self.directions[1], self.directions[0])
            return simple_shear(subject, x, plane, fabric, self.prestretch)
        if self.mode == "planar tension":
            return planar_tension(subject, x, self.directions, fabric)
        across = None
        if self.across is not None:
            order = np.argsort(self.amounts)
            across = np.interp(x, self.amounts[order], np.asarray(self.across)[order])
        return biaxial(subject, x, across, self.directions, fabric)


@dataclass(frozen=True)
class Dataset:
    """Curves that belong together.

    Attributes:
        title: what was tested.
        source: paper with DOI.
        experiments: the curves.
    """

    title: str
    source: str
    experiments: tuple[Experiment, ...]


_FOLDER = "fibertwin.data.bench"

FORM = (
    """title = "…", source = "…" and tables [[experiment]] with name, mode, amount = […], nominal_stress = […] (kPa)"""
)
"""What a file of measured curves holds."""


def names() -> list[str]:
    """The data sets that come with fibertwin."""
    return sorted(f.name.removesuffix(".toml") for f in files(_FOLDER).iterdir() if f.name.endswith(".toml"))


def dataset(name: str) -> Dataset:
    """A data set by its name, or from a file (``.toml``) of the same form.

    Raises:
        InputError: there is none of that name, or the file is not of the form.
    """
    if name.endswith(".toml"):
        return _read(name, Path(name))
    if name not in names():
        wanted = f"one of {', '.join(names())}, or a file whose name ends in .toml"
        raise InputError(Problem("data", "is not known", got=name, wanted=wanted))
    return _read(name, files(_FOLDER).joinpath(f"{name}.toml"))


def _read(name: str, file: Path | Traversable) -> Dataset:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        experiments = tuple(_experiment(part) for part in table["experiment"])
        return Dataset(str(table["title"]), str(table["source"]), experiments)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(Problem(name, f"cannot be read: {error}", wanted=FORM)) from error
    except KeyError as error:
        raise InputError(Problem(name, f"has no {error.args[0]}", wanted=FORM)) from error
    except (TypeError, ValueError) as error:
        raise InputError(Problem(name, f"is not of the form of measured curves: {error}", wanted=FORM)) from error


def _experiment(table: dict[str, Any]) -> Experiment:
    directions = table.get("directions")
    return Experiment(**table if directions is None else table | {"directions": tuple(directions)})
