"""Every measurement in one table: a kind of number per row, a family per column."""

from typing import Final

from holdfast.records.families import MAIN_FAMILIES
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Measure, MeasureCell
from holdfast_reports.words import interval, share, text, title

__all__ = ["measure_cell", "measures"]

_TITLES: Final = {
    "consistency": "Consistency",
    "worst_case": "Worst case",
    "drift": "Drift",
    "accuracy": "Accuracy when moved",
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


def measures(reading: Reading) -> tuple[Measure, ...]:
    """One row per kind; without labels the rows that need them say so."""
    return tuple(
        Measure(
            title=heading,
            meaning=_MEANINGS[kind],
            cells=tuple(measure_cell(reading, f"{family}.{kind}") for family in MAIN_FAMILIES),
        )
        for kind, heading in _TITLES.items()
    )


def measure_cell(reading: Reading, measurement_id: str) -> MeasureCell:
    """A value over its interval, or the sentence that stands for it."""
    numbers = reading.numbers(measurement_id)
    if numbers is None:
        return MeasureCell("", title(text(reading.why_not(measurement_id), 400)))
    return MeasureCell(share(numbers.value), interval(numbers.low, numbers.high))
