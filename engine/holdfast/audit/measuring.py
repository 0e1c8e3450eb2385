"""The measurements and cells of a result, made of a tally."""

from collections.abc import Iterator
from typing import Any

from holdfast.audit.estimating import Estimator
from holdfast.audit.per_image import FORMS, Form
from holdfast.audit.tally import Tally
from holdfast.metrics import TIE_SHARE_LIMIT
from holdfast.records.cells import (
    Cell,
    CellControl,
    CircularCell,
    DisplacementCell,
    LatticeCell,
    RotationCell,
    ScaleCell,
    SpatialCell,
    TranslationCell,
)
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast.records.outcome import Outcome
from holdfast.records.result import Measurement
from holdfast.stats import tango

__all__ = ["cell_records", "measurements"]

_CELL_RECORDS: dict[Family, Any] = {
    Family.translation: TranslationCell,
    Family.rotation: RotationCell,
    Family.scale: ScaleCell,
    Family.spatial: SpatialCell,
    Family.circular: CircularCell,
    Family.displacement: DisplacementCell,
    Family.lattice: LatticeCell,
}
_NO_LABELS = "the images have no labels"
_LEFT_OUT = "the plan leaves this family out"
_SEARCHED = "the search leaves an image as soon as it flips; search: exhaustive measures this"
_WHY_NOT = {
    "pair_consistency": "it needs at least two cells",
    "drift": "the model gives labels without probabilities",
    "logit_drift": "the scores are the same for every class, or there are none",
    "flip_probability": "the list holds no sweep with equal steps through the unmoved image",
    "excess_flip_rate": "no controls ran: this family has none, the plan turns them off, or "
    "nothing leaned to failing",
    "accuracy": _NO_LABELS,
    "accuracy_drop": _NO_LABELS,
    "robust_accuracy": _NO_LABELS,
}
_OF_ANSWERS = {
    "consistency",
    "worst_case",
    "pair_consistency",
    "modal_consistency",
    "flip_probability",
    "excess_flip_rate",
}
_TOO_MANY_TIES = (
    "in {ties:.1%} of the views two classes tie within rounding; that many ties would look like "
    "agreement"
)
_UNITS = {
    "drift": "probability",
    "logit_drift": "ratio",
    "excess_flip_rate": "difference",
    "accuracy_drop": "difference",
}


def measurements(tally: Tally, estimator: Estimator) -> tuple[Measurement, ...]:
    """Every measurement of the catalogue that this audit can be asked about, in its order."""
    rows = [_measured(tally, estimator, "accuracy", "good_share")]
    for family in Family:
        present = bool(tally.layout.places(family))
        sought = family is Family.spatial and bool(tally.layout.searched)
        if not (present or sought or family in MAIN_FAMILIES):
            continue
        for name, form in FORMS.items():
            rows.append(_measured(tally, estimator, f"{family}.{name}", form))
        rows.append(_worst_cell(tally, estimator, family))
    return tuple(rows)


def _measured(tally: Tally, estimator: Estimator, name: str, form: Form) -> Measurement:
    numbers, (family, _, kind) = tally.numbers(name), name.rpartition(".")
    if numbers is None or (form == "real" and len(numbers.values) < 2):  # noqa: PLR2004 - a spread
        return _absent(tally, name)
    if kind in _OF_ANSWERS and (ties := _tie_share(tally, family)) > TIE_SHARE_LIMIT:
        return _row(tally, name, Outcome.error, _TOO_MANY_TIES.format(ties=ties))
    interval = estimator.estimate(numbers, form)
    return Measurement(
        id=name,
        outcome=Outcome.measured,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n_images=len(numbers.values),
        unit=_unit(name),
    )


