"""Heads with independent labels: the answer of a view is a set.

Sets are compared whole, never through a digest: two different sets cannot look alike. What stands
for a set in a `Readout` is the number of the first view of the same image with the same set; the
sets themselves are `Readout.answers`.
"""

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.heads import logits, probabilities
from holdfast.metrics.readout import Readout
from holdfast.records.model import OutputKind

__all__ = ["answer_codes", "label_agreement", "read_sets"]


def read_sets(scores: NDArray[np.float32], kind: OutputKind) -> Readout:
    """Reduce the scores (n, m + 1, k) of k independent labels.

    A label is in the answer above logit 0 (probability 0.5), strictly. Its distance from the
    boundary is `1 - exp(-|z|)` in [0, 1]. The answer changed *clearly* when at least one label
    changed that is further from the boundary than the tolerance in both views: a crowd of undecided
    labels does not excuse the change of a decided one. So that one number per view tells, the
    margin is

    * at the identity: the largest distance of any label;
    * in a view with another set: the largest over the changed labels of the smaller of the two
      distances, which never exceeds the margin at the identity;
    * in a view with the same set: the largest distance of any label.
    """
    raw = logits(scores, kind)
    answers = raw > 0
    distance = -np.expm1(-np.abs(raw))
    changed = answers != answers[:, :1]
    both = np.where(changed, np.minimum(distance, distance[:, :1]), np.float32(-1.0)).max(axis=-1)
    likely = probabilities(scores, kind)
    reference = raw[:, 0].argmax(axis=-1)[:, None, None]
    return Readout(
        predicted=answer_codes(answers),
        reference_probability=np.take_along_axis(likely, reference, axis=-1)[..., 0],
        predicted_probability=likely.max(axis=-1),
        margin=np.asarray(np.where(both < 0, distance.max(axis=-1), both), np.float32),
        answers=answers,
    )


def answer_codes(answers: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The number of the first view of the image with the same set, (n, m + 1), from (n, m + 1, k).

    Exact, and a pure function of the sets: whoever has them can compute the codes again.
    """
    packed = np.packbits(answers, axis=-1)
    codes = np.empty(answers.shape[:2], np.int32)
    for image, sets in enumerate(packed):
        first: dict[bytes, int] = {}
        codes[image] = [first.setdefault(one.tobytes(), view) for view, one in enumerate(sets)]
    return codes


def label_agreement(answers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of the k labels with the same state as at the identity, (n, m), from (n, m + 1, k).

    In [0, 1], 1 is best: one minus the Hamming distance of the sets over k. Undecided labels count
    like decided ones. High by nature where most labels are never in an answer: read it beside the
    agreement of whole sets.
    """
    same = answers[:, 1:] == answers[:, :1]
    agreement: NDArray[np.float64] = same.mean(axis=-1, dtype=np.float64)
    return agreement
