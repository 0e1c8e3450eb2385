"""Flips, ties, drift and correctness of every view against its image's reference view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.readout import Readout

__all__ = ["OrbitScores", "correct_answers", "orbit_scores", "settled"]


@dataclass(frozen=True)
class OrbitScores:
    """Per image and cell, (n, m) each; `correct_reference` is (n,).

    Attributes:
        flip: the prediction changed and both margins are clear.
        tie: the prediction changed but a margin is too small to count.
        drift: |probability of the reference class, moved - unmoved|; NaN where the model gives no
            scores: the measurement is then not applicable.
        correct: the prediction is the label; False where there is no label.
        correct_reference: the same for the unmoved view.
    """

    flip: NDArray[np.bool_]
    tie: NDArray[np.bool_]
    drift: NDArray[np.float32]
    correct: NDArray[np.bool_]
    correct_reference: NDArray[np.bool_]


def orbit_scores(
    seen: Readout, labels: NDArray[np.int64] | NDArray[np.bool_], tolerance: float
) -> OrbitScores:
    """Compare the moved views with the identity.

    Args:
        seen: views of n images, identity first.
        labels: (n,), -1 where there is none; multi-label heads also take (n, k) bool.
        tolerance: relative margin up to which a change counts as a tie, not as a flip.
    """
    changed = seen.predicted[:, 1:] != seen.predicted[:, :1]
    clear = (seen.margin[:, 1:] > tolerance) & (seen.margin[:, :1] > tolerance)
    right = correct_answers(seen, labels)
    return OrbitScores(
        flip=changed & clear,
        tie=changed & ~clear,
        drift=np.abs(seen.reference_probability[:, 1:] - seen.reference_probability[:, :1]),
        correct=right[:, 1:],
        correct_reference=right[:, 0],
    )


def correct_answers(
    seen: Readout, labels: NDArray[np.int64] | NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each view's answer is right, (n, m + 1).

    * One class: it is the label.
    * A set against one label per image: the label is in the set. A model that always answers with
      every label is always right by this; `degenerate` names it.
    * A set against the full truth, (n, k) bool: the sets are equal.

    A label of -1 is none: never right.

    Raises:
        ValueError: a label that no answer could be, or (n, k) labels for a head with one class.
    """
    if seen.answers is None:
        if labels.ndim != 1:
            raise ValueError("one class is compared with one label per image")
        return np.asarray(seen.predicted == labels[:, None])
    if labels.ndim != 1:
        if labels.shape[-1] != seen.answers.shape[-1]:
            raise ValueError("the labels are not those of the head")
        return np.asarray((seen.answers == labels[:, None].astype(bool)).all(axis=-1))
    if len(labels) and int(labels.max()) >= seen.answers.shape[-1]:
        raise ValueError("a label is beyond those of the head")
    place = np.maximum(labels, 0).astype(np.int64)[:, None, None]
    inside = np.take_along_axis(seen.answers, place, axis=-1)[..., 0]
    return np.asarray(inside & (labels >= 0)[:, None])


def settled(predicted: NDArray[np.int32], tie: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Answers (n, m + 1) in which a tie has the answer of the identity.

    Ties count as agreement (science reference, section 1.1); measures that compare cells with each
    other take these.
    """
    answers = predicted.copy()
    answers[:, 1:] = np.where(tie, predicted[:, :1], predicted[:, 1:])
    return answers
