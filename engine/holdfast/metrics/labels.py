"""From a model's scores to what is kept of each view, for every kind of classifier head."""

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.heads import logits, probabilities
from holdfast.metrics.multilabel import read_sets
from holdfast.metrics.readout import Readout, tie_tolerance
from holdfast.records.model import OutputKind

__all__ = ["Readout", "probabilities", "read_scores", "tie_tolerance"]


def read_scores(scores: NDArray[np.float32], kind: OutputKind) -> Readout:
    """Reduce scores (n, m + 1, k) to what every metric needs.

    The margin by kind (science reference, section 1.1, for the first; the others are its
    continuation):

    * logits, probabilities: best minus second best score over the largest magnitude.
    * binary: `1 - min(p, 1 - p) / max(p, 1 - p)`, which is the margin of the softmax `(1 - p, p)`;
      `1 - exp(-|z|)` in the logit. It is the same whether the graph ends in the sigmoid or before:
      about `|z|` near the boundary, so its unit is one logit. A magnitude of the orbit's own would
      not do: a single logit divided by itself is always 1.
    * multi-label: the binary margin of the label that decides, see `multilabel.read_sets`.
    * labels: 1, the largest there is: nothing tells how near another answer was, so every change
      is a flip.

    Args:
        scores: finite; k >= 2 for logits, probabilities and multi-label heads, k = 1 for the
            others. Class indices of `labels` are whole numbers up to 2**24.
        kind: what the scores are.

    Raises:
        ValueError: k does not fit the kind, or a label is no whole number.
    """
    single = kind in (
        OutputKind.binary_logit,
        OutputKind.binary_probability,
        OutputKind.labels,
    )
    if single != (scores.shape[-1] == 1):
        raise ValueError(f"{scores.shape[-1]} scores per view do not fit {kind}")
    if kind is OutputKind.labels:
        return _read_labels(scores[..., 0])
    if kind in (OutputKind.multilabel_logits, OutputKind.multilabel_probabilities):
        return read_sets(scores, kind)
    if single:
        return _read_binary(scores, kind)
    return _read_classes(scores, kind)


def _read_classes(scores: NDArray[np.float32], kind: OutputKind) -> Readout:
    ranked = np.partition(scores, -2, axis=-1)
    magnitude = np.maximum(np.abs(scores).max(axis=-1), np.finfo(np.float32).tiny)
    with np.errstate(over="ignore"):  # opposite huge scores: infinitely clear
        margin = (ranked[..., -1] - ranked[..., -2]) / magnitude
    predicted = scores.argmax(axis=-1).astype(np.int32)
    return _readout(predicted, probabilities(scores, kind), margin)


def _read_binary(scores: NDArray[np.float32], kind: OutputKind) -> Readout:
    distance = logits(scores, kind)[..., 1]
    predicted = (distance > 0).astype(np.int32)
    return _readout(predicted, probabilities(scores, kind), -np.expm1(-np.abs(distance)))


def _read_labels(answers: NDArray[np.float32]) -> Readout:
    predicted = answers.astype(np.int32)
    if not np.array_equal(predicted, answers):
        raise ValueError("class indices are whole numbers")
    unknown = np.full(predicted.shape, np.nan, np.float32)
    return Readout(predicted, unknown, unknown, np.ones(predicted.shape, np.float32))


def _readout(
    predicted: NDArray[np.int32], likely: NDArray[np.float32], margin: NDArray[np.floating]
) -> Readout:
    reference = np.broadcast_to(predicted[:, :1], predicted.shape)
    return Readout(
        predicted=predicted,
        reference_probability=_pick(likely, reference),
        predicted_probability=_pick(likely, predicted),
        margin=np.asarray(margin, np.float32),
    )


def _pick(likely: NDArray[np.float32], places: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.take_along_axis(likely, places[..., None].astype(np.int64), axis=-1)[..., 0]
