"""Intervals against closed forms and another implementation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from holdfast.stats import clopper_pearson, mean_interval

BAD = st.lists(st.floats(0, 1), min_size=2, max_size=80)
STEPPED = st.tuples(st.integers(1, 25), st.integers(2, 80), st.integers(0, 2**32 - 1))

# Smallest n that certifies a rate of at most tau with k flips, one-sided 95 %.
SMALLEST_N = {
    0.005: (598, 947, 1258, 1549, 2100, 3389, 5808),
    0.01: (299, 473, 628, 773, 1049, 1693, 2902),
    0.02: (149, 236, 313, 386, 523, 845, 1449),
    0.05: (59, 93, 124, 153, 208, 336, 577),
    0.1: (29, 46, 61, 76, 103, 167, 286),
}


@pytest.mark.parametrize("n", [1, 2, 7, 50, 1000])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_clopper_pearson_is_the_exact_interval_of_scipy(n: int, confidence: float) -> None:
    for k in {0, 1, n // 3, n - 1, n}:
        exact = binomtest(k, n).proportion_ci(confidence, method="exact")
        assert clopper_pearson(k, n, confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize("tau", SMALLEST_N)
def test_the_smallest_samples_that_certify_a_rate_are_those_of_the_science_page(tau: float) -> None:
    for k, n in zip((0, 1, 2, 3, 5, 10, 20), SMALLEST_N[tau], strict=True):
        one_sided = 0.9  # a two-sided 90 % interval has 5 % in each tail
        assert clopper_pearson(k, n, one_sided)[1] <= tau
        assert clopper_pearson(k, n - 1, one_sided)[1] > tau


@given(BAD, st.floats(0.5, 0.999))
def test_the_value_lies_in_its_interval_and_the_interval_in_0_to_1(
    scores: list[float], confidence: float
) -> None:
    for interval in (
        mean_interval(np.array(scores), confidence),
        mean_interval(np.array(scores), confidence).flipped(),
    ):
        assert 0 <= interval.low <= interval.value <= interval.high <= 1


@given(STEPPED)
def test_that_holds_for_shares_of_cells_too(drawn: tuple[int, int, int]) -> None:
    cells, n, seed = drawn
    rates = np.random.default_rng(seed).beta(0.3, 2, n)
    bad = np.random.default_rng(seed).binomial(cells, rates) / cells
    interval = mean_interval(bad, 0.95, step=1 / cells)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.value == pytest.approx(float(bad.mean()))


@given(st.integers(1, 200), st.data())
def test_zeros_and_ones_are_binomial(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    bad = np.array([1.0] * k + [0.0] * (n - k))
    exact = binomtest(k, n).proportion_ci(0.95, method="exact")
    interval = mean_interval(bad, 0.95, step=0.1)
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(STEPPED)
def test_good_and_bad_scores_have_mirrored_intervals(drawn: tuple[int, int, int]) -> None:
    cells, n, seed = drawn
    rate = 0.02 + 0.96 * np.random.default_rng(seed).random()
    bad = np.random.default_rng(seed).binomial(cells, rate, n) / cells
    assume(bad.mean() != 0.5)  # no end is nearer
    straight = mean_interval(bad, 0.95, step=1 / cells)
    mirrored = mean_interval(1 - bad, 0.95, step=1 / cells).flipped()
    assert (mirrored.low, mirrored.value, mirrored.high) == pytest.approx(
        (straight.low, straight.value, straight.high), abs=1e-9
    )


def test_shares_use_the_effective_sample_size() -> None:
    bad = np.random.default_rng(3).binomial(20, np.random.default_rng(4).beta(1, 9, 500)) / 20
    p, variance = bad.mean(), bad.var(ddof=1) / len(bad)
    n_eff = p * (1 - p) / variance
    assert 500 < n_eff < 500 * 20
    interval = mean_interval(bad, 0.95, step=1 / 20)
    assert (interval.low, interval.high) == clopper_pearson(p * n_eff, n_eff, 0.95)


def test_fully_correlated_cells_count_each_image_once() -> None:
    """When all cells of an image agree, 25 cells are worth no more than one."""
    whole = np.asarray(np.random.default_rng(0).random(400) < 0.1, np.float64)
    assert mean_interval(whole, 0.95, step=1 / 25) == mean_interval(whole, 0.95, step=1)


def test_a_few_deviating_images_get_the_bound_from_any_deviation() -> None:
    bad = np.zeros(100)
    bad[:5] = [0.1, 0.2, 0.1, 1.0, 0.3]
    low, high = clopper_pearson(5, 100, 0.95)
    interval = mean_interval(bad, 0.95, step=0.1)
    assert interval.high == high
    assert interval.low == low * 0.1
    assert mean_interval(bad, 0.95).low == 0.0


def test_equal_scores_have_no_variance_and_still_an_interval() -> None:
    interval = mean_interval(np.full(50, 0.25, np.float64), 0.95, step=0.25)
    assert (interval.low, interval.high) == clopper_pearson(12.5, 50, 0.95)


def test_a_higher_confidence_never_gives_a_narrower_interval() -> None:
    bad = np.random.default_rng(1).beta(0.3, 3, 200)
    levels = [mean_interval(bad, confidence) for confidence in (0.5, 0.8, 0.9, 0.95, 0.99)]
    assert all(
        wide.low <= narrow.low and wide.high >= narrow.high for narrow, wide in pairwise(levels)
    )
