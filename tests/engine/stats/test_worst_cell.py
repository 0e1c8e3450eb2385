"""Bounds of the worst cell against single-cell bounds of scipy; the simulation is elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from holdfast.stats import WorstCellMethod, mean_interval, worst_cell

METHODS: list[WorstCellMethod] = ["each", "bonferroni", "max_t", "split"]


def _flips(seed: int, n: int = 120, m: int = 7) -> NDArray[np.bool_]:
    draw = np.random.default_rng(seed)
    return np.asarray(draw.random((n, m)) < draw.beta(0.3, 3, (n, 1)) + 0.02 * np.arange(m))


def _exact(k: int, n: int, tail: float, side: str) -> float:
    test = binomtest(k, n, alternative="less" if side == "high" else "greater")
    return float(getattr(test.proportion_ci(1 - tail, method="exact"), side))


@pytest.mark.parametrize("seed", range(5))
def test_bounds_are_the_largest_of_the_exact_bounds_of_the_cells(seed: int) -> None:
    bad = _flips(seed)
    n, m = bad.shape
    counts = [int(k) for k in bad.sum(axis=0)]
    each = worst_cell(bad, 0.95, method="each")
    assert each.bound == pytest.approx(max(_exact(k, n, 0.05, "high") for k in counts), abs=1e-9)
    assert each.low == pytest.approx(max(_exact(k, n, 0.05 / m, "low") for k in counts), abs=1e-9)
    shared = worst_cell(bad, 0.95, method="bonferroni")
    assert shared.bound == pytest.approx(
        max(_exact(k, n, 0.05 / m, "high") for k in counts), abs=1e-9
    )
    assert shared.low == each.low
    assert (each.place, each.estimate) == (int(np.argmax(counts)), max(counts) / n)


@pytest.mark.parametrize("seed", range(5))
def test_a_split_bounds_the_cell_it_chose_on_the_other_half(seed: int) -> None:
    bad = _flips(seed, 121)
    found = worst_cell(bad, 0.9, method="split", seed=seed)
    order = np.random.default_rng(seed).permutation(121)
    chosen, kept = bad[order[:60]], bad[order[60:]]
    assert found.place == int(np.argmax(chosen.sum(axis=0)))
    k = int(kept[:, found.place].sum())
    assert found.estimate == k / 61
    assert found.bound == pytest.approx(_exact(k, 61, 0.1, "high"), abs=1e-9)
    assert found.low == pytest.approx(_exact(k, 61, 0.1, "low"), abs=1e-9)


def test_shares_take_the_interval_of_the_mean() -> None:
    bad = np.random.default_rng(0).beta(0.4, 4, (150, 6))
    ends = [mean_interval(column, 0.9) for column in bad.T]
    assert worst_cell(bad, 0.95).bound == pytest.approx(max(i.high for i in ends))
    tight = [mean_interval(column, 1 - 0.1 / 6) for column in bad.T]
    assert worst_cell(bad, 0.95).low == pytest.approx(max(i.low for i in tight))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 9), st.sampled_from(METHODS))
def test_bounds_hold_their_estimate_in_0_to_1(
    seed: int, n: int, m: int, method: WorstCellMethod
) -> None:
    bad = _flips(seed, n, m)
    found = worst_cell(bad, 0.95, method=method, seed=seed)
    assert 0 <= found.low <= found.estimate <= found.bound <= 1
    assert found.method == method
    wider = worst_cell(bad, 0.99, method=method, seed=seed)
    assert wider.low <= found.low
    assert wider.bound >= found.bound
    assert worst_cell(bad, 0.95, method=method, seed=seed) == found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_cells_that_never_or_always_flip_keep_a_bound(
    value: float, method: WorstCellMethod
) -> None:
    found = worst_cell(np.full((100, 5), value), 0.95, method=method)
    assert (found.place, found.estimate) == (0, value)
    assert (found.bound > 0.02) if value == 0 else (found.low < 0.98)


def test_the_seed_draws_the_split() -> None:
    bad = _flips(1, 60)
    assert len({worst_cell(bad, 0.95, method="split", seed=s).estimate for s in range(20)}) > 3


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.zeros((5, 0)), np.full((5, 2), 1.5)])
def test_grids_without_a_worst_cell_are_refused(bad: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"worst cell|scores"):
        worst_cell(bad, 0.95)
