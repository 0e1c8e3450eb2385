"""Sets of labels as answers: compared whole, changed clearly or not, right or wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, hamming_loss

from holdfast.metrics import (
    answer_codes,
    correct_answers,
    label_agreement,
    orbit_scores,
    pair_consistency,
    read_scores,
)
from holdfast.metrics.heads import probabilities
from holdfast.records.model import OutputKind

LOGITS, LIKELY = OutputKind.multilabel_logits, OutputKind.multilabel_probabilities
SHAPES = st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(2, 10))
SCORES = SHAPES.flatmap(
    lambda shape: arrays(
        np.float32, shape, elements=st.sampled_from([-3.0, -0.1, -1e-6, 0.0, 1e-6, 0.1, 2.0])
    )
)
SETS = SHAPES.flatmap(lambda shape: arrays(np.bool_, shape))


def _distance(z: float) -> float:
    return 1 - math.exp(-abs(z))


@given(SCORES, st.sampled_from([1e-5, 5e-3, 0.2]))
def test_a_set_flips_when_a_decided_label_changes(
    scores: NDArray[np.float32], tolerance: float
) -> None:
    seen = read_scores(scores, LOGITS)
    ours = orbit_scores(seen, np.full(len(scores), -1), tolerance)
    for image, views in enumerate(scores.tolist()):
        for cell, view in enumerate(views[1:]):
            pairs = list(zip(views[0], view, strict=True))
            changed = [(a, b) for a, b in pairs if (a > 0) != (b > 0)]
            clear = [min(_distance(a), _distance(b)) > tolerance for a, b in changed]
            assert ours.flip[image, cell] == any(clear)
            assert ours.tie[image, cell] == (bool(changed) and not any(clear))


@given(SCORES)
def test_the_margin_at_the_identity_is_never_the_smaller(scores: NDArray[np.float32]) -> None:
    seen = read_scores(scores, LOGITS)
    changed = seen.predicted[:, 1:] != 0
    assert (seen.margin[:, 1:] <= seen.margin[:, :1])[changed].all()


@given(SETS)
def test_codes_are_equal_exactly_when_sets_are(answers: NDArray[np.bool_]) -> None:
    codes = answer_codes(answers)
    for image, sets in enumerate(answers.tolist()):
        for view, one in enumerate(sets):
            assert codes[image, view] == sets.index(one)


def test_sets_that_differ_in_the_last_of_many_labels_differ() -> None:
    answers = np.zeros((1, 3, 9001), bool)
    answers[0, 1, -1] = True
    assert answer_codes(answers).tolist() == [[0, 1, 0]]


@given(SETS)
def test_label_agreement_is_one_minus_the_hamming_loss(answers: NDArray[np.bool_]) -> None:
    ours = label_agreement(answers)
    for image, sets in enumerate(answers):
        for cell, one in enumerate(sets[1:]):
            assert ours[image, cell] == pytest.approx(1 - hamming_loss(sets[0], one))


@given(SETS, st.data())
def test_correct_is_a_label_in_the_set_or_the_whole_truth(
    answers: NDArray[np.bool_], data: st.DataObject
) -> None:
    n, views, k = answers.shape
    seen = read_scores(np.where(answers, 1, -1).astype(np.float32), LOGITS)
    labels = data.draw(arrays(np.int64, n, elements=st.integers(-1, k - 1)))
    truth = data.draw(arrays(np.bool_, (n, k)))
    single, whole = correct_answers(seen, labels), correct_answers(seen, truth)
    for image in range(n):
        for view in range(views):
            inside = labels[image] >= 0 and bool(answers[image, view, labels[image]])
            assert single[image, view] == inside
    for view in range(views):
        assert whole[:, view].mean() == pytest.approx(accuracy_score(truth, answers[:, view]))


def test_logits_and_their_sigmoid_are_read_alike() -> None:
    draw = np.random.default_rng(1)
    raw = draw.normal(size=(6, 5, 8)).astype(np.float32) * 2
    before, after = read_scores(raw, LOGITS), read_scores(probabilities(raw, LOGITS), LIKELY)
    assert before.predicted.tolist() == after.predicted.tolist()
    assert after.margin == pytest.approx(before.margin, abs=1e-5)
    assert after.reference_probability == pytest.approx(before.reference_probability, abs=1e-6)
    top = raw[:, 0].argmax(axis=-1)
    expected = probabilities(raw, LOGITS)[np.arange(6), :, top]
    assert before.reference_probability == pytest.approx(expected)
    assert before.predicted_probability == pytest.approx(probabilities(raw, LOGITS).max(axis=-1))


def test_no_label_at_all_is_an_answer() -> None:
    raw = np.full((1, 3, 4), -2, np.float32)
    raw[0, 2, 1] = 2
    seen = read_scores(raw, LOGITS)
    assert seen.predicted.tolist() == [[0, 0, 2]]
    assert orbit_scores(seen, np.array([1]), 1e-5).flip.tolist() == [[False, True]]
    assert correct_answers(seen, np.array([1])).tolist() == [[False, False, True]]
    assert correct_answers(seen, np.zeros((1, 4), bool)).tolist() == [[True, True, False]]


def test_distinct_pairs_of_sets_are_pairs_of_codes() -> None:
    sets = np.array([[[0, 0], [1, 0], [1, 0], [0, 1]]], bool)
    assert pair_consistency(answer_codes(sets)).tolist() == [pytest.approx(1 / 3)]


def test_labels_of_another_form_are_refused() -> None:
    one = read_scores(np.zeros((2, 2, 3), np.float32), OutputKind.logits)
    many = read_scores(np.zeros((2, 2, 3), np.float32), LOGITS)
    with pytest.raises(ValueError, match="one label per image"):
        correct_answers(one, np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="not those of the head"):
        correct_answers(many, np.zeros((2, 4), bool))
    with pytest.raises(ValueError, match="beyond"):
        correct_answers(many, np.array([0, 3]))
