"""Ordinary differential equations as models: predictions at times and their derivatives by forward sensitivities."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import SolveError

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]
type Rate = Callable[[NDArray[Any], NDArray[Any], Vector, float], ArrayLike]
"""A function of state x (n,), parameters θ (p,), input u and time t."""

TINY = 1e-30
"""Step of complex differentiation, whose error is its square."""


@dataclass(frozen=True)
class Dose:
    """An amount that enters a state: at once, or evenly over a time.

    Attributes:
        time: when, or when it begins.
        amount: how much, in the state's unit.
        state: index of the state that it enters.
        lasting: how long an infusion takes; 0 for all at once.
    """

    time: float
    amount: float
    state: int = 0
    lasting: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.time, self.amount, self.lasting]).all() and self.lasting >= 0):
            raise ValueError("a dose has a finite time and amount, and lasts a time that is not negative")

    def until(self, time: float) -> bool:
        """Whether any of it is left at a time."""
        return self.time >= time or self.time + self.lasting > time

    def after(self, time: float) -> "Dose":
        """What is left of it at a time."""
        if self.time >= time:
            return self
        left = self.time + self.lasting - time
        return Dose(time, self.amount * left / self.lasting, self.state, left)


@dataclass(frozen=True)
class Ode:
    """ẋ = f(x, θ, u, t), y = h(x, θ, u, t) at some times.

    Derivatives of f and h are taken by complex steps unless they are given, so that both must bear complex numbers
    (no ``abs``, ``min`` or ``max``). Sensitivities S = dx/dθ are integrated with the state,
    Ṡ = ∂f/∂x S + ∂f/∂θ. What is observed at the time of a dose is observed just before it.

    Attributes:
        names: names of the parameters (p).
        rate: ẋ (n,).
        start: state (n,) at ``begin`` as a function of θ.
        times: when it is observed, in any order.
        observe: h (k,); the whole state without it.
        doses: what enters.
        control: the input u (any size) at a time; it may jump at ``breaks`` only.
        breaks: times at which the input jumps.
        begin: time of the start.
        rate_slopes: (∂f/∂x (n, n), ∂f/∂θ (n, p)), where they are known.
        tolerance: of integration, relative; the absolute one is a hundredth of it in units of ``scale``.
        scale: size of the states.
        method: of ``scipy.integrate.solve_ivp``; ``LSODA``, ``Radau`` and ``BDF`` bear stiff equations.
    """

    names: tuple[str, ...]
    rate: Rate
    start: Callable[[NDArray[Any]], ArrayLike]
    times: tuple[float, ...]
    observe: Rate | None = None
    doses: tuple[Dose, ...] = ()
    control: Callable[[float], ArrayLike] | None = None
    breaks: tuple[float, ...] = ()
    begin: float = 0.0
    rate_slopes: Callable[[Vector, Vector, Vector, float], tuple[ArrayLike, ArrayLike]] | None = None
    tolerance: float = 1e-8
    scale: float = 1.0
    method: str = "LSODA"

    def __post_init__(self) -> None:
        early = [time for time in (*self.times, *(dose.time for dose in self.doses)) if not time >= self.begin]
        if early:
            raise ValueError(f"{early[0]} is before the time {self.begin} at which the state is known")
        if not self.times:
            raise ValueError("an equation that is observed at no time predicts nothing")

    def at(self, times: ArrayLike) -> "Ode":
        """The same, observed at other times."""
        return replace(self, times=tuple(map(float, np.atleast_1d(times))))

    def given(self, *doses: Dose) -> "Ode":
        """The same with other doses."""
        return replace(self, doses=doses)

    def states(self, theta: Vector) -> Matrix:
        """States (times, n).

        Raises:
            SolveError: they cannot be integrated.
        """
        return self._integrated(np.asarray(theta, dtype=float), sensitive=False)

    def solve(self, theta: Vector) -> Vector:
        """Observations (times k,), all of a time together.

        Raises:
            SolveError: the equation cannot be integrated.
        """
        theta = np.asarray(theta, dtype=float)
        rows = self._integrated(theta, sensitive=False)
        found = [self._observed(x, theta, t) for x, t in zip(rows, self.times, strict=True)]
        return _finite(np.real(np.concatenate(found)), "observations")

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Observations (times k,) and their derivatives (times k, p).

        Raises:
            SolveError: the equation cannot be integrated.
        """
        theta = np.asarray(theta, dtype=float)
        p = len(theta)
        rows = self._integrated(theta, sensitive=True)
        values, slopes = [], []
        for row, time in zip(rows, self.times, strict=True):
            n = len(row) // (1 + p)
            x, sensitivities = row[:n], row[n:].reshape(n, p)
            values.append(np.real(self._observed(x, theta, time)))
            by_x, by_theta = slopes_of(partial(self._observed, time=time), x, theta)
            slopes.append(by_x @ sensitivities + by_theta)
        return _finite(np.concatenate(values), "observations"), _finite(np.concatenate(slopes), "derivatives")

    def _observed(self, x: NDArray[Any], theta: NDArray[Any], time: float) -> NDArray[Any]:
        if self.observe is None:
            return np.asarray(x)
        return np.atleast_1d(self.observe(x, theta, self._input(time), time))

    def _input(self, time: float) -> Vector:
        return np.zeros(0) if self.control is None else np.atleast_1d(np.asarray(self.control(time), dtype=float))

    def _integrated(self, theta: Vector, sensitive: bool) -> Matrix:
        """States, with sensitivities behind them, at the times of observation, from one jump to the next."""
        x = np.atleast_1d(np.asarray(self.start(theta), dtype=float))
        n, row = len(x), x
        if sensitive:
            row = np.concatenate([x, slopes_of(lambda _, b: np.atleast_1d(self.start(b)), x, theta)[1].ravel()])
        wanted, time = np.unique(self.times), self.begin
        found: dict[float, Vector] = {}
        for stop in self._stops(float(wanted[-1])):
            within = wanted[(wanted >= time) & (wanted <= stop)]
            inside = within[~np.isin(within, list(found))]
            ends = self._leg(row, theta, n, time, stop, inside)
            found.update(zip(inside.tolist(), ends[:-1], strict=True))
            row, time = ends[-1].copy(), stop
            for dose in self.doses:
                if dose.time == stop and dose.lasting == 0:
                    row[dose.state] += dose.amount
        return np.array([found[time] for time in self.times])

    def _stops(self, last: float) -> list[float]:
        """Ends of the legs between which nothing jumps; the first leg is empty, as a dose may be given at once."""
        jumps = [*self.breaks, *(d.time for d in self.doses), *(d.time + d.lasting for d in self.doses)]
        return [self.begin, *sorted({time for time in jumps if self.begin < time < last} | {last} - {self.begin})]

    def _leg(self, row: Vector, theta: Vector, n: int, begin: float, end: float, times: Vector) -> list[Vector]:
        """States at some times of a leg and at its end."""
        from scipy.integrate import solve_ivp

        if end == begin:
            return [row] * (len(times) + 1)
        running = [d for d in self.doses if d.lasting > 0 and d.time <= begin < d.time + d.lasting]
        infused = np.zeros(n)
        for dose in running:
            infused[dose.state] += dose.amount / dose.lasting
        done = solve_ivp(
            lambda t, y: self._slope(min(max(t, begin), np.nextafter(end, begin)), y, theta, n, infused),
            (begin, end),
            row,
            self.method,
            np.append(times, end) if not len(times) or times[-1] < end else times,
            rtol=self.tolerance,
            atol=0.01 * self.tolerance * self.scale,
        )
        if not done.success or not np.isfinite(done.y).all():
            raise SolveError(
                f"The equation cannot be integrated from {begin:g} to {end:g} at"
                f" {', '.join(f'{a} = {b:.6g}' for a, b in zip(self.names, theta, strict=True))}. {done.message}"
            )
        rows = list(done.y.T)
        return rows if len(rows) == len(times) + 1 else [*rows, rows[-1]]

    def _slope(self, time: float, y: Vector, theta: Vector, n: int, infused: Vector) -> Vector:
        x, u = y[:n], self._input(time)
        slope = np.asarray(self.rate(x, theta, u, time), dtype=float) + infused
        if len(y) == n:
            return slope
        if self.rate_slopes is not None:
            by_x, by_theta = (np.asarray(part, dtype=float) for part in self.rate_slopes(x, theta, u, time))
        else:
            by_x, by_theta = slopes_of(lambda a, b: np.atleast_1d(self.rate(a, b, u, time)), x, theta)
        return np.concatenate([slope, (by_x @ y[n:].reshape(n, -1) + by_theta).ravel()])


