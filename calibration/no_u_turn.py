"""nutpie's no-U-turn sampler over a density that only this thread may ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError

type Vector = NDArray[np.float64]
type Density = Callable[[Vector], tuple[float, Vector]]
"""Log density and its gradient (p,) at a point (p,); raises ``SolveError`` where there is none."""


@dataclass(frozen=True)
class Chain:
    """What was drawn.

    Attributes:
        u: draws (n, p).
        step: of the integrator.
        diverged: trajectories that lost their way, those that ended at a prediction that failed among them.
    """

    u: NDArray[np.float64]
    step: float
    diverged: int


class _Nowhere(Exception):  # noqa: N818 (nutpie asks for the attribute)
    is_recoverable = True


def sampled(density: Density, size: int, draws: int, warm: int, seed: int) -> Chain:
    """Draw from a density that is about a standard normal.

    nutpie samples in a thread of its own, where neither MPI nor PETSc may be called; the density is asked for in the
    thread that calls this function.

    Args:
        density: what to draw from.
        size: p.
        draws: that are kept.
        warm: draws of the warm-up.
        seed: of all numbers at random; the same seed gives the same draws.

    Raises:
        InputError: nutpie is not installed.
    """
    try:
        import nutpie
        from nutpie.compiled_pyfunc import from_pyfunc
    except ModuleNotFoundError as error:
        what, hint = "needs a library that is not there", "install fibertwin[bayes]"
        raise InputError(Problem("method", what, got="nuts", hint=hint)) from error
    asked: SimpleQueue[Vector | None] = SimpleQueue()
    told: SimpleQueue[tuple[float, Vector] | BaseException] = SimpleQueue()
    ended: list[Any] = []
    random = np.random.default_rng([seed, 5])

    def across(u: Vector) -> tuple[float, Vector]:
        asked.put(np.array(u))
        answer = told.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    model = from_pyfunc(
        size,
        lambda: across,
        lambda *_: lambda u: {"u": np.asarray(u)},
        [np.dtype(np.float64)],
        [(size,)],
        ["u"],
        make_initial_point_fn=lambda _: random.standard_normal(size),
    )

    def run() -> None:
        try:
            options = {"chains": 1, "cores": 1, "seed": seed, "progress_bar": False}
            ended.append(nutpie.sample(model, draws=draws, tune=warm, **options))
        except BaseException as error:  # told in the other thread
            ended.append(error)
        finally:
            asked.put(None)

    Thread(target=run, daemon=True).start()
    _serve(density, asked, told)
    found = ended[0]
    if isinstance(found, BaseException):
        raise found
    statistics = found.sample_stats
    step, diverged = float(statistics["step_size"].values[0, -1]), int(statistics["diverging"].values.sum())
    return Chain(np.array(found.posterior["u"].values[0]), step, diverged)


def _serve(
    density: Density, asked: "SimpleQueue[Vector | None]", told: "SimpleQueue[tuple[float, Vector] | BaseException]"
) -> None:
    """Answer the sampler's thread until it ends."""
    while (u := asked.get()) is not None:
        try:
            told.put(density(u))
        except SolveError as error:
            told.put(_Nowhere(str(error)))
        except BaseException as error:
            told.put(error)  # ends the sampler
            raise
