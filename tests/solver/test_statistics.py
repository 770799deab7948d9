"""Volume-weighted statistics of values spread over ranks, against sorting them all in one place."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.solver.statistics import PERCENTILES, summarize

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD


@pytest.fixture
def spread():
    rng = np.random.default_rng(11)
    values, weights, points = rng.normal(size=1000), rng.uniform(0.1, 2, 1000), rng.uniform(size=(1000, 3))
    mine = np.arange(1000) % WORLD.size == WORLD.rank
    return (values, weights, points), (values[mine], weights[mine], points[mine])


def test_percentiles_mean_and_extremes(spread):
    (values, weights, points), mine = spread
    found = summarize(WORLD, *mine)
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    for q in PERCENTILES:
        assert found.percentiles[q] == pytest.approx(values[order][np.searchsorted(share, q / 100)], rel=1e-12)
    assert found.mean == pytest.approx(np.average(values, weights=weights), rel=1e-12)
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.maximum_at == tuple(points[np.argmax(values)])


def test_histogram_holds_all_the_volume(spread):
    (values, weights, _), mine = spread
    found = summarize(WORLD, *mine)
    assert found.volume_fraction.sum() == pytest.approx(1.0)
    inner = (values > found.edges[3]) & (values <= found.edges[4])
    assert found.volume_fraction[3] == pytest.approx(weights[inner].sum() / weights.sum(), abs=1e-12)


def test_a_rank_may_have_nothing():
    empty = WORLD.rank > 0
    values = np.zeros(0) if empty else np.array([1.0, 2.0])
    found = summarize(WORLD, values, np.ones_like(values), np.zeros((len(values), 3)))
    assert found.maximum == 2.0
    assert found.percentiles[50] == pytest.approx(1.0)


def test_a_constant_is_summarized():
    found = summarize(WORLD, np.full(4, 3.0), np.ones(4), np.zeros((4, 3)))
    assert found.percentiles[95] == pytest.approx(3.0)
    assert found.volume_fraction.sum() == pytest.approx(1.0)
