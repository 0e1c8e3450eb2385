"""Drift of probabilities and logits against plain loops, and what is undefined."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from holdfast.metrics import (
    mean_absolute_change,
    orbit_scores,
    read_scores,
    relative_logit_drift,
    saturated_share,
)
from holdfast.records.model import OutputKind

LOGITS = st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-8, 8).map(float))
)


def _centred(row: list[float]) -> list[float]:
    mean = math.fsum(row) / len(row)
    return [value - mean for value in row]


@given(LOGITS, st.booleans())
def test_relative_logit_drift_is_that_of_a_loop(
    scores: NDArray[np.float64],
    centred: bool,  # noqa: FBT001
) -> None:
    ours = relative_logit_drift(scores, centred=centred)
    for image, views in enumerate(scores.tolist()):
        rows = [_centred(view) if centred else view for view in views]
        size = math.hypot(*rows[0])
        if len(set(views[0])) == 1 and (centred or views[0][0] == 0):
            assert not ours.defined[image]
            assert not ours.values[image].any()
            continue
        assert ours.defined[image]
        for cell, row in enumerate(rows[1:]):
            assert ours.values[image, cell] == pytest.approx(math.dist(row, rows[0]) / size)


@given(LOGITS)
def test_no_drift_is_nan_and_undefined_images_are_left_out(scores: NDArray[np.float64]) -> None:
    ours = relative_logit_drift(scores)
    assert np.isfinite(ours.values).all()
    assert ours.per_image().shape == (int(ours.defined.sum()),)
    assert ours.per_image() == pytest.approx(ours.values[ours.defined].mean(axis=1))


def test_equal_logits_that_no_float_holds_exactly_are_undefined() -> None:
    scores = np.full((1, 2, 3), 0.1, np.float32)
    scores[0, 1, 0] = 5
    assert relative_logit_drift(scores).defined.tolist() == [False]


def test_a_common_offset_is_no_drift_of_centred_logits() -> None:
    scores = np.array([[[1.0, 2, 4], [11, 12, 14]]])
    assert relative_logit_drift(scores).values.tolist() == [[0]]
    assert relative_logit_drift(scores, centred=False).values[0, 0] == pytest.approx(
        math.sqrt(300 / 21)
    )


def test_a_single_score_cannot_be_centred() -> None:
    with pytest.raises(ValueError, match="two classes"):
        relative_logit_drift(np.zeros((1, 2, 1)))


@given(arrays(np.float32, (4, 6), elements=st.floats(0, 1, width=32)))
def test_mean_absolute_change_is_that_of_a_loop(likely: NDArray[np.float32]) -> None:
    for row, ours in zip(likely.tolist(), mean_absolute_change(likely), strict=True):
        assert ours == pytest.approx(sum(abs(p - row[0]) for p in row[1:]) / 5)


def test_labels_have_no_drift_and_say_so() -> None:
    seen = read_scores(np.array([[[3], [3], [5]]], np.float32), OutputKind.labels)
    with pytest.raises(ValueError, match="no probabilities"):
        mean_absolute_change(seen.reference_probability)
    assert np.isnan(orbit_scores(seen, np.array([3]), 1e-5).drift).all()


def test_saturation_is_counted_where_the_probability_is_exactly_one() -> None:
    raw = np.array([[[200, 0], [0, 300], [1, 0], [9, 0]]], np.float32)
    seen = read_scores(raw, OutputKind.logits)
    assert saturated_share(seen.predicted_probability) == 0.5
    with pytest.raises(ValueError, match="one view"):
        saturated_share(np.zeros((0, 4)))
