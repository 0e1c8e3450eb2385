"""Consistency over the cells of a family, against loops over pairs and subsets."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.metrics import accuracy_score
from sklearn.metrics.cluster import pair_confusion_matrix

from holdfast.metrics import (
    OrbitScores,
    accuracy_drop,
    all_pairs_consistency,
    modal_consistency,
    orbit_scores,
    pair_consistency,
    read_scores,
    reference_consistency,
    robust_accuracy,
    settled,
    worst_case,
    worst_of_k,
)
from holdfast.records.model import OutputKind

ANSWERS = st.tuples(st.integers(1, 6), st.integers(3, 9)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.integers(0, 4))
)


@given(ANSWERS)
def test_reference_consistency_and_worst_case_are_those_of_a_loop(
    predicted: NDArray[np.int32],
) -> None:
    agrees = predicted[:, 1:] == predicted[:, :1]
    for row, share, worst in zip(
        predicted.tolist(), reference_consistency(agrees), worst_case(agrees), strict=True
    ):
        same = sum(answer == row[0] for answer in row[1:])
        assert share == same / (len(row) - 1)
        assert worst == (same == len(row) - 1)


@given(ANSWERS)
def test_reference_consistency_is_the_accuracy_with_the_identity_as_the_truth(
    predicted: NDArray[np.int32],
) -> None:
    ours = reference_consistency(predicted[:, 1:] == predicted[:, :1])
    for row, share in zip(predicted, ours, strict=True):
        assert share == pytest.approx(accuracy_score(np.full(len(row) - 1, row[0]), row[1:]))


@given(ANSWERS, st.booleans())
def test_distinct_pairs_are_counted_one_by_one(
    predicted: NDArray[np.int32],
    with_identity: bool,  # noqa: FBT001
) -> None:
    ours = pair_consistency(predicted, with_identity=with_identity)
    for row, share in zip(predicted.tolist(), ours, strict=True):
        pairs = list(combinations(row if with_identity else row[1:], 2))
        assert share == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


@given(ANSWERS)
def test_distinct_pairs_are_those_that_scikit_learn_counts(predicted: NDArray[np.int32]) -> None:
    cells = predicted.shape[1] - 1
    for row, share in zip(predicted, pair_consistency(predicted), strict=True):
        together = pair_confusion_matrix(row[1:], np.zeros(cells, int))[1, 1]
        assert share == pytest.approx(together / (cells * (cells - 1)))


@given(ANSWERS, st.booleans())
def test_all_ordered_pairs_include_each_cell_with_itself(
    predicted: NDArray[np.int32],
    with_identity: bool,  # noqa: FBT001
) -> None:
    ours = all_pairs_consistency(predicted, with_identity=with_identity)
    for row, share in zip(predicted.tolist(), ours, strict=True):
        answers = row if with_identity else row[1:]
        pairs = list(product(answers, answers))
        assert share == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


@given(ANSWERS)
def test_all_pairs_exceed_distinct_pairs_by_the_trivial_ones(predicted: NDArray[np.int32]) -> None:
    distinct, cells = pair_consistency(predicted), predicted.shape[1] - 1
    assert all_pairs_consistency(predicted) == pytest.approx(distinct + (1 - distinct) / cells)


@given(ANSWERS, st.booleans())
def test_modal_consistency_is_the_share_of_the_commonest_answer(
    predicted: NDArray[np.int32],
    with_identity: bool,  # noqa: FBT001
) -> None:
    ours = modal_consistency(predicted, with_identity=with_identity)
    for row, share in zip(predicted.tolist(), ours, strict=True):
        answers = row if with_identity else row[1:]
        assert share == Counter(answers).most_common(1)[0][1] / len(answers)


@given(ANSWERS)
def test_modal_lies_between_all_pairs_and_its_own_square(predicted: NDArray[np.int32]) -> None:
    modal, pairs = modal_consistency(predicted), all_pairs_consistency(predicted)
    assert (modal >= pairs - 1e-12).all()
    assert (pairs >= modal**2 - 1e-12).all()


@given(st.integers(1, 12), st.data())
def test_worst_of_k_is_the_share_of_subsets_without_a_failure(m: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, m))
    fails = [True] * failures + [False] * (m - failures)
    ours = worst_of_k(np.array([failures]), m, np.arange(m + 1))[0]
    for k in range(m + 1):
        subsets = list(combinations(fails, k))
        passing = sum(not any(subset) for subset in subsets)
        assert ours[k] == pytest.approx(passing / len(subsets), abs=1e-14)


@pytest.mark.parametrize("m", [59, 775, 2000])
def test_worst_of_k_does_not_overflow_on_long_lists(m: int) -> None:
    failures = np.array([0, 1, 2, m // 3, m - 1, m, 1])
    ks = np.array([0, 1, 10, m // 2, m])
    ours = worst_of_k(failures, m, ks)
    for f, row in zip(failures.tolist(), ours, strict=True):
        for k, value in zip(ks.tolist(), row, strict=True):
            exact = Fraction(comb(m - f, k), comb(m, k))
            assert value == pytest.approx(float(exact), rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9])
def test_worst_of_k_is_unbiased_for_independent_draws(p: float) -> None:
    m, ks = 60, np.array([1, 2, 10, 60])
    failures = np.arange(m + 1)
    expected = binom.pmf(failures, m, p) @ worst_of_k(failures, m, ks)
    assert expected == pytest.approx((1 - p) ** ks, rel=1e-9)


@pytest.mark.parametrize(("failures", "ks"), [([6], [1]), ([-1], [1]), ([1], [6]), ([1], [-1])])
def test_worst_of_k_refuses_numbers_that_cannot_be(failures: list[int], ks: list[int]) -> None:
    with pytest.raises(ValueError, match="between 0 and 5"):
        worst_of_k(np.array(failures), 5, np.array(ks))


def test_worst_of_k_takes_no_image_and_no_k() -> None:
    assert worst_of_k(np.array([], int), 5, np.array([1, 2])).shape == (0, 2)
    assert worst_of_k(np.array([1, 2]), 5, np.array([], int)).shape == (2, 0)


@given(
    arrays(np.bool_, (5, 4)),
    arrays(np.bool_, 5),
)
def test_robust_accuracy_and_drop_are_those_of_a_loop(
    correct: NDArray[np.bool_], reference: NDArray[np.bool_]
) -> None:
    nothing = np.zeros((5, 4), bool)
    scores = OrbitScores(nothing, nothing, np.zeros((5, 4), np.float32), correct, reference)
    robust, drop = robust_accuracy(scores), accuracy_drop(scores)
    for image in range(5):
        cells = correct[image].tolist()
        assert robust[image] == (all(cells) and bool(reference[image]))
        assert drop[image] == pytest.approx(int(reference[image]) - sum(cells) / 4)
    assert drop.mean() == pytest.approx(reference.mean() - correct.mean())


def test_a_settled_tie_has_the_answer_of_the_identity() -> None:
    raw = np.array([[[1, 0, 0], [0, 1, 0], [0, 1, 1.0000001], [1, 1.0000001, 0]]], np.float32)
    seen = read_scores(raw, OutputKind.logits)
    scores = orbit_scores(seen, np.array([0]), 1e-5)
    assert seen.predicted.tolist() == [[0, 1, 2, 1]]
    assert scores.tie.tolist() == [[False, True, True]]
    answers = settled(seen.predicted, scores.tie)
    assert answers.tolist() == [[0, 1, 0, 0]]
    assert pair_consistency(answers).tolist() == [pytest.approx(1 / 3)]
    assert reference_consistency(~scores.flip).tolist() == [pytest.approx(2 / 3)]
    assert seen.predicted.tolist() == [[0, 1, 2, 1]]  # left as it was


def test_a_pair_needs_two_cells_and_a_share_needs_one() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        pair_consistency(np.zeros((3, 2), np.int32))
    assert pair_consistency(np.zeros((3, 2), np.int32), with_identity=True).tolist() == [1, 1, 1]
    alone = np.zeros((3, 1), np.int32)
    for function in (all_pairs_consistency, modal_consistency):
        with pytest.raises(ValueError, match="1 cells"):
            function(alone)
    with pytest.raises(ValueError, match="1 cells"):
        reference_consistency(np.zeros((3, 0), bool))
    with pytest.raises(ValueError, match="1 cells"):
        worst_case(np.zeros((3, 0), bool))
