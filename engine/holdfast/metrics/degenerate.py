"""Recognise models whose consistency is worth nothing: they never pass a gate, whatever it is.

Source: the project's science reference, section 1.3: an untrained net had perfect consistency.
"""

import base64
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.labels import read_scores
from holdfast.metrics.readout import Readout
from holdfast.records.model import OutputKind
from holdfast.records.part import Counts, WatchState

__all__ = ["Degeneracy", "DegenerateWatch", "degeneracies"]

_MIN_LABELLED = 50
_ONE_ANSWER = 0.99
_SPREAD = 0.9
_UNDECIDED = 0.5


class Degeneracy(StrEnum):
    """Why no number about the model means anything."""

    nonfinite = "nonfinite"
    """A score of an unmoved image is NaN or infinite."""
    constant = "constant"
    """No score differs between images by more than rounding: the input is ignored."""
    undecided = "undecided"
    """In at least half of the images the best answer is not clear: several scores are equal, as
    when all are clipped at the same value. The answer is then the order of the classes, and
    every change is a tie."""
    one_answer = "one_answer"
    """At least 99 % of at least 50 labelled images get the same answer although no label has more
    than 90 % of them, as from an untrained net or a wrong input scale. For one class as the answer
    this is chance: the accuracy is at most one point above the share of the commonest label. For
    sets of labels it also catches the model that answers with every label, or with none."""


@dataclass
class DegenerateWatch:
    """Collects the unmoved images block by block; a few numbers per score and answer.

    `kind` and `tolerance` are those of `read_scores` and `orbit_scores`.
    """

    kind: OutputKind
    tolerance: float
    _finite: bool = field(default=True)
    _low: NDArray[np.float32] | None = field(default=None)
    _high: NDArray[np.float32] | None = field(default=None)
    _images: int = field(default=0)
    _undecided: int = field(default=0)
    _answers: Counter[Hashable] = field(default_factory=Counter)
    _truths: Counter[Hashable] = field(default_factory=Counter)

    def add(
        self, scores: NDArray[np.float32], labels: NDArray[np.int64] | NDArray[np.bool_]
    ) -> None:
        """Look at n more images.

        Args:
            scores: of the unmoved views, (n, k); NaN and infinity are noticed and left out.
            labels: (n,), -1 where there is none; for multi-label heads also (n, k) bool.
        """
        finite = np.isfinite(scores).all(axis=-1)
        self._finite &= bool(finite.all())
        scores, labels = scores[finite], labels[finite]
        if len(scores) == 0:
            return
        low, high = scores.min(axis=0), scores.max(axis=0)
        self._low = low if self._low is None else np.minimum(self._low, low)
        self._high = high if self._high is None else np.maximum(self._high, high)
        seen = read_scores(scores[:, None], self.kind)
        self._images += len(scores)
        self._undecided += int((seen.margin <= self.tolerance).sum())
        given = labels >= 0 if labels.ndim == 1 else np.ones(len(labels), bool)
        self._answers.update(_answer_keys(seen, given))
        self._truths.update(_keys(labels[given]))

    def state(self) -> WatchState:
        """What was seen so far, for another process to go on with."""
        return WatchState(
            finite=self._finite,
            low=_packed(self._low),
            high=_packed(self._high),
            n_images=self._images,
            undecided=self._undecided,
            answers=_spelt(self._answers),
            truths=_spelt(self._truths),
        )

    def absorb(self, seen: WatchState) -> None:
        """Add what another watch of the same kind saw on other images."""
        self._finite &= seen.finite
        if seen.low:
            low, high = _unpacked(seen.low), _unpacked(seen.high)
            self._low = low if self._low is None else np.minimum(self._low, low)
            self._high = high if self._high is None else np.maximum(self._high, high)
        self._images += seen.n_images
        self._undecided += seen.undecided
        self._answers.update(_read(seen.answers))
        self._truths.update(_read(seen.truths))

    def found(self) -> tuple[Degeneracy, ...]:
        """All reasons that hold for the images so far, the gravest first."""
        holds = {
            Degeneracy.nonfinite: not self._finite,
            Degeneracy.constant: self._constant(),
            Degeneracy.undecided: 0 < self._images * _UNDECIDED <= self._undecided,
            Degeneracy.one_answer: self._one_answer(),
        }
        return tuple(reason for reason in Degeneracy if holds[reason])

    def _constant(self) -> bool:
        """Class indices are no scores: equal ones are `one_answer` or right."""
        if self._low is None or self._high is None or self.kind is OutputKind.labels:
            return False
        if self._images < 2:  # noqa: PLR2004 - one image equals itself
            return False
        scale = float(np.maximum(np.abs(self._low), np.abs(self._high)).max())
        return float((self._high - self._low).max()) <= self.tolerance * scale

    def _one_answer(self) -> bool:
        labelled = self._answers.total()
        if labelled < _MIN_LABELLED:
            return False
        ((_, answered),) = self._answers.most_common(1)
        ((_, true),) = self._truths.most_common(1)
        return answered >= _ONE_ANSWER * labelled and true <= _SPREAD * labelled


def degeneracies(
    scores: NDArray[np.float32],
    labels: NDArray[np.int64] | NDArray[np.bool_],
    kind: OutputKind,
    tolerance: float,
) -> tuple[Degeneracy, ...]:
    """`DegenerateWatch` for all images at once: scores (n, k) of unmoved views, labels (n,)."""
    watch = DegenerateWatch(kind, tolerance)
    watch.add(scores, labels)
    return watch.found()


def _answer_keys(seen: Readout, given: NDArray[np.bool_]) -> list[Hashable]:
    if seen.answers is None:
        return _keys(seen.predicted[given, 0])
    return _keys(seen.answers[given, 0])


def _keys(rows: NDArray[np.generic]) -> list[Hashable]:
    """Numbers for (n,), whole sets as bytes for (n, k)."""
    if rows.ndim == 1:
        return list(rows.tolist())
    return [row.tobytes() for row in np.packbits(rows.astype(bool), axis=-1)]


def _packed(scores: NDArray[np.float32] | None) -> str:
    return "" if scores is None else base64.b64encode(scores.astype("<f4").tobytes()).decode()


def _unpacked(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)


def _spelt(counts: Counter[Hashable]) -> Counts:
    """Class indices as decimal numbers, sets of labels as `0x` and hex digits."""
    return tuple(
        (f"0x{key.hex()}" if isinstance(key, bytes) else str(key), n) for key, n in counts.items()
    )


def _read(counts: Counts) -> dict[Hashable, int]:
    return {bytes.fromhex(key[2:]) if key.startswith("0x") else int(key): n for key, n in counts}
