"""Flips along a sweep, top-5 distance and first flips, against the published formulas in loops."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import ecdf, rankdata

from holdfast.metrics import first_flip_radius, flip_probability, survival, top5_distance

SWEEPS = st.tuples(st.integers(1, 5), st.integers(2, 9)).flatmap(
    lambda shape: st.tuples(
        arrays(np.int32, shape, elements=st.integers(0, 3)), arrays(np.bool_, shape)
    )
)


def _published_fp(videos: list[list[int]]) -> float:
    """ImageNet-P: 1 / (m (n - 1)) sum over videos and adjacent frames."""
    m, n = len(videos), len(videos[0])
    changes = 0
    for frames in videos:
        for j in range(1, n):
            changes += frames[j] != frames[j - 1]
    return changes / (m * (n - 1))


@given(SWEEPS)
def test_the_mean_flip_probability_is_that_of_the_publication(
    sweep: tuple[NDArray[np.int32], NDArray[np.bool_]],
) -> None:
    predicted, _ = sweep
    assert flip_probability(predicted).mean() == pytest.approx(_published_fp(predicted.tolist()))


@given(SWEEPS)
def test_a_change_counts_when_both_views_are_clear(
    sweep: tuple[NDArray[np.int32], NDArray[np.bool_]],
) -> None:
    predicted, clear = sweep
    for row, sure, ours in zip(
        predicted.tolist(), clear.tolist(), flip_probability(predicted, clear), strict=True
    ):
        steps = len(row) - 1
        flips = [row[j] != row[j + 1] and sure[j] and sure[j + 1] for j in range(steps)]
        assert ours == pytest.approx(sum(flips) / steps)


def test_a_single_crossing_halves_with_the_step() -> None:
    for frames in (8, 16):
        row = np.array([[0] * (frames // 2) + [1] * (frames - frames // 2)], np.int32)
        assert flip_probability(row)[0] == pytest.approx(1 / (frames - 1))


def test_a_sweep_of_one_view_is_refused() -> None:
    with pytest.raises(ValueError, match="two views"):
        flip_probability(np.zeros((2, 1), np.int32))


def _published_distance(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """The double sum of ImageNet-P over the rank permutation, straight from the paper."""
    rank = rankdata(-after, method="ordinal").astype(int)
    order = np.argsort(-before, kind="stable")
    total = 0
    for i in range(1, 6):
        sigma = int(rank[order[i - 1]])
        for j in range(min(i, sigma) + 1, max(i, sigma) + 1):
            total += 1 <= j - 1 <= 5
    return total


@given(
    st.integers(5, 12).flatmap(
        lambda k: arrays(np.float64, (3, 4, k), elements=st.integers(-4, 4).map(float))
    )
)
def test_top5_distance_is_the_published_double_sum(scores: NDArray[np.float64]) -> None:
    ours = top5_distance(scores)
    for views, distance in zip(scores, ours, strict=True):
        steps = [_published_distance(a, b) for a, b in pairwise(views)]
        assert distance == pytest.approx(sum(steps) / len(steps))


def test_top5_distance_of_known_swaps() -> None:
    ranked = np.arange(10, 0, -1.0)
    swapped = ranked[[1, 0, *range(2, 10)]]
    assert top5_distance(np.stack([ranked, ranked])[None]).tolist() == [0]
    assert top5_distance(np.stack([ranked, swapped])[None]).tolist() == [2]
    away = np.concatenate([ranked[5:], ranked[:5]])  # all five leave: 5 + 4 + 3 + 2 + 1
    assert top5_distance(np.stack([ranked, away])[None]).tolist() == [15]
    below = ranked[[*range(5), 9, 8, 7, 6, 5]]  # ranks six to ten do not matter
    assert top5_distance(np.stack([ranked, below])[None]).tolist() == [0]


@pytest.mark.parametrize("shape", [(1, 2, 4), (1, 1, 5)])
def test_top5_distance_needs_five_classes_and_a_step(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="five classes"):
        top5_distance(np.zeros(shape))


@given(arrays(np.bool_, (4, 6)), arrays(np.float64, 6, elements=st.integers(1, 5).map(float)))
def test_the_first_flip_is_the_nearest_in_any_order_of_the_cells(
    agrees: NDArray[np.bool_], radius: NDArray[np.float64]
) -> None:
    for row, ours in zip(agrees, first_flip_radius(agrees, radius), strict=True):
        flipped = [r for r, same in zip(radius, row, strict=True) if not same]
        assert ours == min(flipped, default=math.inf)


@given(
    arrays(
        np.float64,
        st.integers(1, 9),
        elements=st.sampled_from([1.0, 2.0, 3.0, 4.0, math.inf]),
    )
)
def test_survival_is_one_minus_the_empirical_distribution(first: NDArray[np.float64]) -> None:
    grid = np.array([0.5, 1.0, 2.0, 2.5, 4.0])
    finite = np.where(np.isinf(first), 1e9, first)
    assert survival(first, grid) == pytest.approx(ecdf(finite).sf.evaluate(grid))


def test_survival_of_known_radii() -> None:
    first = np.array([1.0, 2.0, 2.0, math.inf])
    assert survival(first, np.array([0, 1, 2, 8])).tolist() == [1, 0.75, 0.25, 0.25]


def test_survival_of_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="one image"):
        survival(np.array([]), np.array([1.0]))
