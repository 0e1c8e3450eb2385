"""Each function asks one question of what was seen and answers with a finding or nothing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.records.causes import CauseLabel, Causes
from holdfast.records.cells import Cell
from holdfast.records.families import Family
from holdfast.records.model import Batching, Head, ModelCard
from holdfast.records.outcome import Outcome
from holdfast.records.result import (
    Finding,
    FindingSeverity,
    Measurement,
    Normalisation,
    ProbeSummary,
    SandboxLevel,
)

if TYPE_CHECKING:
    from holdfast.metrics import LabelMapping

__all__ = ["Seen", "findings"]

_MUCH_FILL = 0.05
_NEAR_CHANCE = 0.1
_STEADY = 0.9
_EXPLAINED = 0.8
_SOME_FLIPS = 0.02


@dataclass(frozen=True)
class Seen:
    """What the questions look at.

    Attributes:
        degenerate: reasons why the model's numbers mean nothing.
        certificate: reach in px of the exhaustive shifts, images that hold under all of them, and
            images that went through them.
        stopped: the audit ended before the last image because everything was decided.
        mapping: how the labels fit the answers on the first images.
    """

    model: ModelCard
    normalisation: Normalisation
    tried: tuple[tuple[str, float, int], ...]
    probes: ProbeSummary
    measurements: tuple[Measurement, ...]
    cells: tuple[Cell, ...]
    sandbox: SandboxLevel
    degenerate: tuple[str, ...]
    certificate: tuple[int, int, int] | None
    stopped: bool
    mapping: "LabelMapping | None" = None
    causes: Causes | None = None

    def value(self, measurement_id: str) -> float | None:
        """The value of a measurement, None where it was not measured."""
        for measurement in self.measurements:
            if measurement.id == measurement_id:
                return measurement.value
        return None


def findings(seen: Seen) -> tuple[Finding, ...]:
    """All findings, the gravest first."""
    found = [finding for ask in _QUESTIONS for finding in _listed(ask(seen))]
    rank = [FindingSeverity.error, FindingSeverity.warning, FindingSeverity.info]
    return tuple(sorted(found, key=lambda finding: rank.index(finding.severity)))


def _listed(found: Finding | Iterable[Finding] | None) -> tuple[Finding, ...]:
    if found is None:
        return ()
    return (found,) if isinstance(found, Finding) else tuple(found)


_DEGENERATE = {
    "constant": "The model gives the same scores for every image; its consistency means nothing.",
    "nonfinite": "The model gives scores that are not finite.",
    "undecided": "For at least half of the images the best classes tie; the answer is their order.",
    "one_answer": "The model gives one answer to nearly every image, although their labels differ.",
}


def _degenerate(seen: Seen) -> Iterator[Finding]:
    for reason in seen.degenerate:
        yield Finding(
            id=f"{reason}_model",
            severity=FindingSeverity.error,
            sentence=_DEGENERATE[reason],
            hint="Check the weights and the input preset.",
        )


def _causes(seen: Seen) -> Iterator[Finding]:
    """Whether the same resampling, or the same lost content, flips as much without the motion."""
    for family in dict.fromkeys(cell.family for cell in seen.cells):
        cells = [cell for cell in seen.cells if cell.family == family]
        for kind, name, words, hint in _CONTROLS:
            pairs = [
                (control.flip_rate, control.flip_rate + control.excess_flip_rate)
                for cell in cells
                for control in cell.controls
                if control.kind == kind
            ]
            still, moved = (sum(each) for each in zip(*pairs, strict=True)) if pairs else (0, 0)
            if pairs and moved >= _SOME_FLIPS * len(pairs) and still >= _EXPLAINED * moved:
                yield Finding(
                    id=f"{family}.{name}",
                    severity=FindingSeverity.warning,
                    sentence=f"This is {words}, not geometry: without the {family} the control "
                    f"flips {still / len(pairs):.1%} of the views, with it {moved / len(pairs):.1%}"
                    " flip.",
                    hint=hint,
                )


_CONTROLS = (
    (
        "blur",
        "resampling",
        "resampling",
        "The model depends on detail that any interpolation blurs; compare families.lattice.",
    ),
    (
        "occlusion",
        "content_loss",
        "lost content",
        "Give larger originals (input.resize), or judge the motions that lose less.",
    ),
)


def _certificate(seen: Seen) -> Finding | None:
    if seen.certificate is None:
        return None
    reach_px, held, n = seen.certificate
    return Finding(
        id="translation.certificate",
        severity=FindingSeverity.info,
        sentence=f"Every whole-pixel shift up to {reach_px} px was tried: {held} of {n} images "
        "keep their answer under all of them, which for these images is a proof over that list.",
    )


def _stopped(seen: Seen) -> Finding | None:
    if not seen.stopped:
        return None
    return Finding(
        id="stopped_early",
        severity=FindingSeverity.info,
        sentence=f"Every assertion was decided after {seen.probes.n_used} of "
        f"{seen.probes.n_given} images; the intervals hold wherever the audit stops.",
        hint="--full measures all images.",
    )


def _left_early(seen: Seen) -> Finding | None:
    """Families whose own assertions, if any, were decided before the audit ended."""
    rows = {row.id: row for row in seen.measurements if row.outcome is Outcome.measured}
    left = {
        family: min(row.n_images for row in found)
        for family in Family
        if (found := [rows[name] for name in _WHOLE_FAMILY[family] if name in rows])
    }
    few = [f"{family} {n}" for family, n in left.items() if n < seen.probes.n_used]
    if not few:
        return None
    return Finding(
        id="left_early",
        severity=FindingSeverity.info,
        sentence=f"Families were left where no assertion needed more: {', '.join(few)} of "
        f"{seen.probes.n_used} images.",
        hint="--full measures all of them on all images.",
    )


_WHOLE_FAMILY = {family: (f"{family}.consistency", f"{family}.worst_case") for family in Family}
"""Measurements that every image of a family has; a search has the second alone."""


def _near_chance(seen: Seen) -> Finding | None:
    accuracy, classes = seen.value("accuracy"), seen.model.n_classes or 0
    if accuracy is None or classes == 0:
        return None
    if accuracy > 1 / classes + min(1 / classes, _NEAR_CHANCE):
        return None
    return Finding(
        id="near_chance",
        severity=FindingSeverity.warning,
        sentence=f"The clean accuracy, {accuracy:.3f}, is near chance for {classes} classes.",
        hint="Check the input preset and that the labels are in the order of the model's outputs.",
    )


def _permuted(seen: Seen) -> Finding | None:
    """Another order of the labels explains the answers much better than theirs."""
    found = seen.mapping
    if found is None or not found.is_telling:
        return None
    pairs = ", ".join(f"label {label} is output {output}" for label, output in found.pairs)
    return Finding(
        id="labels_permuted",
        severity=FindingSeverity.warning,
        sentence=f"The labels seem to be in another order than the model's outputs: on the first "
        f"{found.n_images} labelled images {found.accuracy:.0%} of the answers are the label, and "
        f"{found.mapped:.0%} are with another one-to-one order.",
        hint=f"It looks as if {pairs}. Number the labels in the order of the outputs, in "
        "labels.csv, or list the classes in that order in classes.txt.",
    )


_BATCHES = {
    Batching.mixes: (
        FindingSeverity.warning,
        "The answer to an image depends on the other images of its batch: each was audited alone.",
        "Export it in evaluation mode (model.eval()), so that no statistic is taken of a batch.",
    ),
    Batching.fails: (
        FindingSeverity.info,
        "The model declares a free batch and fails on several images: each was audited alone.",
        "Export it with a dynamic batch axis and check it with two images.",
    ),
    Batching.crashes: (
        FindingSeverity.warning,
        "A batch of several images crashed the runtime; the audit was started again one by one.",
        "Export the model again with a current exporter.",
    ),
}


def _batches(seen: Seen) -> Finding | None:
    batching = seen.model.batching
    if batching is Batching.as_declared:
        return None
    severity, sentence, hint = _BATCHES[batching]
    return Finding(id=f"batch_{batching}", severity=severity, sentence=sentence, hint=hint)


def _flatten_head(seen: Seen) -> Finding | None:
    consistency = seen.value("translation.consistency")
    if seen.model.head is not Head.flatten or consistency is None:
        return None
    if seen.causes is not None and seen.causes.label is not None:
        return None  # what the graph only suggests was tested
    weak = consistency < _STEADY
    return Finding(
        id="flatten_head",
        severity=FindingSeverity.warning if weak else FindingSeverity.info,
        sentence="The classifier reads a flattened feature map, so every position has weights of "
        "its own" + ("; shifts do change its answers." if weak else "; training covered for it."),
        hint="Global average pooling before the classifier, or training with shifts, removes "
        "this dependence. Read from the graph; not yet confirmed by an intervention.",
    )


def _cause(seen: Seen) -> Finding | None:
    """The named cause; a warning where shifts do change answers and there is much to explain."""
    causes = seen.causes
    if causes is None or causes.label is None or causes.label is CauseLabel.none:
        return None
    consistency = seen.value("translation.consistency")
    weak = consistency is not None and consistency < _STEADY and causes.strength == "high"
    return Finding(
        id=f"cause.{causes.label.lower()}",
        severity=FindingSeverity.warning if weak else FindingSeverity.info,
        sentence=causes.sentence,
        hint=causes.remedy,
    )


def _chosen_preset(seen: Seen) -> Finding | None:
    if not seen.tried:
        return None
    shown = ", ".join(f"{name} {accuracy:.2f}" for name, accuracy, _ in seen.tried)
    return Finding(
        id="preset_chosen",
        severity=FindingSeverity.info,
        sentence=f"No input preset was given: {seen.normalisation.preset} was the most accurate on "
        f"{seen.tried[0][2]} labelled images ({shown}).",
        hint="Declare it with --input or input.preset so that every audit uses the same.",
    )


def _much_fill(seen: Seen) -> Finding | None:
    # An object on an empty canvas is mostly background; that is the question, not a loss.
    cells = [cell for cell in seen.cells if cell.family != Family.displacement]
    worst = max(cells, key=lambda cell: cell.fill_share, default=None)
    if worst is None or worst.fill_share <= _MUCH_FILL:
        return None
    return Finding(
        id="fill",
        severity=FindingSeverity.info,
        sentence=f"Up to {worst.fill_share:.0%} of a view ({worst.family}) lies outside the image "
        "and was filled; part of the loss there is lost content, not motion.",
        hint="Larger originals (input.resize) leave less to fill.",
    )


def _ties(seen: Seen) -> Finding | None:
    ties = sum(cell.ties for cell in seen.cells)
    if ties == 0:
        return None
    return Finding(
        id="ties",
        severity=FindingSeverity.info,
        sentence=f"In {ties} views two classes tied within rounding; that counts as agreement.",
    )


def _skipped(seen: Seen) -> Finding | None:
    n = len(seen.probes.skipped)
    if n == 0:
        return None
    return Finding(
        id="skipped_images",
        severity=FindingSeverity.warning,
        sentence=f"{n} of {seen.probes.n_given} images could not be used and were skipped.",
        hint="They are listed with the reason.",
    )


def _sandbox(seen: Seen) -> Finding | None:
    if seen.sandbox.in_force:
        return None
    return Finding(
        id="sandbox_not_in_force",
        severity=FindingSeverity.warning,
        sentence="The sandbox was not fully in force: " + "; ".join(seen.sandbox.missing)[:300],
        hint="Audit files of strangers only where `holdfast doctor` shows the sandbox in force.",
    )


def _gpu(seen: Seen) -> Finding | None:
    if not seen.sandbox.gpu:
        return None
    return Finding(
        id="sandbox_gpu",
        severity=FindingSeverity.warning,
        sentence="The model ran on a GPU, under rules of the sandbox that are experimental: the "
        "driver's devices were open to it and its memory was watched, not limited.",
        hint=seen.sandbox.note,
    )


_QUESTIONS: tuple[Callable[[Seen], Finding | Iterable[Finding] | None], ...] = (
    _degenerate,
    _permuted,
    _near_chance,
    _batches,
    _causes,
    _cause,
    _flatten_head,
    _skipped,
    _sandbox,
    _gpu,
    _chosen_preset,
    _much_fill,
    _ties,
    _certificate,
    _stopped,
    _left_early,
)
