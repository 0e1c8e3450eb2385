"""The three numbers on top, in words that need no glossary."""

from holdfast.records.plan import Family
from holdfast.records.result import Cell, RotationCell, ScaleCell, TranslationCell
from holdfast_reports.parts.banner import STATUS
from holdfast_reports.parts.bars import bar, limit_words
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Headline
from holdfast_reports.words import MOVED, angle, count, interval, number, of_100, percent, share
from holdfast_reports.words import text, title, zoom

__all__ = ["headlines", "scope"]


def headlines(reading: Reading) -> tuple[Headline, ...]:
    """One card per family, measured or not."""
    return tuple(_headline(reading, family) for family in Family)


def _headline(reading: Reading, family: Family) -> Headline:
    name = f"{family}.consistency"
    numbers, judgement = reading.numbers(name), reading.judgement(name)
    if numbers is None:
        why = title(text(reading.why_not(name), 400))
        return Headline(family, family.capitalize(), "", why, "", "", None, "none", "")
    level = percent(reading.result.plan.confidence)
    return Headline(
        family=family,
        title=family.capitalize(),
        number=of_100(numbers.value),
        sentence=f"{MOVED[family][0]} pictures keep their answer",
        detail=f"Consistency {share(numbers.value)}, {level} interval "
        f"{interval(numbers.low, numbers.high)}",
        scope=f"{scope(reading.cells(family))}, {count(numbers.n_images, 'image')}",
        bar=bar(numbers, judgement),
        status=STATUS[judgement.decision] if judgement else "none",
        limit=f"Policy: {limit_words(judgement)}" if judgement else "",
    )


def scope(cells: tuple[Cell, ...]) -> str:
    """How many motions were tried and how far they go: `8 angles from −20° to +20°`."""
    distances = [max(map(abs, cell.shift_px)) for cell in cells if isinstance(cell, TranslationCell)]
    angles = [cell.angle_deg for cell in cells if isinstance(cell, RotationCell)]
    zooms = [cell.zoom for cell in cells if isinstance(cell, ScaleCell)]
    if distances:
        return f"{count(len(distances), 'shift')} up to {number(max(distances))} px"
    if angles:
        return f"{count(len(angles), 'angle')} from {angle(min(angles))} to {angle(max(angles))}"
    if zooms:
        return f"{count(len(zooms), 'zoom')} from {zoom(min(zooms))} to {zoom(max(zooms))}"
    return "no motions"