def _worst_cell(tally: Tally, estimator: Estimator, family: Family) -> Measurement:
    """Consistency of the weakest cell (science reference, section 4.6; ADR 0010).

    The weakest cell's rate is at most every cell's, and at least the least of the single lower
    bounds whenever the truly weakest cell's own bound holds; only the other side needs Bonferroni
    over the m cells.
    """
    name, places = f"{family}.worst_cell", tally.layout.places(family)
    if not places:
        return _absent(tally, name)
    if (ties := _tie_share(tally, str(family))) > TIE_SHARE_LIMIT:
        return _row(tally, name, Outcome.error, _TOO_MANY_TIES.format(ties=ties))
    n, m = tally.images_of(family), len(places)
    level = 1.0 - (1.0 - estimator.confidence) / m
    worst = max(int(tally.cells.flips[place]) for place in places)
    return Measurement(
        id=name,
        outcome=Outcome.measured,
        value=1.0 - worst / n,
        low=1.0 - estimator.binomial(worst, n)[1],
        high=1.0 - estimator.binomial(worst, n, level)[0],
        n_images=n,
        unit="share",
    )


def _absent(tally: Tally, name: str) -> Measurement:
    family, _, kind = name.rpartition(".")
    sentence = _WHY_NOT.get(kind, _LEFT_OUT)
    if family and not tally.layout.places(Family(family)):
        sought = family == Family.spatial and tally.layout.searched
        unlabelled = kind == "robust_accuracy" and tally.n_images
        sentence = (_NO_LABELS if unlabelled else _SEARCHED) if sought else _LEFT_OUT
    return _row(tally, name, Outcome.not_applicable, sentence)


def _row(tally: Tally, name: str, outcome: Outcome, sentence: str) -> Measurement:
    return Measurement(
        id=name, outcome=outcome, n_images=tally.n_images, unit=_unit(name), sentence=sentence
    )


def _tie_share(tally: Tally, family: str) -> float:
    """Share of tied views of a family; they count as agreement, so they must be few.

    Of a search it is the share of the views that were visited.
    """
    if family == Family.spatial and tally.searched_views:
        return tally.searched_ties / tally.searched_views
    places = tally.layout.places(Family(family)) if family else []
    if not places:
        return 0.0
    views = tally.images_of(Family(family)) * len(places)
    return float(tally.cells.ties[places].sum()) / views


def _unit(name: str) -> str:
    return _UNITS.get(name.rpartition(".")[2], "share")


def cell_records(tally: Tally, estimator: Estimator) -> tuple[Cell, ...]:
    """One record per cell, in the order of the families."""
    counts, labelled = tally.cells, tally.labels >= 0
    controls = _controls(tally, estimator)
    records: list[Cell] = []
    for place, spec in enumerate(tally.layout.cells):
        n = tally.images_of(spec.family)
        n_labelled = int(labelled[:n].sum())
        flips = int(counts.flips[place])
        low, high = estimator.binomial(flips, n)
        drift = float(counts.drift[place]) / n
        records.append(
            _CELL_RECORDS[spec.family](
                **dict(spec.parameters),
                outcome=Outcome.measured,
                consistency=1.0 - flips / n,
                consistency_low=1.0 - high,
                consistency_high=1.0 - low,
                accuracy=int(counts.correct[place]) / n_labelled if n_labelled else None,
                drift=None if drift != drift else min(drift, 1.0),  # noqa: PLR0124 - NaN
                fill_share=min(1.0, float(counts.fill[place]) / n),
                ties=int(counts.ties[place]),
                n_images=n,
                controls=controls.get(place, ()),
            )
        )
    return tuple(records)


def _controls(tally: Tally, estimator: Estimator) -> dict[int, tuple[CellControl, ...]]:
    found: dict[int, tuple[CellControl, ...]] = {}
    for place, record in _control_records(tally, estimator):
        found[place] = (*found.get(place, ()), record)
    return found


def _control_records(tally: Tally, estimator: Estimator) -> Iterator[tuple[int, CellControl]]:
    """Excess flip rate of each cell over each control, with Tango's interval (section 4.5)."""
    counts, n = tally.controls, tally.controls.n_images
    if n == 0:
        return
    for place, view in enumerate(tally.layout.controls):
        if view.family not in counts.families:
            continue
        more, less = int(counts.only_cell[place]), int(counts.only_control[place])
        low, high = tango(more, less, n, estimator.confidence)
        yield (
            view.cell,
            CellControl(
                kind="occlusion" if view.role == "occlusion" else "blur",
                flip_rate=int(counts.flips[place]) / n,
                excess_flip_rate=(more - less) / n,
                excess_low=max(-1.0, low),
                excess_high=min(1.0, high),
                n_images=n,
            ),
        )
