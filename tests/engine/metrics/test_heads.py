"""Every kind of classifier head: recognised, read, and alike however its scores are written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import expit, log_softmax
from scipy.special import logit as exact_logit

from holdfast.metrics import class_count, guess_kind, has_scores, orbit_scores, read_scores
from holdfast.metrics.heads import logits, probabilities
from holdfast.records.model import OutputKind

BINARY = arrays(np.float32, (3, 5, 1), elements=st.floats(-60, 60, width=32))
UNLABELLED = np.full(3, -1)


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        (np.array([[0.2, 0.8], [0.5, 0.5]]), OutputKind.probabilities),
        (np.array([[0.2, 0.8005], [1.0005, -0.0005]]), OutputKind.probabilities),
        (np.array([[0.2, 0.8], [0.9, 0.9]]), OutputKind.multilabel_probabilities),
        (np.array([[0.0, 0.0], [0.1, 0.2]]), OutputKind.multilabel_probabilities),
        (np.array([[0.2, 0.8], [0.9, 1.9]]), OutputKind.logits),
        (np.array([[0.2, 0.8], [1.9, -0.9]]), OutputKind.logits),  # sums to one, not in [0, 1]
        (np.array([[0.2], [1.0]]), OutputKind.binary_probability),
        (np.array([[0.2], [1.1]]), OutputKind.binary_logit),
        (np.array([[-0.2], [0.7]]), OutputKind.binary_logit),
        (np.array([[3], [1]]), OutputKind.labels),
        (np.array([[0, 255], [180, 3]], np.uint8), OutputKind.logits),
    ],
)
def test_a_kind_is_recognised(scores: NDArray[np.float64], kind: OutputKind) -> None:
    if np.issubdtype(scores.dtype, np.floating):
        assert guess_kind(scores.astype(np.float32)) is kind
        assert guess_kind(scores.astype(np.float16)) is kind
    assert guess_kind(scores) is kind


@given(arrays(np.float32, (4, 3), elements=st.floats(-80, 80, width=32)))
def test_probabilities_and_logits_agree_with_scipy(scores: NDArray[np.float32]) -> None:
    wide = scores.astype(np.float64)
    sigmoid = probabilities(scores, OutputKind.multilabel_logits)
    assert sigmoid == pytest.approx(expit(wide), abs=1e-6)
    softmax = probabilities(scores, OutputKind.logits)
    least = np.log(np.finfo(np.float32).tiny)
    again = logits(softmax, OutputKind.probabilities)
    assert again == pytest.approx(np.maximum(log_softmax(wide, axis=-1), least), abs=1e-3)


@given(arrays(np.float32, 20, elements=st.floats(2.0**-20, 1 - 2.0**-20, width=32)))
def test_the_logit_of_a_probability_is_that_of_scipy(likely: NDArray[np.float32]) -> None:
    ours = logits(likely[:, None], OutputKind.multilabel_probabilities)[:, 0]
    assert ours == pytest.approx(exact_logit(likely.astype(np.float64)), rel=1e-5, abs=1e-12)


def test_certain_probabilities_have_finite_logits() -> None:
    ends = np.array([[0.0, 1.0, 0.5]], np.float32)
    raw = logits(ends, OutputKind.multilabel_probabilities)
    assert np.isfinite(raw).all()
    assert raw[0, 2] == 0
    assert np.isfinite(logits(ends, OutputKind.probabilities)).all()


@given(BINARY)
def test_a_binary_logit_is_read_as_a_plain_loop_does(scores: NDArray[np.float32]) -> None:
    seen = read_scores(scores, OutputKind.binary_logit)
    for image in range(3):
        first = float(scores[image, 0, 0])
        for view in range(5):
            z = float(scores[image, view, 0])
            p = float(expit(z))
            assert seen.predicted[image, view] == (z > 0)
            assert float(seen.margin[image, view]) == pytest.approx(-np.expm1(-abs(z)), rel=1e-5)
            assert float(seen.predicted_probability[image, view]) == pytest.approx(
                max(p, 1 - p), abs=1e-6
            )
            assert float(seen.reference_probability[image, view]) == pytest.approx(
                p if first > 0 else 1 - p, abs=1e-6
            )


@given(arrays(np.float32, (3, 5, 1), elements=st.floats(-6, 6, width=32)))
def test_a_binary_head_is_the_same_before_and_after_its_sigmoid(
    scores: NDArray[np.float32],
) -> None:
    likely = expit(scores.astype(np.float64)).astype(np.float32)
    before = read_scores(scores, OutputKind.binary_logit)
    after = read_scores(likely, OutputKind.binary_probability)
    assert after.margin == pytest.approx(before.margin, abs=1e-5)
    assert after.reference_probability == pytest.approx(
        np.where(
            before.predicted[:, :1] == after.predicted[:, :1],
            before.reference_probability,
            1 - before.reference_probability,
        ),
        abs=1e-6,
    )
    sure = np.abs(scores[..., 0]) > 1e-6  # closer to 0 the sigmoid rounds to one half
    assert (before.predicted == after.predicted)[sure].all()


@given(arrays(np.float32, (3, 5, 1), elements=st.floats(0.015625, 0.984375, width=32)))
def test_a_binary_probability_is_the_two_class_softmax_it_stands_for(
    likely: NDArray[np.float32],
) -> None:
    one = read_scores(likely, OutputKind.binary_probability)
    both = np.concatenate([1 - likely, likely], axis=-1)
    two = read_scores(both, OutputKind.probabilities)
    assert one.predicted.tolist() == two.predicted.tolist()
    assert one.margin == pytest.approx(two.margin, abs=1e-5)
    assert one.reference_probability == pytest.approx(two.reference_probability, abs=1e-6)
    ours = orbit_scores(one, UNLABELLED, 5e-3)
    assert (ours.flip | ours.tie).tolist() == (
        one.predicted[:, 1:] != one.predicted[:, :1]
    ).tolist()


def test_on_the_boundary_the_answer_is_class_0_and_the_change_a_tie() -> None:
    raw = np.array([[[0.0], [1e-6], [2.0]], [[-3.0], [4.0], [1e-6]]], np.float32)
    seen = read_scores(raw, OutputKind.binary_logit)
    assert seen.predicted.tolist() == [[0, 1, 1], [0, 1, 1]]
    scores = orbit_scores(seen, np.array([0, 1]), 1e-5)
    assert scores.flip.tolist() == [[False, False], [True, False]]
    assert scores.tie.tolist() == [[True, True], [False, True]]
    assert scores.correct.tolist() == [[False, False], [True, True]]
    assert scores.correct_reference.tolist() == [True, False]
    half = read_scores(np.array([[[0.5], [0.6]]], np.float32), OutputKind.binary_probability)
    assert half.predicted.tolist() == [[0, 1]]
    assert half.margin[0, 0] == 0


def test_a_change_between_labels_is_always_a_flip() -> None:
    raw = np.array([[[7], [7], [9]], [[16777216], [0], [1]]], np.float32)
    seen = read_scores(raw, OutputKind.labels)
    assert seen.predicted.tolist() == [[7, 7, 9], [16777216, 0, 1]]
    scores = orbit_scores(seen, np.array([7, 1]), 5e-3)
    assert scores.flip.tolist() == [[False, True], [True, True]]
    assert not scores.tie.any()
    assert scores.correct.tolist() == [[True, False], [False, True]]


def test_a_label_that_is_no_whole_number_is_refused() -> None:
    with pytest.raises(ValueError, match="whole"):
        read_scores(np.array([[[0.5]]], np.float32), OutputKind.labels)


@pytest.mark.parametrize("kind", list(OutputKind))
def test_scores_must_fit_their_kind(kind: OutputKind) -> None:
    single = kind in (OutputKind.binary_logit, OutputKind.binary_probability, OutputKind.labels)
    wrong = np.zeros((1, 2, 2 if single else 1), np.float32)
    with pytest.raises(ValueError, match="do not fit"):
        read_scores(wrong, kind)
    right = np.zeros((1, 2, 1 if single else 3), np.float32)
    seen = read_scores(right, kind)
    assert seen.predicted.tolist() == [[0, 0]]
    assert seen.predicted.dtype == np.int32
    for column in (seen.margin, seen.reference_probability, seen.predicted_probability):
        assert column.dtype == np.float32
        assert column.shape == (1, 2)
    assert np.isnan(seen.reference_probability).any() == (not has_scores(kind))


def test_the_number_of_classes_follows_the_head() -> None:
    assert class_count(OutputKind.logits, 10) == 10
    assert class_count(OutputKind.multilabel_probabilities, 80) == 80
    assert class_count(OutputKind.binary_logit, 1) == 2
    assert class_count(OutputKind.binary_probability, 1) == 2
    assert class_count(OutputKind.labels, 1) is None


def test_labels_have_neither_probabilities_nor_logits() -> None:
    for function in (probabilities, logits):
        with pytest.raises(ValueError, match="labels have no"):
            function(np.zeros((1, 1), np.float32), OutputKind.labels)


def test_opposite_huge_logits_are_infinitely_clear_without_a_warning() -> None:
    raw = np.array([[[3e38, -3e38], [-3e38, 3e38]]], np.float32)
    scores = orbit_scores(read_scores(raw, OutputKind.logits), np.array([0]), 5e-3)
    assert scores.flip.tolist() == [[True]]
