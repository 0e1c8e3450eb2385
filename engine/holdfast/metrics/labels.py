"""From a model's scores to what is kept of each view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.records.model import Arithmetic, OutputKind

__all__ = ["Readout", "probabilities", "read_scores", "tie_tolerance"]

_TIE_FLOAT32 = 1e-5
_TIE_COARSE = 5e-3


@dataclass(frozen=True)
class Readout:
    """What is kept of n images in m + 1 views; view 0 is the identity.

    Attributes:
        predicted: class index, (n, m + 1); equal scores give the lowest index.
        reference_probability: probability of the class predicted at the identity, (n, m + 1).
        predicted_probability: probability of the predicted class, (n, m + 1).
        margin: best minus second best score, relative to the largest magnitude, (n, m + 1).
    """

    predicted: NDArray[np.int32]
    reference_probability: NDArray[np.float32]
    predicted_probability: NDArray[np.float32]
    margin: NDArray[np.float32]


def tie_tolerance(arithmetic: Arithmetic) -> float:
    """Relative margin below which two classes count as equal, by the model's arithmetic."""
    return _TIE_FLOAT32 if arithmetic is Arithmetic.float32 else _TIE_COARSE


def probabilities(scores: NDArray[np.float32], kind: OutputKind) -> NDArray[np.float32]:
    """Softmax of logits over the last axis; probabilities are left alone."""
    if kind is OutputKind.probabilities:
        return np.clip(scores, 0.0, 1.0)
    with np.errstate(over="ignore"):  # minus infinity is the right distance then
        shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float32)


def read_scores(scores: NDArray[np.float32], kind: OutputKind) -> Readout:
    """Reduce scores (n, m + 1, k) to what every metric needs.

    Args:
        scores: logits or probabilities of k >= 2 classes, finite.
        kind: which of the two they are.
    """
    likely = probabilities(scores, kind)
    predicted = scores.argmax(axis=-1).astype(np.int32)
    reference = predicted[:, :1, None].astype(np.int64)
    ranked = np.partition(scores, -2, axis=-1)
    magnitude = np.maximum(np.abs(scores).max(axis=-1), np.finfo(np.float32).tiny)
    return Readout(
        predicted=predicted,
        reference_probability=np.take_along_axis(
            likely, np.broadcast_to(reference, (*predicted.shape, 1)), axis=-1
        )[..., 0],
        predicted_probability=np.take_along_axis(likely, predicted[..., None].astype(int), -1)[
            ..., 0
        ],
        margin=np.asarray((ranked[..., -1] - ranked[..., -2]) / magnitude, np.float32),
    )
