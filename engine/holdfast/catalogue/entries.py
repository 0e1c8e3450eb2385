"""The measurements of a classification audit."""

from dataclasses import dataclass
from typing import Literal

from holdfast.records.families import MAIN_FAMILIES, Family

__all__ = ["CATALOGUE", "COMPARED", "GROUPED", "Entry", "find"]

COMPARED = ("accuracy", "consistency", "worst_case", "drift", "robust_accuracy")
"""Measurements, without their family, that are compared with a baseline image by image."""

GROUPED = ("accuracy", *(f"{family}.consistency" for family in MAIN_FAMILIES))
"""Measurements that a result also has for every class and every named group."""


@dataclass(frozen=True)
class Entry:
    """One measurement: what it asks, how it is computed, how to read it.

    Attributes:
        id: as in `measurements` of a result and in a policy.
        title: two or three words for a heading.
        question: what a product owner would ask.
        method: how the number comes about, per image first.
        unit: `share` (0 to 1), `difference` (-1 to 1), `probability` (0 to 1) or `ratio` (0 up).
        better: which direction is good.
        read: how to read one value.
        source: paper or section of the method.
        gates: whether a policy may assert something about it.
    """

    id: str
    title: str
    question: str
    method: str
    unit: Literal["share", "difference", "probability", "ratio"]
    better: Literal["higher", "lower"]
    read: str
    source: str
    gates: bool = True


_MOTION = {
    Family.translation: ("shifted", "shifts"),
    Family.rotation: ("rotated", "angles"),
    Family.scale: ("zoomed", "zooms"),
    Family.spatial: ("turned, moved and zoomed at once", "placements"),
    Family.circular: ("rolled around its border", "rolls"),
    Family.displacement: ("a small object far from the middle", "places"),
    Family.lattice: ("turned by quarters, mirrored or enlarged exactly", "exact transforms"),
}


def _family(family: Family) -> tuple[Entry, ...]:
    return (
        *_answers(family),
        *_scores(family),
        *_causes(family),
        *_accuracy(family),
        _worst_cell(family),
    )


def _answers(family: Family) -> tuple[Entry, ...]:
    moved, cells = _MOTION[family]
    return (
        Entry(
            id=f"{family}.consistency",
            title="Consistency",
            question=f"How often does the answer stay the same when the picture is {moved}?",
            method=f"Per image the share of the {cells} with the prediction of the unmoved image; "
            "then the mean over the images. Ties count as agreement.",
            unit="share",
            better="higher",
            read="0.95: on average 95 of 100 moved pictures keep their answer.",
            source="reference consistency; compare Zhang, ICML 2019 (pairs of shifts)",
        ),
        Entry(
            id=f"{family}.worst_case",
            title="Worst case",
            question=f"How many images keep their answer at every one of the {cells}?",
            method=f"Per image 1 when none of the {cells} of the list changes the prediction, "
            "else 0; then the mean.",
            unit="share",
            better="higher",
            read="0.60: 40 of 100 images can be made to flip by this list.",
            source="per-image worst case over a fixed list; compare Engstrom et al., ICML 2019",
        ),
        Entry(
            id=f"{family}.pair_consistency",
            title="Pair consistency",
            question=f"How often do two different {cells} of one picture get the same answer?",
            method="Per image the share of distinct pairs of cells with equal predictions, "
            "sum_c n_c (n_c - 1) / (m (m - 1)); then the mean.",
            unit="share",
            better="higher",
            read="Does not favour the unmoved picture; below consistency when answers scatter.",
            source="Zhang, ICML 2019, with distinct pairs (unbiased)",
        ),
        Entry(
            id=f"{family}.modal_consistency",
            title="Modal consistency",
            question=f"How large is the majority among the answers at the {cells}?",
            method="Per image the share of the cells with the most frequent prediction; then the "
            "mean.",
            unit="share",
            better="higher",
            read="High beside a low consistency: the unmoved picture is the odd one out.",
            source="orbit label distribution; the project's science reference, section 1.2",
        ),
    )


