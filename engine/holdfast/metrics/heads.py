"""The kinds of classifier head: recognise one, and bring its scores to a common form."""

import numpy as np
from numpy.typing import NDArray

from holdfast.records.model import OutputKind

__all__ = ["MULTILABEL", "class_count", "guess_kind", "has_scores", "logits", "probabilities"]

MULTILABEL = frozenset({OutputKind.multilabel_logits, OutputKind.multilabel_probabilities})
"""Heads whose answer is a set of labels."""

_SUM_TOLERANCE = 1e-3
_ALREADY_LIKELY = frozenset({OutputKind.probabilities, OutputKind.multilabel_probabilities})
_LOGITS = frozenset({OutputKind.logits, OutputKind.multilabel_logits})


def guess_kind(scores: NDArray[np.number]) -> OutputKind:
    """What the scores (n, k) of n images look like; decided once, on all of them.

    The first rule that holds:

    1. k = 1 of a whole-number element type: `labels` (several are quantised scores);
    2. k = 1, all in [0, 1]: `binary_probability`;
    3. k = 1: `binary_logit`;
    4. all in [0, 1] and each row sums to one: `probabilities`;
    5. all in [0, 1]: `multilabel_probabilities`;
    6. `logits`.

    "In [0, 1]" and "one" allow for 1e-3. What cannot be seen must be declared: multi-label logits
    look like `logits`; a single logit that happens to lie in [0, 1] for every image looks like a
    probability; class indices in a floating-point output look like a `binary_logit`.
    """
    if scores.shape[-1] == 1 and np.issubdtype(scores.dtype, np.integer):
        return OutputKind.labels
    inside = bool(scores.min() >= -_SUM_TOLERANCE and scores.max() <= 1 + _SUM_TOLERANCE)
    if scores.shape[-1] == 1:
        return OutputKind.binary_probability if inside else OutputKind.binary_logit
    if not inside:
        return OutputKind.logits
    sums = np.abs(scores.sum(axis=-1, dtype=np.float64) - 1.0)
    one = bool(sums.max() < _SUM_TOLERANCE)
    return OutputKind.probabilities if one else OutputKind.multilabel_probabilities


def has_scores(kind: OutputKind) -> bool:
    """Whether there are probabilities: without them drift is not applicable."""
    return kind is not OutputKind.labels


def class_count(kind: OutputKind, k: int) -> int | None:
    """Classes or labels of a head with k scores; None for `labels`, whose number is unknown."""
    if kind is OutputKind.labels:
        return None
    return 2 if kind in (OutputKind.binary_logit, OutputKind.binary_probability) else k


def probabilities(scores: NDArray[np.float32], kind: OutputKind) -> NDArray[np.float32]:
    """Probabilities over the last axis, one per class or label, from scores (..., k).

    Softmax of logits; sigmoid of multi-label logits; `(1 - p, p)` for a binary head, (..., 2).
    What already is a probability is only clipped to [0, 1].

    Raises:
        ValueError: `labels`, which have no probabilities.
    """
    if kind in _ALREADY_LIKELY:
        return np.clip(scores, 0.0, 1.0)
    if kind is OutputKind.logits:
        return _softmax(scores)
    if kind is OutputKind.multilabel_logits:
        return _sigmoid(scores)
    if kind is OutputKind.binary_logit:
        return np.concatenate([_sigmoid(-scores), _sigmoid(scores)], axis=-1)
    if kind is OutputKind.binary_probability:
        one = np.clip(scores, 0.0, 1.0)
        return np.concatenate([1 - one, one], axis=-1)
    raise ValueError("labels have no probabilities")


def logits(scores: NDArray[np.float32], kind: OutputKind) -> NDArray[np.float32]:
    """Logits over the last axis, one per class or label, from scores (..., k).

    `log p` for probabilities, which is the logit up to the constant that softmax forgets;
    `log(p / (1 - p))` for multi-label probabilities; `(0, z)` for a binary head, (..., 2).
    Probabilities that rounding brought to 0 or 1 count as the nearest float32 inside (0, 1).

    Raises:
        ValueError: `labels`, which have no logits.
    """
    if kind in _LOGITS:
        return scores
    if kind is OutputKind.probabilities:
        return np.log(np.clip(scores, np.finfo(np.float32).tiny, 1.0))
    if kind is OutputKind.labels:
        raise ValueError("labels have no logits")
    one = scores if kind is OutputKind.binary_logit else _logit(scores)
    if kind is OutputKind.multilabel_probabilities:
        return one
    return np.concatenate([np.zeros_like(one), one], axis=-1)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # minus infinity is the right distance then
        shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float32)


def _sigmoid(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    small = np.exp(-np.abs(scores))  # never overflows
    return np.asarray(np.where(scores > 0, 1.0, small) / (1.0 + small), np.float32)


def _logit(likely: NDArray[np.float32]) -> NDArray[np.float32]:
    """In float64: 1 - p keeps its digits; exactly one half gives exactly 0."""
    info = np.finfo(np.float32)
    inside = np.clip(likely.astype(np.float64), info.tiny, 1.0 - info.epsneg)
    return np.asarray(np.log(inside) - np.log1p(-inside), np.float32)
