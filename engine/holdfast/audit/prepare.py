"""Before the audit: how the model wants its pixels, what its scores are, whether it is steady."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.audit.views import ViewRunner
from holdfast.errors import HoldfastError
from holdfast.geometry import IDENTITY
from holdfast.metrics.labels import probabilities, tie_tolerance
from holdfast.records.model import ModelCard, OutputKind
from holdfast.records.plan import InputSpec, Preset
from holdfast.runtimes.feed import Feed, candidates, feed_for

__all__ = ["Choice", "Setup", "prepare"]

_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Choice:
    """One preset that was tried: accuracy on so many labelled probes."""

    preset: Preset
    accuracy: float
    n_images: int


@dataclass(frozen=True)
class Setup:
    """What was found out before the first measurement."""

    feed: Feed
    how: Literal["given", "most_accurate"]
    tried: tuple[Choice, ...]
    kind: OutputKind
    n_classes: int
    tolerance: float


def prepare(runner: ViewRunner, card: ModelCard, spec: InputSpec, probes: Sequence[Probe]) -> Setup:
    """Run the model on a few dozen unmoved probes.

    Raises:
        HoldfastError: `preset_needed`, `nondeterministic`, or what the model refuses.
    """
    tolerance = tie_tolerance(card.arithmetic)
    if spec.preset is Preset.auto:
        feed, tried = _most_accurate(runner, card, probes)
    else:
        feed, tried = feed_for(spec, card.channels), ()
    scores = _reference(runner, probes, feed)
    _check_steady(scores, _reference(runner, probes, feed), tolerance)
    return Setup(
        feed=feed,
        how="most_accurate" if tried else "given",
        tried=tried,
        kind=card.output_kind or _kind_of(scores),
        n_classes=scores.shape[-1],
        tolerance=tolerance,
    )


def _most_accurate(
    runner: ViewRunner, card: ModelCard, probes: Sequence[Probe]
) -> tuple[Feed, tuple[Choice, ...]]:
    labelled = [probe for probe in probes if probe.label >= 0]
    if not labelled:
        raise HoldfastError("preset_needed")
    ranked: list[tuple[float, float, Feed]] = []
    for feed in candidates(card.channels):
        try:
            scores = _reference(runner, labelled, feed)
        except HoldfastError as error:
            if error.code != "nonfinite_output":  # a wrong scale may well overflow
                raise
            continue
        ranked.append((*_fit(scores, labelled, card.output_kind), feed))
    if not ranked:
        raise HoldfastError("nonfinite_output")
    best = max(ranked, key=lambda row: row[:2])
    tried = tuple(Choice(feed.preset, right, len(labelled)) for right, _, feed in ranked)
    return best[2], tried


def _fit(
    scores: NDArray[np.float32], probes: Sequence[Probe], kind: OutputKind | None
) -> tuple[float, float]:
    """Accuracy, and the mean probability of the label to break ties between presets."""
    labels = np.array([probe.label for probe in probes])
    check_labels(labels, scores.shape[-1])
    likely = probabilities(scores, kind or _kind_of(scores))
    right = float((scores.argmax(axis=-1) == labels).mean())
    return right, float(likely[np.arange(len(labels)), labels].mean())


def check_labels(labels: NDArray[np.int64], n_classes: int) -> None:
    """Raise HoldfastError `labels_mismatch` when a label is no class of the model."""
    if len(labels) and int(labels.max()) >= n_classes:
        raise HoldfastError("labels_mismatch", label=int(labels.max()), k=n_classes)


def _reference(runner: ViewRunner, probes: Sequence[Probe], feed: Feed) -> NDArray[np.float32]:
    return runner.scores(probes, (IDENTITY,), feed, lambda _: None)[:, 0]


def _kind_of(scores: NDArray[np.float32]) -> OutputKind:
    """Probabilities when every row is in [0, 1] and sums to one; decided once, on all probes."""
    inside = scores.min() >= -_SUM_TOLERANCE and scores.max() <= 1 + _SUM_TOLERANCE
    sums = np.abs(scores.sum(axis=-1, dtype=np.float64) - 1.0)
    return OutputKind.probabilities if inside and sums.max() < _SUM_TOLERANCE else OutputKind.logits


def _check_steady(
    first: NDArray[np.float32], second: NDArray[np.float32], tolerance: float
) -> None:
    scale = max(float(np.abs(first).max()), float(np.finfo(np.float32).tiny))
    if float(np.abs(first - second).max()) > tolerance * scale:
        raise HoldfastError("nondeterministic")
