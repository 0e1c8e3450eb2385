"""Every measurement in one table: a kind of number per row, a family per column.

What a reader needs first is open, the rest is folded.
"""

from collections.abc import Sequence
from typing import Final

from holdfast.catalogue import CATALOGUE, find
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Measure, MeasureCell
from holdfast_reports.words import difference, share, text, title

__all__ = ["interval_words", "measure_cell", "measures", "value_words"]

_TITLES: Final = {
    "consistency": "Consistency",
    "worst_case": "Worst case",
    "drift": "Drift",
    "accuracy": "Accuracy when moved",
    "accuracy_drop": "Accuracy drop",
    "robust_accuracy": "Robust accuracy",
}
_MEANINGS: Final = {
    "consistency": "The share of moved pictures that keep the answer given to the unmoved picture. "
    "1 is perfect.",
    "worst_case": "The share of images that keep their answer under every single motion of the "
    "list. One flip is enough to lose an image.",
    "drift": "How far the confidence in the first answer moves on average. 0 is perfect, 0.10 is "
    "ten percentage points.",
    "accuracy": "The share of moved pictures that are answered correctly. The distance to the "
    "clean accuracy is what motion costs.",
    "robust_accuracy": "The share of images that are answered correctly unmoved and under every "
    "motion of the list.",
}


def measures(
    reading: Reading, families: Sequence[Family] = MAIN_FAMILIES, *, explained: bool = True
) -> tuple[Measure, ...]:
    """One row per kind, a cell per family; without labels the rows that need them say so."""
    known = dict.fromkeys(e.id.partition(".")[2] for e in CATALOGUE if "." in e.id)
    folded = [kind for kind in known if kind not in _TITLES]
    return tuple(
        Measure(
            title=_TITLES.get(kind) or _entry_title(kind),
            meaning=(_MEANINGS.get(kind) or _entry_meaning(kind)) if explained else "",
            cells=tuple(measure_cell(reading, f"{family}.{kind}") for family in families),
            folded=kind in folded,
        )
        for kind in [*_TITLES, *folded]
    )


def _entry_title(kind: str) -> str:
    entry = find(f"translation.{kind}")
    return entry.title if entry else kind


def _entry_meaning(kind: str) -> str:
    """The catalogue's words; one row serves three families, so shifts become motions."""
    entry = find(f"translation.{kind}")
    return f"{entry.method} {entry.read}".replace("the shifts", "the motions") if entry else ""


def value_words(measurement_id: str, value: float) -> str:
    """A value as its unit asks: a difference has a sign, a ratio has no upper end."""
    entry = find(measurement_id)
    unit = entry.unit if entry else "share"
    if unit == "difference":
        return difference(value)
    return f"{value:.3f}" if unit == "ratio" else share(value)


def interval_words(measurement_id: str, low: float, high: float) -> str:
    """`0.324 to 0.356`, in the words of the measurement's unit."""
    return f"{value_words(measurement_id, low)} to {value_words(measurement_id, high)}"


def measure_cell(reading: Reading, measurement_id: str) -> MeasureCell:
    """A value over its interval, or the sentence that stands for it."""
    numbers = reading.numbers(measurement_id)
    if numbers is None:
        return MeasureCell("", title(text(reading.why_not(measurement_id), 400)))
    return MeasureCell(
        value_words(measurement_id, numbers.value),
        interval_words(measurement_id, numbers.low, numbers.high),
    )