def _scores(family: Family) -> tuple[Entry, ...]:
    moved, _ = _MOTION[family]
    return (
        Entry(
            id=f"{family}.drift",
            title="Drift",
            question=f"How much does the confidence move when the picture is {moved}?",
            method="Per image the mean absolute change of the probability of the class predicted "
            "for the unmoved image (MAC); then the mean.",
            unit="probability",
            better="lower",
            read="0.10: the confidence moves by ten percentage points on average.",
            source="mean absolute change, Azulay & Weiss, JMLR 20(184), 2019",
        ),
        Entry(
            id=f"{family}.logit_drift",
            title="Logit drift",
            question=f"How much do all scores move together when the picture is {moved}?",
            method="Per image the mean over the cells of |z_moved - z| / |z|, z the scores minus "
            "their mean; then the mean.",
            unit="ratio",
            better="lower",
            read="Shows movement that no answer shows yet: 0 is exact invariance.",
            source="relative logit drift; the project's science reference, section 1.4",
            gates=False,
        ),
    )


def _causes(family: Family) -> tuple[Entry, ...]:
    moved, cells = _MOTION[family]
    return (
        Entry(
            id=f"{family}.flip_probability",
            title="Flip probability",
            question=f"How often does the answer change from one of the {cells} to the next?",
            method="Per image the share of neighbours along an ordered sweep of equal steps, the "
            "unmoved image among them, with different predictions; then the mean.",
            unit="share",
            better="lower",
            read="A density per step: half the step gives about half of it.",
            source="flip probability of ImageNet-P, Hendrycks & Dietterich, ICLR 2019",
            gates=False,
        ),
        Entry(
            id=f"{family}.excess_flip_rate",
            title="Excess flips",
            question=f"How many flips are due to the motion itself when the picture is {moved}?",
            method="Per image the share of flipped cells minus that of their controls (the same "
            "resampling, for shifts the same lost content, without the motion), on the first "
            "images of the seeded order; then the mean.",
            unit="difference",
            better="lower",
            read="Near 0 beside many flips: resampling or lost content, not geometry.",
            source="excess flip rate; the project's science reference, section 2.3",
            gates=False,
        ),
    )


def _accuracy(family: Family) -> tuple[Entry, ...]:
    moved, cells = _MOTION[family]
    return (
        Entry(
            id=f"{family}.accuracy",
            title="Accuracy when moved",
            question=f"How accurate is the model when the picture is {moved}?",
            method=f"Per labelled image the share of the {cells} that are classified correctly; "
            "then the mean.",
            unit="share",
            better="higher",
            read="Compare it with the clean accuracy: the difference is what motion costs.",
            source="average-case accuracy; compare Engstrom et al., ICML 2019 (random)",
        ),
        Entry(
            id=f"{family}.accuracy_drop",
            title="Accuracy drop",
            question=f"How much accuracy is lost when the picture is {moved}?",
            method=f"Per labelled image whether it is right unmoved minus the share of the {cells} "
            "that are right; then the mean.",
            unit="difference",
            better="lower",
            read="0.05: five of a hundred answers that were right are lost on average.",
            source="paired difference; the project's science reference, section 4.5",
        ),
        Entry(
            id=f"{family}.robust_accuracy",
            title="Robust accuracy",
            question=f"How many images are right unmoved and at every one of the {cells}?",
            method=f"Per labelled image 1 when it and all its {cells} are classified correctly, "
            "else 0; then the mean.",
            unit="share",
            better="higher",
            read="The accuracy that remains when an adversary may choose from this list.",
            source="grid accuracy; Engstrom et al., ICML 2019",
        ),
    )


def _worst_cell(family: Family) -> Entry:
    _, cells = _MOTION[family]
    return Entry(
        id=f"{family}.worst_cell",
        title="Worst cell",
        question=f"How consistent is the model at the weakest one of the {cells}?",
        method="Share of the images that keep their answer at the cell where fewest do; the upper "
        "bound is corrected for the choice among all cells (Bonferroni).",
        unit="share",
        better="higher",
        read="The weakest cell looks worse than it is, because it was chosen; the bounds know.",
        source="simultaneous bounds; the project's science reference, section 4.6",
    )


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        id="accuracy",
        title="Clean accuracy",
        question="How accurate is the model on the unmoved images?",
        method="Share of the labelled images whose most likely class is the label.",
        unit="share",
        better="higher",
        read="The base line: a model that is wrong but steady is not good.",
        source="top-1 accuracy",
    ),
    *(entry for family in Family for entry in _family(family)),
)


def find(measurement_id: str) -> Entry | None:
    """The entry with this id, or None; `id@class=NAME` and `id@group=NAME` have that of `id`."""
    plain = measurement_id.partition("@")[0]
    return next((entry for entry in CATALOGUE if entry.id == plain), None)
