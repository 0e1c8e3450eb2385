"""An interval on a track from 0 to 1, as percent of its width."""

from holdfast.records.policy import Judgement
from holdfast_reports.parts.reading import Numbers
from holdfast_reports.shapes import Bar
from holdfast_reports.words import number

__all__ = ["bar", "limit_words"]

_LEAST_WIDTH = 0.6


def bar(numbers: Numbers, judgement: Judgement | None) -> Bar:
    """The bar of a measurement. An interval too narrow to be seen is widened to be seen."""
    value, low, high = (_percent(part) for part in (numbers.value, numbers.low, numbers.high))
    width = max(high - low, _LEAST_WIDTH)
    start = min(max(0.0, (low + high - width) / 2), 100.0 - width)
    limits = [judgement.min, judgement.max] if judgement else []
    return Bar(
        value=f"{value:.1f}",
        low=f"{start:.1f}",
        width=f"{width:.1f}",
        limits=tuple(f"{_percent(limit):.1f}" for limit in limits if limit is not None),
    )


def limit_words(judgement: Judgement) -> str:
    """`at least 0.9`, `at most 0.05`, `lost at most 0.02`, or several of them."""
    parts = [
        ("at least", judgement.min),
        ("at most", judgement.max),
        ("lost at most", judgement.max_drop),
    ]
    return ", ".join(f"{word} {number(limit)}" for word, limit in parts if limit is not None)


def _percent(value: float) -> float:
    return 100.0 * min(max(value, 0.0), 1.0)
