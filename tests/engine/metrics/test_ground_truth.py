"""Closed forms of the science reference, section 6, on answers of models that are formulas."""

import numpy as np
import pytest
from numpy.typing import NDArray

from holdfast.metrics import (
    all_pairs_consistency,
    first_flip_radius,
    flip_probability,
    pair_consistency,
    reference_consistency,
    stride_phase_index,
    survival,
    worst_case,
    worst_of_k,
)

Answers = NDArray[np.int32]


def _agrees(predicted: Answers) -> NDArray[np.bool_]:
    return np.asarray(predicted[:, 1:] == predicted[:, :1])


def _subsample() -> Answers:
    """GT-03: mean of every second column of stripes that are 1 on even columns, rolled by 0..7."""
    stripes = (np.arange(32) % 2 == 0).astype(float)
    return np.array([[int(np.roll(stripes, dx)[::2].mean() < 0.5) for dx in range(8)]], np.int32)


def test_gt03_subsampling_flips_at_every_odd_shift() -> None:
    predicted = _subsample()
    assert predicted.tolist() == [[0, 1, 0, 1, 0, 1, 0, 1]]
    assert flip_probability(predicted).tolist() == [1]
    assert reference_consistency(_agrees(predicted)).tolist() == [pytest.approx(3 / 7)]
    assert not worst_case(_agrees(predicted)).any()
    with_itself = np.hstack([predicted[:, :1], predicted])  # the identity as one of the cells
    assert reference_consistency(_agrees(with_itself)).tolist() == [0.5]


def test_gt03_all_pairs_are_a_half_and_distinct_pairs_three_sevenths() -> None:
    predicted = _subsample()
    assert all_pairs_consistency(predicted, with_identity=True).tolist() == [0.5]
    assert pair_consistency(predicted, with_identity=True).tolist() == [pytest.approx(3 / 7)]


def test_gt03_ten_independent_draws_all_agree_once_in_1024() -> None:
    draws = np.random.default_rng(3).integers(0, 8, size=(4000, 100))
    failures = (_subsample()[0][draws] != 0).sum(axis=1)
    curve = worst_of_k(failures, 100, np.arange(1, 11))
    spread = curve.std(axis=0) / np.sqrt(len(curve))
    assert (np.abs(curve.mean(axis=0) - 0.5 ** np.arange(1, 11)) < 4 * spread).all()


def test_gt03_is_pure_aliasing_and_its_first_flip_is_the_first_step() -> None:
    flips = ~_agrees(_subsample())[0][:4]  # d = 1..4, twice the stride
    assert stride_phase_index(flips.astype(float), 2) == 1
    first = first_flip_radius(_agrees(_subsample()), np.arange(1.0, 8))
    assert first.tolist() == [1]
    assert survival(first, np.array([0.5, 1])).tolist() == [1, 0]


def test_gt05_position_bands_cross_seven_borders() -> None:
    predicted = (np.arange(32) * 8 // 32)[None].astype(np.int32)
    assert flip_probability(predicted).tolist() == [pytest.approx(7 / 31)]
    assert all_pairs_consistency(predicted, with_identity=True).tolist() == [0.125]
    assert pair_consistency(predicted, with_identity=True).tolist() == [pytest.approx(3 / 31)]
    vertical = np.repeat(predicted.T, 5, axis=1)  # the column stays
    assert reference_consistency(_agrees(vertical)).tolist() == [1] * 32


@pytest.mark.parametrize("half_period", [1, 2, 4, 8])
def test_gt07_a_fixed_pixel_flips_once_in_half_a_period(half_period: int) -> None:
    width = 16 * half_period
    stripes = (np.arange(width) // half_period) % 2
    shifts = range(8 * half_period + 1)
    predicted = np.array([[np.roll(stripes, dx)[5] for dx in shifts]], np.int32)
    assert flip_probability(predicted).tolist() == [1 / half_period]


@pytest.mark.parametrize("half_period", [1, 2, 4, 8, 16])
def test_gt07_all_pairs_of_whole_periods_are_a_half(half_period: int) -> None:
    stripes = (np.arange(32) // half_period) % 2
    predicted = np.array([[np.roll(stripes, dx)[5] for dx in range(32)]], np.int32)
    assert all_pairs_consistency(predicted, with_identity=True).tolist() == [0.5]
    assert pair_consistency(predicted, with_identity=True).tolist() == [pytest.approx(15 / 31)]


def _hash_answers(images: int, cells: int, classes: int) -> Answers:
    """GT-18: argmax of sin(1e4 W x) in float64, for random images under circular shifts."""
    draw = np.random.default_rng(18)
    pixels, weights = draw.normal(size=(images, 64)), draw.normal(size=(64, classes))
    views = [np.roll(pixels, shift, axis=1) @ weights for shift in range(cells + 1)]
    return np.stack([np.sin(1e4 * view).argmax(axis=1) for view in views], axis=1).astype(np.int32)


def test_gt18_a_hash_is_the_worst_independent_model() -> None:
    classes, predicted = 10, _hash_answers(400, 38, 10)
    agrees, n = _agrees(predicted), 400 * 38
    band = 4 * np.sqrt(0.1 * 0.9 / n)
    assert abs(reference_consistency(agrees).mean() - 1 / classes) < band
    assert abs(pair_consistency(predicted).mean() - 1 / classes) < band  # distinct pairs
    assert abs(flip_probability(predicted).mean() - (1 - 1 / classes)) < band
    assert all_pairs_consistency(predicted).mean() == pytest.approx(0.1 + 0.9 / 38, abs=band)
    failures = 38 - agrees.sum(axis=1)
    curve = worst_of_k(failures, 38, np.array([1, 2, 3]))
    spread = curve.std(axis=0) / np.sqrt(len(curve))
    assert (np.abs(curve.mean(axis=0) - 0.1 ** np.arange(1, 4)) < 4 * spread).all()
    assert not worst_case(agrees).any()
    assert _hash_answers(400, 38, 10).tolist() == predicted.tolist()
