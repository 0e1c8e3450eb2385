"""Flips, ties, drift and accuracy against a slow loop that is plainly right."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.metrics import orbit_scores, read_scores
from holdfast.metrics.labels import probabilities, tie_tolerance
from holdfast.records.model import Arithmetic, OutputKind

LOGITS, PROBABILITIES = OutputKind.logits, OutputKind.probabilities


def _argmax(row: Sequence[float]) -> int:
    best = 0
    for index, score in enumerate(row):
        if score > row[best]:
            best = index
    return best


def _margin(row: Sequence[float]) -> float:
    ranked = sorted(row, reverse=True)
    return (ranked[0] - ranked[1]) / max(*map(abs, row), 1e-30)


def _likely(row: Sequence[float], kind: OutputKind) -> list[float]:
    if kind is PROBABILITIES:
        return list(row)
    powers = [math.exp(score - max(row)) for score in row]
    return [power / sum(powers) for power in powers]


def _check_image(
    raw: NDArray[np.float32], label: int, kind: OutputKind, tolerance: float, place: int
) -> None:
    seen = read_scores(raw, kind)
    ours = orbit_scores(seen, np.full(len(raw), label), tolerance)
    views = [[float(score) for score in row] for row in raw[place]]
    first = _argmax(views[0])
    for cell, row in enumerate(views[1:]):
        changed = _argmax(row) != first
        clear = _margin(row) > tolerance and _margin(views[0]) > tolerance
        assert bool(ours.flip[place, cell]) == (changed and clear)
        assert bool(ours.tie[place, cell]) == (changed and not clear)
        assert bool(ours.correct[place, cell]) == (_argmax(row) == label)
        moved = abs(_likely(row, kind)[first] - _likely(views[0], kind)[first])
        assert float(ours.drift[place, cell]) == pytest.approx(moved, abs=1e-5)
        assert float(seen.predicted_probability[place, cell + 1]) == pytest.approx(
            _likely(row, kind)[_argmax(row)], abs=1e-5
        )
    assert bool(ours.correct_reference[place]) == (first == label)


@pytest.mark.parametrize("kind", [LOGITS, PROBABILITIES])
@pytest.mark.parametrize("tolerance", [1e-5, 5e-3, 0.3])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_every_image_and_cell_is_what_a_plain_loop_finds(
    kind: OutputKind, tolerance: float, classes: int
) -> None:
    draw = np.random.default_rng(classes)
    raw = draw.normal(size=(12, 7, classes)).astype(np.float32) * 2
    raw[3:6] = np.round(raw[3:6])  # many equal scores
    raw[6] = raw[6, 0]  # never moves
    if kind is PROBABILITIES:
        raw = probabilities(raw, LOGITS)
    for place in range(len(raw)):
        for label in (0, 1, -1):
            _check_image(raw, label, kind, tolerance, place)


@given(st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=8))
@settings(deadline=None)
def test_softmax_is_a_distribution_and_forgets_a_common_offset(row: list[float]) -> None:
    logits = np.array([row], np.float32)
    likely = probabilities(logits, LOGITS)
    assert likely.sum() == pytest.approx(1, abs=1e-5)
    assert likely[0] == pytest.approx(_likely(row, LOGITS), abs=1e-5)
    assert probabilities(logits + np.float32(16), LOGITS) == pytest.approx(likely, abs=1e-4)


def test_huge_logits_do_not_overflow() -> None:
    likely = probabilities(np.array([[3e38, -3e38, 0]], np.float32), LOGITS)
    assert likely.tolist() == [[1, 0, 0]]


def test_probabilities_are_not_softened_twice() -> None:
    given_ = np.array([[0.9, 0.1]], np.float32)
    assert probabilities(given_, PROBABILITIES).tolist() == given_.tolist()


def test_equal_scores_choose_the_first_class_and_count_as_a_tie() -> None:
    raw = np.array([[[1, 1, 0], [1, 1.000001, 0], [0, 2, 0]]], np.float32)
    seen = read_scores(raw, LOGITS)
    assert seen.predicted.tolist() == [[0, 1, 1]]
    scores = orbit_scores(seen, np.array([0]), 1e-5)
    assert scores.tie.tolist() == [[True, True]]
    assert not scores.flip.any()


def test_an_image_without_a_label_is_never_correct() -> None:
    raw = np.zeros((2, 3, 4), np.float32)
    scores = orbit_scores(read_scores(raw, LOGITS), np.array([-1, 0]), 1e-5)
    assert scores.correct.tolist() == [[False, False], [True, True]]
    assert scores.correct_reference.tolist() == [False, True]


def test_scores_of_zero_have_a_margin_of_zero() -> None:
    assert read_scores(np.zeros((1, 2, 3), np.float32), LOGITS).margin.tolist() == [[0, 0]]


def test_coarse_arithmetic_has_coarse_ties() -> None:
    assert tie_tolerance(Arithmetic.float32) == 1e-5
    assert tie_tolerance(Arithmetic.float16) == tie_tolerance(Arithmetic.int8) == 5e-3
