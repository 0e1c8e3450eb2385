"""Models whose consistency is worth nothing are named, honest ones are not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.metrics import Degeneracy, DegenerateWatch, degeneracies
from holdfast.records.base import canonical_json
from holdfast.records.model import OutputKind
from holdfast.records.part import WatchState

LOGITS = OutputKind.logits


def _labels(n: int = 60, k: int = 3) -> NDArray[np.int64]:
    return np.arange(n) % k


def _honest(labels: NDArray[np.int64], k: int = 3) -> NDArray[np.float32]:
    draw = np.random.default_rng(0)
    return np.asarray(3 * np.eye(k)[labels] + draw.normal(size=(len(labels), k)), np.float32)


def test_an_honest_model_is_not_degenerate() -> None:
    labels = _labels()
    assert degeneracies(_honest(labels), labels, LOGITS, 1e-5) == ()
    assert degeneracies(1000 * _honest(labels), labels, LOGITS, 1e-5) == ()  # saturated softmax


@pytest.mark.parametrize("offset", [0.0, 1e-6])
def test_equal_scores_for_all_images_are_constant(offset: float) -> None:
    scores = np.tile(np.array([1, 3, 2], np.float32), (60, 1))
    scores[7] += offset
    found = degeneracies(scores, np.full(60, -1), LOGITS, 1e-5)
    assert found == (Degeneracy.constant,)


def test_scores_that_move_by_more_than_rounding_are_not_constant() -> None:
    scores = np.tile(np.array([1, 3, 2], np.float32), (60, 1))
    scores[7, 0] += 1e-3
    assert degeneracies(scores, np.full(60, -1), LOGITS, 1e-5) == ()
    assert degeneracies(scores, np.full(60, -1), LOGITS, 5e-3) == (Degeneracy.constant,)


def test_one_image_cannot_be_constant() -> None:
    assert degeneracies(np.array([[1, 2]], np.float32), np.array([0]), LOGITS, 1e-5) == ()
    assert DegenerateWatch(LOGITS, 1e-5).found() == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_noticed_and_left_out(bad: float) -> None:
    labels = _labels()
    scores = _honest(labels)
    scores[5, 1] = bad
    assert degeneracies(scores, labels, LOGITS, 1e-5) == (Degeneracy.nonfinite,)
    scores[:] = bad
    assert degeneracies(scores, labels, LOGITS, 1e-5) == (Degeneracy.nonfinite,)


def test_a_collapsed_model_has_one_answer() -> None:
    labels = _labels(100)
    scores = _honest(labels)
    scores[:, 2] += 30
    scores[0, 0] += 60  # one other answer in a hundred
    assert degeneracies(scores, labels, LOGITS, 1e-5) == (Degeneracy.one_answer,)
    scores[1, 0] += 60  # two
    assert degeneracies(scores, labels, LOGITS, 1e-5) == ()


@pytest.mark.parametrize(("common", "collapsed"), [(54, True), (55, False), (60, False)])
def test_one_answer_is_right_where_nearly_all_labels_are_that_one(
    common: int,
    collapsed: bool,  # noqa: FBT001
) -> None:
    labels = np.array([2] * common + [0] * (60 - common))
    scores = _honest(_labels())
    scores[:, 2] += 30
    expected = (Degeneracy.one_answer,) if collapsed else ()
    assert degeneracies(scores, labels, LOGITS, 1e-5) == expected


def test_one_answer_needs_fifty_labels_to_be_an_accusation() -> None:
    for n, collapsed in ((49, False), (50, True)):
        labels = np.concatenate([_labels(n), np.full(30, -1)])
        scores = _honest(np.maximum(labels, 0))
        scores[:, 2] += 30
        assert bool(degeneracies(scores, labels, LOGITS, 1e-5)) == collapsed


def test_scores_clipped_at_the_same_value_leave_the_answer_undecided() -> None:
    labels = _labels()
    scores = np.clip(_honest(labels) * 50, 0, 1)  # a wrong scale: many scores at the limit
    scores[:, :2] = 1
    assert Degeneracy.undecided in degeneracies(scores, labels, LOGITS, 1e-5)
    scores = _honest(labels)
    scores[:29] = 1
    assert degeneracies(scores, labels, LOGITS, 1e-5) == ()
    scores[29] = 1
    assert degeneracies(scores, labels, LOGITS, 1e-5) == (Degeneracy.undecided,)


def test_labels_alone_can_collapse_but_not_be_constant() -> None:
    labels = _labels()
    same = np.full((60, 1), 2, np.float32)
    assert degeneracies(same, labels, OutputKind.labels, 1e-5) == (Degeneracy.one_answer,)
    assert degeneracies(same, np.full(60, 2), OutputKind.labels, 1e-5) == ()
    assert degeneracies(labels[:, None].astype(np.float32), labels, OutputKind.labels, 1e-5) == ()


def test_a_binary_model_is_judged_by_the_same_rules() -> None:
    labels = _labels(k=2)
    honest = (labels * 2 - 1 + np.linspace(-0.5, 0.5, 60))[:, None].astype(np.float32)
    kind = OutputKind.binary_logit
    assert degeneracies(honest, labels, kind, 1e-5) == ()
    assert degeneracies(np.abs(honest), labels, kind, 1e-5) == (Degeneracy.one_answer,)
    found = degeneracies(np.zeros((60, 1), np.float32), labels, kind, 1e-5)
    assert found == (Degeneracy.constant, Degeneracy.undecided, Degeneracy.one_answer)


@pytest.mark.parametrize("every", [1.0, -1.0])
def test_every_label_or_none_for_each_image_is_one_answer(every: float) -> None:
    labels = _labels()
    scores = (every * (2 + np.linspace(0, 1, 180).reshape(60, 3))).astype(np.float32)
    kind = OutputKind.multilabel_logits
    assert degeneracies(scores, labels, kind, 1e-5) == (Degeneracy.one_answer,)
    truth = np.eye(3, dtype=bool)[labels]
    assert degeneracies(scores, truth, kind, 1e-5) == (Degeneracy.one_answer,)
    honest = np.where(truth, 2, -2) + np.linspace(0, 1, 180).reshape(60, 3)
    assert degeneracies(honest.astype(np.float32), truth, kind, 1e-5) == ()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 3))
def test_blocks_of_any_size_find_what_one_block_does(sizes: list[int], case: int) -> None:
    n = sum(sizes)
    labels = _labels(n)
    scores = _honest(labels)
    if case == 1:
        scores[:] = scores[0]
    if case == 2:
        scores[:, 2] += 30
    if case == 3:
        scores[n // 2 :] = 0
    watch, start = DegenerateWatch(LOGITS, 1e-5), 0
    for size in sizes:
        watch.add(scores[start : start + size], labels[start : start + size])
        start += size
    assert watch.found() == degeneracies(scores, labels, LOGITS, 1e-5)


@pytest.mark.parametrize("values", [(1.0, 3.0), (3.0, 1.0)])
def test_scores_that_differ_between_blocks_only_are_not_constant(
    values: tuple[float, float],
) -> None:
    watch = DegenerateWatch(LOGITS, 1e-5)
    for value in values:
        block = np.tile(np.array([value, 0.5], np.float32), (4, 1))
        watch.add(block, np.full(4, -1))
    assert watch.found() == ()


def test_rounding_is_relative_to_the_largest_score() -> None:
    scores = np.tile(np.array([1000, 3000], np.float32), (60, 1))
    scores[7, 0] += 0.01
    assert degeneracies(scores, np.full(60, -1), LOGITS, 1e-5) == (Degeneracy.constant,)


@pytest.mark.parametrize(
    "kind", [OutputKind.logits, OutputKind.labels, OutputKind.multilabel_logits]
)
@pytest.mark.parametrize("cuts", [(0, 120), (0, 1, 50, 120), (0, 0, 60, 120, 120)])
def test_watches_of_parts_add_up_to_the_watch_of_all(
    kind: OutputKind, cuts: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(3)
    classes = 1 if kind is OutputKind.labels else 4
    scores = rng.integers(-2, 3, (120, classes)).astype(np.float32)
    scores[7] = np.nan
    labels = rng.integers(-1, classes, 120)
    whole, joined = DegenerateWatch(kind, 1e-6), DegenerateWatch(kind, 1e-6)
    whole.add(scores, labels)
    for start, stop in pairwise(cuts):
        part = DegenerateWatch(kind, 1e-6)
        part.add(scores[start:stop], labels[start:stop])
        joined.absorb(WatchState.model_validate_json(canonical_json(part.state())))
    assert joined.found() == whole.found()
    told, expected = joined.state(), whole.state()
    assert dict(told.answers) == dict(expected.answers)
    assert dict(told.truths) == dict(expected.truths)
    counts = {"answers": (), "truths": ()}
    assert told.model_copy(update=counts) == expected.model_copy(update=counts)
