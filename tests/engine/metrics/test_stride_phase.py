"""Stride-phase separation on closed forms and on tiny circular nets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.metrics import (
    effective_period,
    relative_logit_drift,
    stride_phase_by_period,
    stride_phase_index,
)


def _net_error(stride: int, *, border: bool = False) -> NDArray[np.float64]:
    """Mean RLD for d = 1..2 stride of: smooth, rectify, keep every stride-th, rectify, pool, mix.

    `border` loses what the shift moves out of the left half.
    """
    draw = np.random.default_rng(0)
    images, mix, kernel = draw.normal(size=(12, 64)), draw.normal(size=(2, 4)), draw.normal(size=3)
    spans = range(1, 2 * stride + 1)

    def logits(x: NDArray[np.float64]) -> NDArray[np.float64]:
        if border:
            x = np.concatenate([x[:, :32], np.zeros((len(x), 32))], axis=1)
        maps = np.maximum(sum(w * np.roll(x, s, 1) for s, w in enumerate(kernel)), 0)
        kept = maps[:, ::stride]
        two = np.stack([np.maximum(kept - 0.5, 0).mean(axis=1), (kept**2).mean(axis=1)], axis=1)
        return np.asarray(two @ mix)

    views = np.stack([logits(np.roll(images, d, 1)) for d in (0, *spans)], axis=1)
    return np.asarray(relative_logit_drift(views).values.mean(axis=0))


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=20), st.integers(2, 8))
def test_the_index_is_that_of_a_loop(error: list[float], stride: int) -> None:
    on = [e for d, e in enumerate(error, 1) if d % stride == 0]
    off = [e for d, e in enumerate(error, 1) if d % stride]
    ours = stride_phase_index(np.array(error), stride)
    if not on:
        assert ours is None
        return
    before, after = sum(off) / len(off), sum(on) / len(on)
    assert ours == pytest.approx((before - after) / before)


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_circular_net_that_strides_once_is_pure_aliasing(stride: int) -> None:
    assert stride_phase_index(_net_error(stride), stride) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("stride", [3, 4, 8])
def test_the_law_of_a_decimator_gives_one(stride: int) -> None:
    shifts = np.arange(1, 2 * stride + 1)
    error = 2 * np.abs(np.sin(np.pi * shifts / stride))
    assert stride_phase_index(error, stride) == pytest.approx(1)


def test_an_error_that_does_not_know_the_grid_gives_zero() -> None:
    assert stride_phase_index(np.full(8, 0.3), 4) == pytest.approx(0)


def test_an_error_that_grows_with_distance_gives_less_than_zero() -> None:
    index = stride_phase_index(np.arange(1.0, 9), 4)
    assert index == pytest.approx((4 - 6) / 4)


def test_a_border_is_no_aliasing() -> None:
    index = stride_phase_index(_net_error(4, border=True), 4)
    assert index is not None
    assert index < 0.5


def test_it_is_undefined_when_no_shift_moves_the_output() -> None:
    assert stride_phase_index(np.zeros(8), 4) is None
    assert stride_phase_index(np.full(8, 7e-7), 4) is None  # the noise of float32
    assert stride_phase_index(np.full(8, 1e-3), 4, floor=1e-2) is None
    assert stride_phase_index(np.ones(4), 1) is None
    assert stride_phase_index(np.ones(3), 4) is None
    assert stride_phase_index(np.array([]), 2) is None


def test_the_smallest_period_that_explains_the_error_is_found() -> None:
    shifts = np.arange(1, 17)
    for period in (2, 4, 8):
        error = (shifts % period != 0).astype(float)
        staged = stride_phase_by_period(error, 8)
        assert list(staged) == [8, 4, 2]
        assert effective_period(staged) == period
        assert staged[period] == 1


def test_a_mixture_of_stages_names_the_coarser_one() -> None:
    shifts = np.arange(1, 9)
    error = np.where(shifts % 2, 1.0, np.where(shifts % 4, 0.6, 0.0))
    staged = stride_phase_by_period(error, 4)
    assert staged == {4: 1, 2: pytest.approx(0.7)}
    assert effective_period(staged) == 4
    assert effective_period(staged, threshold=0.69) == 2


def test_odd_factors_are_not_divided_and_nothing_has_no_period() -> None:
    assert list(stride_phase_by_period(np.ones(24), 12)) == [12, 6, 3]
    assert list(stride_phase_by_period(np.ones(6), 3)) == [3]
    assert stride_phase_by_period(np.ones(2), 1) == {}
    assert effective_period({}) is None
    assert effective_period({4: None, 2: 0.1}) is None
