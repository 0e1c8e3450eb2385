"""The measurements of a classification audit."""

from dataclasses import dataclass
from typing import Literal

from holdfast.records.families import MAIN_FAMILIES, Family

__all__ = ["CATALOGUE", "Entry", "find"]


@dataclass(frozen=True)
class Entry:
    """One measurement: what it asks, how it is computed, how to read it.

    Attributes:
        id: as in `measurements` of a result and in a policy.
        title: two or three words for a heading.
        question: what a product owner would ask.
        method: how the number comes about, per image first.
        unit: `share` (0 to 1) or `probability` (0 to 1).
        better: which direction is good.
        read: how to read one value.
        source: paper or section of the method.
    """

    id: str
    title: str
    question: str
    method: str
    unit: Literal["share", "probability"]
    better: Literal["higher", "lower"]
    read: str
    source: str


_MOTION = {
    Family.translation: ("shifted", "shifts"),
    Family.rotation: ("rotated", "angles"),
    Family.scale: ("zoomed", "zooms"),
}


def _family(family: Family) -> tuple[Entry, ...]:
    return (*_consistency(family), _drift(family), *_accuracy(family))


def _consistency(family: Family) -> tuple[Entry, Entry]:
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
            method=f"Per image 1 when no {cells[:-1]} of the list changes the prediction, else 0; "
            "then the mean.",
            unit="share",
            better="higher",
            read="0.60: 40 of 100 images can be made to flip by this list.",
            source="per-image worst case over a fixed list; compare Engstrom et al., ICML 2019",
        ),
    )


def _drift(family: Family) -> Entry:
    moved, _ = _MOTION[family]
    return Entry(
        id=f"{family}.drift",
        title="Drift",
        question=f"How much does the confidence move when the picture is {moved}?",
        method="Per image the mean absolute change of the probability of the class predicted "
        "for the unmoved image (MAC); then the mean.",
        unit="probability",
        better="lower",
        read="0.10: the confidence moves by ten percentage points on average.",
        source="mean absolute change, Azulay & Weiss, JMLR 20(184), 2019",
    )


def _accuracy(family: Family) -> tuple[Entry, Entry]:
    moved, cells = _MOTION[family]
    return (
        Entry(
            id=f"{family}.accuracy",
            title="Accuracy when moved",
            question=f"How accurate is the model on {moved} pictures?",
            method=f"Per labelled image the share of the {cells} that are classified correctly; "
            "then the mean.",
            unit="share",
            better="higher",
            read="Compare it with the clean accuracy: the difference is what motion costs.",
            source="average-case accuracy; compare Engstrom et al., ICML 2019 (random)",
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
    *(entry for family in MAIN_FAMILIES for entry in _family(family)),
)


def find(measurement_id: str) -> Entry | None:
    """The entry with this id, or None."""
    return next((entry for entry in CATALOGUE if entry.id == measurement_id), None)
