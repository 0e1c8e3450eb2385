"""Before the audit: how the model wants its pixels, what its scores are, whether it is steady."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.audit.views import ViewRunner
from holdfast.errors import HoldfastError
from holdfast.geometry import IDENTITY
from holdfast.metrics import (
    MULTILABEL,
    LabelMapping,
    class_count,
    correct_answers,
    guess_kind,
    has_scores,
    label_mapping,
    probabilities,
    read_scores,
    tie_tolerance,
)
from holdfast.records.model import ModelCard, OutputKind
from holdfast.records.plan import AuditPlan, InputSpec, Preset
from holdfast.runtimes.feed import Feed, candidates, feed_for

__all__ = ["Choice", "Prepared", "Setup", "prepare"]

_REPEATED = 8


@dataclass(frozen=True)
class Choice:
    """One preset that was tried: accuracy on so many labelled probes."""

    preset: Preset
    accuracy: float
    n_images: int


@dataclass(frozen=True)
class Setup:
    """What was found out before the first measurement.

    Attributes:
        n_scores: scores per image.
        n_classes: classes or labels; None for a model that gives labels only.
        noise_floor: largest difference between two runs on the same views, a few of the probes,
            relative to the largest score; up to `tolerance`.
        mapping: how the labels fit the answers on these probes; None where there is no telling.
    """

    feed: Feed
    how: Literal["given", "most_accurate"]
    tried: tuple[Choice, ...]
    kind: OutputKind
    n_scores: int
    n_classes: int | None
    tolerance: float
    noise_floor: float
    mapping: LabelMapping | None = None


@dataclass(frozen=True)
class Prepared:
    """What the first probes told, and the raw scores (k,) of each, unmoved, by its index."""

    setup: Setup
    unmoved: Mapping[int, NDArray[np.float32]]


def prepare(
    runner: ViewRunner, card: ModelCard, plan: AuditPlan, probes: Sequence[Probe]
) -> Prepared:
    """Run the model on a few dozen unmoved probes, and on some of them twice.

    Raises:
        HoldfastError: `preset_needed`, `nondeterministic`, or what the model refuses.
    """
    tolerance, spec = tie_tolerance(card.arithmetic), _input_of(card, plan.input)
    declared = plan.output_kind or card.output_kind
    if spec.preset is Preset.auto:
        feed, tried = _most_accurate(runner, card, declared, probes)
    else:
        feed, tried = feed_for(spec, card.channels), ()
    scores = _reference(runner, probes, feed)
    # whole batches again: what a batch does to its images is found out by the runtime
    again = probes[: -(-_REPEATED // runner.batch) * runner.batch]
    floor = _noise_floor(scores[: len(again)], _reference(runner, again, feed), tolerance)
    kind = _fitting(declared, scores)
    setup = Setup(
        feed=feed,
        how="most_accurate" if tried else "given",
        tried=tried,
        kind=kind,
        n_scores=scores.shape[-1],
        n_classes=class_count(kind, scores.shape[-1]),
        tolerance=tolerance,
        noise_floor=floor,
        mapping=_mapping(scores, probes, kind),
    )
    indices = [probe.index for probe in probes]
    return Prepared(setup, dict(zip(indices, scores, strict=True)))


def _input_of(card: ModelCard, spec: InputSpec) -> InputSpec:
    """Whole numbers can only be pixel values as they are: then there is no preset to find out."""
    whole = card.inputs[0].dtype in ("uint8", "int8")
    if whole and spec.preset is Preset.auto:
        return spec.model_copy(update={"preset": Preset.byte})
    return spec


def _mapping(
    scores: NDArray[np.float32], probes: Sequence[Probe], kind: OutputKind
) -> LabelMapping | None:
    if kind in MULTILABEL:
        return None
    answers = read_scores(scores[:, None], kind).predicted[:, 0]
    return label_mapping(answers, np.array([probe.label for probe in probes], np.int64))


def _most_accurate(
    runner: ViewRunner, card: ModelCard, declared: OutputKind | None, probes: Sequence[Probe]
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
        ranked.append((*_fit(scores, labelled, _fitting(declared, scores)), feed))
    if not ranked:
        raise HoldfastError("nonfinite_output")
    best = max(ranked, key=lambda row: row[:2])
    tried = tuple(Choice(feed.preset, right, len(labelled)) for right, _, feed in ranked)
    return best[2], tried


def _fit(
    scores: NDArray[np.float32], probes: Sequence[Probe], kind: OutputKind
) -> tuple[float, float]:
    """Accuracy, and the mean probability of the label to break ties between presets."""
    labels = np.array([probe.label for probe in probes], np.int64)
    check_labels(labels, class_count(kind, scores.shape[-1]))
    right = float(correct_answers(read_scores(scores[:, None], kind), labels).mean())
    if not has_scores(kind):
        return right, 0.0
    return right, float(probabilities(scores, kind)[np.arange(len(labels)), labels].mean())


def check_labels(labels: NDArray[np.int64], n_classes: int | None) -> None:
    """Raise HoldfastError `labels_mismatch` when a label is no class of the model."""
    if n_classes is not None and len(labels) and int(labels.max()) >= n_classes:
        raise HoldfastError("labels_mismatch", label=int(labels.max()), k=n_classes)


def _reference(runner: ViewRunner, probes: Sequence[Probe], feed: Feed) -> NDArray[np.float32]:
    return runner.scores(probes, (IDENTITY,), feed, lambda _: None)[:, 0]


def _fitting(declared: OutputKind | None, scores: NDArray[np.float32]) -> OutputKind:
    """The declared kind of the head, or what its scores look like.

    Raises:
        HoldfastError: `input_spec_mismatch` when so many scores cannot be of the declared kind.
    """
    if declared is None:
        return guess_kind(scores)
    single = declared in (OutputKind.binary_logit, OutputKind.binary_probability, OutputKind.labels)
    if single != (scores.shape[-1] == 1):
        reason = f"{scores.shape[-1]} scores per image cannot be {declared}"
        raise HoldfastError("input_spec_mismatch", reason=reason)
    return declared


def _noise_floor(
    first: NDArray[np.float32], second: NDArray[np.float32], tolerance: float
) -> float:
    """How far apart two runs on the same views are; refuse a model that is not steady."""
    scale = max(float(np.abs(first).max()), float(np.finfo(np.float32).tiny))
    floor = float(np.abs(first - second).max()) / scale
    if floor > tolerance:
        raise HoldfastError("nondeterministic")
    return floor
