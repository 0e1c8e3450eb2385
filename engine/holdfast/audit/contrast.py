"""Compare two results: the same images, the same lists, another model; paired image by image.

Source: the project's science reference, section 4.5 (paired differences, non-inferiority, McNemar
mid-p, Tango, modified Obuchowski) and 4.6 (all assertions must pass: no adjustment; which family
changed: Holm).
"""

from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from holdfast.audit.detailing import MIN_GROUP, members
from holdfast.audit.forgetting import forgetting
from holdfast.audit.pairing import Side, changed, paired, scores
from holdfast.audit.per_image import FORMS
from holdfast.audit.reading import SamplesRead, read_samples
from holdfast.catalogue import COMPARED, GROUPED
from holdfast.errors import HoldfastError
from holdfast.families import CellSpec
from holdfast.records.comparison import (
    CellChange,
    Comparison,
    FamilyChange,
    GroupChange,
    MeasurementChange,
)
from holdfast.records.families import Family
from holdfast.records.result import AuditResult
from holdfast.stats import holm, mcnemar, modified_obuchowski, tango

__all__ = ["contrast"]

_MAX_NAMES = 200
Decision = Literal["passed", "failed", "inconclusive"]


def contrast(
    baseline: tuple[bytes, BinaryIO], candidate: tuple[bytes, BinaryIO], margin: float
) -> Comparison:
    """Compare two results, each with its per-sample file.

    Args:
        baseline: bytes of its result.json, and its samples.
        candidate: the same.
        margin: how much of a score may be lost, in [0, 1).

    Raises:
        HoldfastError: `invalid_result`, `invalid_samples`; `not_comparable` with the reason when
            the two did not ask the same of the same images.
    """
    old, new = (_read(*each) for each in (baseline, candidate))
    _check(old[0], new[0])
    _check_whole(old[1])
    _check_whole(new[1])
    sides = _paired(old, new)
    alpha = 1.0 - new[0].plan.confidence
    changes = tuple(_measurements(*sides, margin, alpha))
    families = tuple(_families(*sides))
    lost = np.any([_lost(*sides, family) for family in Family], axis=0)
    forgot = forgetting(*sides, changes)
    same = old[0].provenance.model_sha256 == new[0].provenance.model_sha256
    decision: Decision = "passed" if same else _overall(changes)
    return Comparison(
        baseline_sha256=old[0].provenance.model_sha256,
        candidate_sha256=new[0].provenance.model_sha256,
        n_images=len(sides[0].places),
        margin=margin,
        confidence=new[0].plan.confidence,
        decision=decision,
        sentence="No change: it is the same model."
        if same
        else _sentence(changes, decision, margin, int(lost.sum())),
        measurements=changes,
        families=families,
        cells=tuple(_cells(*sides)),
        flipped=_names(sides[0], lost),
        n_flipped=int(lost.sum()),
        groups=tuple(_groups(*sides, margin, alpha)),
        findings=() if forgot is None or same else (forgot,),
    )


def _read(claim: bytes, samples: BinaryIO) -> tuple[AuditResult, SamplesRead]:
    try:
        result = AuditResult.model_validate_json(claim)
    except ValidationError:
        raise HoldfastError("invalid_result", path="the file", reason="its form differs") from None
    return result, read_samples(result, samples)


def _check(old: AuditResult, new: AuditResult) -> None:
    """Numbers of other lists, images or frames are never compared."""
    before, after = old.provenance, new.provenance
    reasons = {
        "the images differ": before.probes_digest != after.probes_digest,
        "the lists of transforms differ": before.family_digests != after.family_digests,
        "the size of the crop differs": before.crop_px != after.crop_px,
        "the fill differs": old.plan.input.fill != new.plan.input.fill,
        "the seed differs": before.seed != after.seed and old.plan.limit != new.plan.limit,
        "an audit stopped before its last image; audit both with --full": any(
            each.sequential is not None and each.sequential.stopped for each in (old, new)
        ),
    }
    for reason, holds in reasons.items():
        if holds:
            raise HoldfastError("not_comparable", reason=reason)


def _check_whole(read: SamplesRead) -> None:
    """Every family has to be there on all images: believed is what the samples hold."""
    tally = read.tally
    for family in Family:
        if tally.layout.places(family) and tally.images_of(family) < tally.n_images:
            reason = f"an audit left the family {family} early; audit both with --full"
            raise HoldfastError("not_comparable", reason=reason)


