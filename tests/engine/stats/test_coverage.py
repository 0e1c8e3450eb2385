"""Simulated coverage: correlated cells of one image must not make the interval too narrow."""

import numpy as np
import pytest
from numpy.typing import NDArray

from holdfast.stats import mean_interval

REPLICATIONS = 600
NOMINAL = 0.95
# n images, m cells, true rate, correlation of the cells of one image
SETTINGS = [
    (200, 20, 0.05, 0.5),
    (200, 64, 0.10, 0.5),
    (100, 32, 0.02, 0.7),
    (500, 25, 0.05, 0.3),
    (1000, 25, 0.02, 0.6),
    (100, 25, 0.20, 0.5),
    (100, 20, 0.02, 0.7),
    (60, 8, 0.005, 0.9),
]


def _shares(draw: np.random.Generator, n: int, m: int, p: float, rho: float) -> NDArray[np.float64]:
    """Beta-binomial: every image has its own rate, so its cells are correlated by rho."""
    spread = 1 / rho - 1
    return np.asarray(draw.binomial(m, draw.beta(p * spread, (1 - p) * spread, n)) / m)


def _coverage(n: int, m: int, p: float, rho: float, *, good: bool) -> float:
    draw = np.random.default_rng(20261124)
    covered = 0
    for _ in range(REPLICATIONS):
        bad = _shares(draw, n, m, p, rho)
        interval = mean_interval(1 - bad if good else bad, NOMINAL, step=1 / m)
        covered += interval.low <= (1 - p if good else p) <= interval.high
    return covered / REPLICATIONS


@pytest.mark.parametrize("good", [False, True], ids=["bad", "good"])
@pytest.mark.parametrize(("n", "m", "p", "rho"), SETTINGS)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    n: int, m: int, p: float, rho: float, *, good: bool
) -> None:
    assert _coverage(n, m, p, rho, good=good) >= NOMINAL - 0.02


def test_counting_every_view_as_independent_would_cover_less_than_half() -> None:
    """The control: the simulation does tell a wrong interval from a right one."""
    draw, covered = np.random.default_rng(1), 0
    for _ in range(REPLICATIONS):
        views = _shares(draw, 200, 20, 0.05, 0.5).sum() * 20
        wrong = mean_interval(np.repeat([1.0, 0.0], [int(views), 4000 - int(views)]), NOMINAL)
        covered += wrong.low <= 0.05 <= wrong.high
    assert covered / REPLICATIONS < 0.6
