"""Every view of a block against the view it is compared with: made of scores, or of the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.families import ViewSpec
from holdfast.metrics import (
    MULTILABEL,
    correct_answers,
    has_scores,
    logits,
    read_scores,
    relative_logit_drift,
)
from holdfast.records.model import OutputKind

__all__ = ["Compared", "compare_samples", "compare_scores"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Compared:
    """n images in V views, (n, V) each.

    Attributes:
        views: what each column is.
        predicted: class index; for multi-label heads a code of the answer set within its image.
        correct: the answer fits the label; False without a label.
        margin: best minus second best score, relative to the largest magnitude.
        reference_probability: of the answer given at the view it is compared with; NaN for a model
            that gives labels only.
        predicted_probability: of the own answer.
        logit_drift: relative change of the centred scores; NaN where it is undefined.
        fill: share of the view that the canvas could not give.
        tolerance: relative margin up to which a change counts as a tie.
    """

    views: Sequence[ViewSpec]
    predicted: NDArray[np.int32]
    correct: NDArray[np.bool_]
    margin: NDArray[np.float32]
    reference_probability: NDArray[np.float32]
    predicted_probability: NDArray[np.float32]
    logit_drift: NDArray[np.float32]
    fill: NDArray[np.float32]
    tolerance: float

    def among(self, views: Sequence[ViewSpec]) -> "Compared":
        """In their places among more views, which begin with the same references.

        The others, which nobody took, look like their reference: no flip, no tie, no drift; and
        they are never right.
        """
        if len(views) == len(self.views):
            return self
        at = {view: place for place, view in enumerate(self.views)}
        taken = np.array([view in at for view in views])
        source = np.array([at.get(view, view.against) for view in views], np.intp)
        return Compared(
            views=views,
            predicted=self.predicted[:, source],
            correct=self.correct[:, source] & taken,
            margin=self.margin[:, source],
            reference_probability=self.reference_probability[:, source],
            predicted_probability=self.predicted_probability[:, source],
            logit_drift=self.logit_drift[:, source],
            fill=np.where(taken, self.fill[:, source], np.float32(0)),
            tolerance=self.tolerance,
        )

    @cached_property
    def against(self) -> NDArray[np.intp]:
        """Place of the view that each is compared with, (V,)."""
        return np.array([view.against for view in self.views], np.intp)

    @cached_property
    def _changed(self) -> NDArray[np.bool_]:
        return np.asarray(self.predicted != self.predicted[:, self.against])

    @cached_property
    def _clear(self) -> NDArray[np.bool_]:
        own = self.margin > self.tolerance
        return np.asarray(own & own[:, self.against])

    @cached_property
    def flip(self) -> NDArray[np.bool_]:
        """The answer changed, and both margins are above the tolerance."""
        return np.asarray(self._changed & self._clear)

    @cached_property
    def tie(self) -> NDArray[np.bool_]:
        """The answer changed, but a margin is too small to count."""
        return np.asarray(self._changed & ~self._clear)

    @cached_property
    def drift(self) -> NDArray[np.float32]:
        """|probability of the reference's answer, moved - unmoved|; NaN without probabilities."""
        unmoved = self.reference_probability[:, self.against]
        return np.asarray(np.abs(self.reference_probability - unmoved))

    @cached_property
    def answers(self) -> NDArray[np.int32]:
        """Predicted classes, a tie counting as the answer of the reference."""
        unmoved = self.predicted[:, self.against]
        return np.asarray(np.where(self.tie, unmoved, self.predicted))


def compare_scores(
    raw: NDArray[np.float32],
    views: Sequence[ViewSpec],
    labels: NDArray[np.int64],
    *,
    kind: OutputKind,
    tolerance: float,
    fill: NDArray[np.float32],
) -> Compared:
    """Read the scores (n, V, k) of a block; views with one reference are read together.

    A few images at a time: what is computed of them stays in the cache, and no fresh pages of
    memory are asked for, which cost more than the arithmetic.

    Args:
        raw: scores of n images in V views.
        views: what each view is.
        labels: (n,), -1 where there is none.
        kind: of the head.
        tolerance: relative margin up to which a change counts as a tie.
        fill: share of each view that was filled, (n, V).
    """
    shape = raw.shape[:2]
    columns: dict[str, NDArray[Any]] = {
        "predicted": np.empty(shape, np.int32),
        "correct": np.zeros(shape, bool),
        "margin": np.empty(shape, np.float32),
        "reference_probability": np.empty(shape, np.float32),
        "predicted_probability": np.empty(shape, np.float32),
        "logit_drift": np.zeros(shape, np.float32),
    }
    against = np.array([view.against for view in views])
    few = max(1, _CHUNK_BYTES // max(1, raw[:1].nbytes))
    chunks = [slice(start, start + few) for start in range(0, len(raw), few)]
    for reference in dict.fromkeys(against.tolist()):
        group = [reference, *(i for i in np.flatnonzero(against == reference) if i != reference)]
        for images in chunks:
            part = raw[images, group]
            seen = read_scores(part, kind)
            for name in ("predicted", "margin", "reference_probability", "predicted_probability"):
                columns[name][images, group] = getattr(seen, name)
            columns["correct"][images, group] = correct_answers(seen, labels[images])
            columns["logit_drift"][images, group[1:]] = _logit_drift(part, kind)
    return Compared(views=views, fill=fill, tolerance=tolerance, **columns)


def compare_samples(
    block: Mapping[str, NDArray[Any]],
    views: Sequence[ViewSpec],
    tolerance: float,
) -> Compared:
    """The same from the columns of the per-sample file, one entry per image and view."""
    shape = (-1, len(views))
    names = (
        "predicted",
        "margin",
        "reference_probability",
        "predicted_probability",
        "logit_drift",
    )
    columns = {name: np.asarray(block[name]).reshape(shape) for name in names}
    return Compared(
        views=views,
        correct=np.asarray(block["correct"], bool).reshape(shape),  # null, no label, is False
        fill=np.asarray(block["fill_share"], np.float32).reshape(shape),
        tolerance=tolerance,
        **columns,
    )


def _logit_drift(part: NDArray[np.float32], kind: OutputKind) -> NDArray[np.float32]:
    if not has_scores(kind):
        return np.full((part.shape[0], part.shape[1] - 1), np.nan, np.float32)
    drift = relative_logit_drift(logits(part, kind), centred=kind not in MULTILABEL)
    return np.where(drift.defined[:, None], drift.values, np.nan).astype(np.float32)