def _finite(found: NDArray[Any], what: str) -> Vector:
    if not np.isfinite(found).all():
        raise SolveError(f"The equation's {what} are not finite.")
    return np.asarray(found, dtype=float)


def slopes_of(
    function: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]], x: Vector, theta: Vector
) -> tuple[Matrix, Matrix]:
    """Derivatives (k, n) and (k, p) of a function of (n,) and (p,) numbers by complex steps."""
    by_x = [np.imag(function(x + 1j * TINY * axis, theta)) / TINY for axis in np.eye(len(x))]
    by_theta = [np.imag(function(x, theta + 1j * TINY * axis)) / TINY for axis in np.eye(len(theta))]
    return np.array(by_x).T, np.array(by_theta).T


def absorbed(times: ArrayLike, doses: tuple[Dose, ...], names: tuple[str, str, str] = ("ka", "ke", "V")) -> Ode:
    """Pharmacokinetics of one compartment with first-order absorption: concentration in the blood.

    ȧ = -ka a, ċ = ka a/V - ke c, with the amount a in the gut, which doses enter (state 0), and the concentration c.

    Args:
        times: when it is measured.
        doses: what is swallowed.
        names: of the rates of absorption and elimination, 1/time, and of the volume.
    """

    def rate(x: NDArray[Any], theta: NDArray[Any], u: Vector, t: float) -> ArrayLike:
        ka, ke, volume = theta[:3]
        return np.array([-ka * x[0], ka * x[0] / volume - ke * x[1]])

    return Ode(
        names,
        rate,
        lambda theta: np.zeros(2),
        tuple(map(float, np.atleast_1d(times))),
        lambda x, theta, u, t: x[1:2],
        doses,
        scale=max((dose.amount for dose in doses), default=1.0),
    )


def effect(concentration: Any, most: Any, half: Any) -> NDArray[Any]:
    """Emax model of pharmacodynamics, Emax C/(EC50 + C): what a drug does at a concentration; arrays broadcast."""
    c = np.asarray(concentration)
    return np.asarray(most * c / (half + c))
