"""Consistency of an image's answers over the cells of a family: one value per image.

Every function takes n images at once and returns (n,). `predicted` has the identity in front,
(n, m + 1); `agrees` is "not a flip", (n, m): a tie counts as agreement. Where answers of cells are
compared with each other, give `scores.settled(predicted, tie)` so that ties count alike.

Source: the project's science reference, sections 1.2 and 1.4; Zhang, ICML 2019 (pairs).
"""

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.scores import OrbitScores

__all__ = [
    "accuracy_drop",
    "all_pairs_consistency",
    "modal_consistency",
    "pair_consistency",
    "reference_consistency",
    "robust_accuracy",
    "worst_case",
    "worst_of_k",
]


def reference_consistency(agrees: NDArray[np.bool_]) -> NDArray[np.float64]:
    """RC: share of the cells that agree with the identity, in [0, 1], 1 is best."""
    _need(agrees.shape[1], 1)
    return np.asarray(agrees.mean(axis=1, dtype=np.float64))


def worst_case(agrees: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """WC: whether every cell agrees with the identity."""
    _need(agrees.shape[1], 1)
    return np.asarray(agrees.all(axis=1))


def robust_accuracy(scores: OrbitScores) -> NDArray[np.bool_]:
    """RA: whether the answer is the label in every cell and at the identity."""
    return np.asarray(scores.correct.all(axis=1) & scores.correct_reference)


def accuracy_drop(scores: OrbitScores) -> NDArray[np.float64]:
    """Correct at the identity minus the share of correct cells, in [-1, 1], 0 or less is best.

    A difference within each image: its interval is that of a paired difference. Leave out images
    without a label before averaging.
    """
    moved = scores.correct.mean(axis=1, dtype=np.float64)
    return np.asarray(scores.correct_reference - moved)


def pair_consistency(
    predicted: NDArray[np.int32], *, with_identity: bool = False
) -> NDArray[np.float64]:
    """PC, distinct pairs: probability that two *different* cells have the same answer, in [0, 1].

    `sum_c n_c (n_c - 1) / (m (m - 1))`, unbiased for random cells. Zhang's consistency draws two
    windows independently and so counts a window against itself now and then; this does not.

    Args:
        predicted: (n, m + 1), m >= 2 (1 with the identity).
        with_identity: count the identity as one more cell.
    """
    answers = predicted[:, 0 if with_identity else 1 :]
    cells = answers.shape[1]
    _need(cells, 2)
    same = _same_answers(answers).sum(axis=1) - cells
    return np.asarray(same / (cells * (cells - 1.0)))


def all_pairs_consistency(
    predicted: NDArray[np.int32], *, with_identity: bool = False
) -> NDArray[np.float64]:
    """PC, all ordered pairs, a cell against itself included: `sum_c (n_c / m)^2`, in [1 / m, 1].

    What closed forms in the literature count. Larger than the distinct variant by
    `(1 - distinct) / m`. Arguments as for `pair_consistency`.
    """
    answers = predicted[:, 0 if with_identity else 1 :]
    _need(answers.shape[1], 1)
    return np.asarray(_same_answers(answers).mean(axis=1) / answers.shape[1])


def modal_consistency(
    predicted: NDArray[np.int32], *, with_identity: bool = False
) -> NDArray[np.float64]:
    """MC: share of the commonest answer among the cells, in [1 / m, 1], 1 is best.

    Arguments as for `pair_consistency`. It does not ask whether that answer is the identity's.
    """
    answers = predicted[:, 0 if with_identity else 1 :]
    _need(answers.shape[1], 1)
    return np.asarray(_same_answers(answers).max(axis=1) / answers.shape[1])


def worst_of_k(
    failures: NDArray[np.integer], m: int, ks: NDArray[np.integer]
) -> NDArray[np.float64]:
    """W_k: probability that k cells drawn without replacement all pass, (n, len(ks)), in [0, 1].

    `C(m - f, k) / C(m, k)`. For cells that are themselves independent draws it is the unbiased
    (U-statistic) estimate that k fresh draws all pass; on a fixed list it is the pass rate of a
    random subset. Computed as a running product of ratios in [0, 1], so that no binomial
    coefficient overflows: relative error at most about k rounding steps.

    Args:
        failures: f, failing cells per image, 0 to m, (n,).
        m: cells.
        ks: sizes of the subset, 0 to m each.

    Raises:
        ValueError: a number out of its range.
    """
    wanted = np.asarray(ks, np.int64)
    distinct, place = np.unique(np.asarray(failures, np.int64), return_inverse=True)
    for name, numbers in (("failures", distinct), ("ks", wanted)):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() <= m:
            raise ValueError(f"{name} lie between 0 and {m}")
    drawn = np.arange(wanted.max(initial=0))
    passing = np.maximum(m - distinct[:, None] - drawn, 0) / (m - drawn)
    curve = np.hstack([np.ones((len(distinct), 1)), passing.cumprod(axis=1)])
    return np.asarray(curve[:, wanted][place.ravel()])


def _same_answers(answers: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each cell, the cells of its image with its answer, itself included, in sorted order."""
    ranked = np.sort(answers, axis=1)
    starts = np.ones(ranked.shape, bool)
    starts[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    run = starts.ravel().cumsum() - 1  # runs never cross images: each image starts one
    return np.asarray(np.bincount(run)[run].reshape(ranked.shape), np.int64)


def _need(cells: int, at_least: int) -> None:
    if cells < at_least:
        raise ValueError(f"{at_least} cells are needed, not {cells}")