def _paired(
    old: tuple[AuditResult, SamplesRead], new: tuple[AuditResult, SamplesRead]
) -> tuple[Side, Side]:
    at = {name: place for place, name in enumerate(new[1].names)}
    common = [(place, at[name]) for place, name in enumerate(old[1].names) if name in at]
    if not common:
        raise HoldfastError("not_comparable", reason="no image was used by both")
    before, after = np.array(common, np.intp).T
    return Side(*old, before), Side(*new, after)


def _measurements(old: Side, new: Side, margin: float, alpha: float) -> Iterator[MeasurementChange]:
    names = ["accuracy"] + [f"{family}.{name}" for family in Family for name in FORMS]
    for name in names:
        if name.rpartition(".")[2] in COMPARED:
            numbers = paired(old, new, name, None)
            if numbers is not None:
                yield MeasurementChange(**changed(name, numbers, margin, alpha))


def _groups(old: Side, new: Side, margin: float, alpha: float) -> Iterator[GroupChange]:
    """The same by class and by group, of the images as the newer result calls them."""
    inside = members(new.read.tally, new.result.probes.class_names)
    for (kind, group), everyone in inside.items():
        chosen = everyone[new.places]
        for name in GROUPED:
            numbers = paired(old, new, name, chosen)
            if numbers is not None and len(numbers[0]) >= MIN_GROUP:
                told = changed(name, numbers, margin, alpha)
                yield GroupChange(kind=kind, name=group, **told)


def _flips(side: Side, family: Family) -> NDArray[np.bool_]:
    return side.read.tally.flips(family)[side.places]


def _families(old: Side, new: Side) -> Iterator[FamilyChange]:
    present = [family for family in Family if old.read.tally.layout.places(family)]
    rows = []
    for family in present:
        before, after = _flips(old, family), _flips(new, family)
        lost, gained = (after & ~before).sum(axis=1), (before & ~after).sum(axis=1)
        cells = np.full(len(lost), before.shape[1])
        rows.append((family, lost, gained, modified_obuchowski(gained, lost, cells).p_value))
    adjusted: list[float] = holm([row[3] for row in rows]).tolist() if rows else []
    for (family, lost, gained, p_value), p_adjusted in zip(rows, adjusted, strict=True):
        images = _lost(old, new, family)
        yield FamilyChange(
            family=family,
            p_value=p_value,
            p_adjusted=p_adjusted,
            lost=int(lost.sum()),
            gained=int(gained.sum()),
            flipped=_names(old, images),
            n_flipped=int(images.sum()),
        )


def _cells(old: Side, new: Side) -> Iterator[CellChange]:
    layout, confidence = old.read.tally.layout, new.result.plan.confidence
    for family in Family:
        places = layout.places(family)
        if not places:
            continue
        before, after = _flips(old, family), _flips(new, family)
        for column, place in enumerate(places):
            lost = int((after[:, column] & ~before[:, column]).sum())
            gained = int((before[:, column] & ~after[:, column]).sum())
            n = len(before)
            low, high = tango(gained, lost, n, confidence)
            yield CellChange(
                cell=_spelt(layout.cells[place]),
                family=family,
                lost=lost,
                gained=gained,
                difference=(gained - lost) / n,
                low=max(-1.0, low),
                high=min(1.0, high),
                p_value=mcnemar(gained, lost).mid_p,
                n_images=n,
            )


def _spelt(cell: CellSpec) -> str:
    return ", ".join(f"{name} {value}" for name, value in cell.parameters)[:80]


def _lost(old: Side, new: Side, family: Family) -> NDArray[np.bool_]:
    """Images that held everywhere at the baseline and flip somewhere at the candidate, (n,)."""
    worst = f"{family}.worst_case"
    before, after = scores(old, worst), scores(new, worst)
    if before is None or after is None:
        return np.zeros(len(old.places), bool)
    return np.asarray((before == 1.0) & (after == 0.0))


def _names(side: Side, images: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(side.read.names[place] for place in side.places[images][:_MAX_NAMES])


def _overall(changes: tuple[MeasurementChange, ...]) -> Decision:
    seen = {change.decision for change in changes}
    if "failed" in seen:
        return "failed"
    return "inconclusive" if "inconclusive" in seen else "passed"


def _sentence(
    changes: tuple[MeasurementChange, ...], decision: Decision, margin: float, n_lost: int
) -> str:
    named = [change.id for change in changes if change.decision == decision]
    if decision == "passed":
        return f"No measurement lost more than {margin:g}; {n_lost} images lost their worst case."
    verb = "lost more than" if decision == "failed" else "may have lost more than"
    return f"{', '.join(named)} {verb} {margin:g}; {n_lost} images lost their worst case."
