"""Betting intervals against the definition on a grid of means, in plain Python."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.stats import ConfidenceSequence, betting_interval, confidence_sequence

SEEDS = st.integers(0, 2**32 - 1)


def _shares(seed: int, n: int, p: float = 0.1) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    return np.asarray(draw.binomial(10, draw.beta(p, 1 - p, n)) / 10)


def _alive(x: list[float], mean: float, confidence: float, *, fixed_n: bool = False) -> list[bool]:
    """Is a mean not refuted after each image? Section 4.2 and 4.7, one image at a time."""
    level = math.log(2 / (1 - confidence))
    up = down = total = squares = 0.0
    alive, history = True, []
    for t, score in enumerate(x, 1):
        variance = (0.25 + squares) / t
        rest = len(x) if fixed_n else t * math.log(1 + t)
        stake = math.sqrt(2 * level / (variance * rest))
        up += math.log1p(min(stake, 0.5 / mean if mean else math.inf) * (score - mean))
        down += math.log1p(-min(stake, 0.5 / (1 - mean) if mean < 1 else math.inf) * (score - mean))
        alive = alive and max(up, down) < level
        history.append(alive)
        total += score
        squares += (score - (0.5 + total) / (t + 1)) ** 2
    return history


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_fixed_interval_is_its_definition(seed: int, n: int, confidence: float) -> None:
    x = _shares(seed, n)
    low, high = betting_interval(x, confidence)
    inside = np.linspace(low + 1e-6, high - 1e-6, 8)
    outside = [end for end in (low - 1e-6, high + 1e-6) if 0 < end < 1]
    listed = x.tolist()
    assert all(_alive(listed, mean, confidence, fixed_n=True)[-1] for mean in inside)
    assert not any(_alive(listed, mean, confidence, fixed_n=True)[-1] for mean in outside)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.integers(1, 150), st.sampled_from([0.2, 0.05]))
def test_the_sequence_is_its_definition(seed: int, n: int, alpha: float) -> None:
    x = _shares(seed, n)
    low, high = confidence_sequence(x, alpha, resolution=0.02)
    grid = np.linspace(0, 1, 51)
    alive = np.array([_alive(x.tolist(), mean, 1 - alpha) for mean in grid])
    for t in range(n):
        kept = np.flatnonzero(alive[:, t])
        assert low[t] == grid[max(kept[0] - 1, 0)]
        assert high[t] == grid[min(kept[-1] + 1, 50)]


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.lists(st.integers(0, 200), max_size=10))
def test_blocks_of_any_size_give_the_same_sequence(seed: int, sizes: list[int]) -> None:
    x = _shares(seed, 300)
    low, high = confidence_sequence(x, 0.05, resolution=0.002)
    blocks = ConfidenceSequence(0.05, resolution=0.002)
    parts = [blocks.update(p) for p in np.split(x, np.minimum(np.cumsum(sizes, dtype=int), 300))]
    assert np.array_equal(np.concatenate([part[0] for part in parts]), low)
    assert np.array_equal(np.concatenate([part[1] for part in parts]), high)
    assert (blocks.n, blocks.low, blocks.high) == (300, low[-1], high[-1])


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.floats(0.01, 0.5))
def test_a_sequence_only_ever_narrows(seed: int, alpha: float) -> None:
    low, high = confidence_sequence(_shares(seed, 200), alpha, resolution=0.005)
    assert np.all(np.diff(low) >= 0)
    assert np.all(np.diff(high) <= 0)
    assert np.all((low >= 0) & (low < high) & (high <= 1))


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from([0.8, 0.95]))
def test_good_and_bad_scores_have_mirrored_bounds(seed: int, confidence: float) -> None:
    """Up to the start of the mean at 1/2, the bets do not know which end is good."""
    x = _shares(seed, 80)
    low, high = betting_interval(x, confidence)
    assert betting_interval(1 - x, confidence) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    sequence, mirrored = (ConfidenceSequence(1 - confidence, resolution=0.002) for _ in range(2))
    sequence.update(x)
    mirrored.update(1 - x)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - sequence.high, 1 - sequence.low))


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_scores_are_inside(value: float) -> None:
    x = np.full(300, value)
    for low, high in (
        betting_interval(x, 0.95),
        [ends[-1] for ends in confidence_sequence(x, 0.05)],
    ):
        assert low <= value <= high
        assert high - low < 0.1


def test_an_order_that_refutes_every_mean_keeps_the_last_interval() -> None:
    """All good images first, all bad ones then: no random order, but no crash and no empty set."""
    x = np.r_[np.zeros(500), np.ones(500), np.zeros(4000)]
    low, high = confidence_sequence(x, 0.05)
    assert low[-1] < high[-1]
    assert np.all(high[499:] == high[499])
    assert np.all(low[999:] == low[999])
    assert len(low) == 5000
    ends = betting_interval(x, 0.95)
    assert 0 <= ends[0] <= ends[1] <= 1


def test_no_image_says_nothing() -> None:
    assert betting_interval([], 0.95) == (0, 1)
    sequence = ConfidenceSequence(0.05)
    low, high = sequence.update([])
    assert len(low) == len(high) == 0
    assert (sequence.n, sequence.low, sequence.high) == (0, 0, 1)


def test_five_thousand_images_take_well_under_a_second() -> None:
    x = (np.random.default_rng(0).random(5000) < 0.05) * 1.0
    spent = []
    for _ in range(3):
        began = time.process_time()
        confidence_sequence(x, 0.05)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.5


@pytest.mark.parametrize("resolution", [0.0, 0.6, -1.0])
def test_a_grid_that_is_none_is_refused(resolution: float) -> None:
    with pytest.raises(ValueError, match="resolution"):
        ConfidenceSequence(0.05, resolution=resolution)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_no_level_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="level"):
        betting_interval([0.1], confidence)
    with pytest.raises(ValueError, match="level"):
        ConfidenceSequence(confidence)
