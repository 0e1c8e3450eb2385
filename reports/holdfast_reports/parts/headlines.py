"""The three numbers on top, in words that need no glossary."""

from holdfast.catalogue import find
from holdfast.records.cells import (
    Cell,
    CircularCell,
    DisplacementCell,
    RotationCell,
    ScaleCell,
    TranslationCell,
)
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast.records.policy import Level
from holdfast_reports.parts.banner import STATUS
from holdfast_reports.parts.bars import bar, limit_words
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Headline, HeadlineLimit
from holdfast_reports.words import (
    MOVED,
    angle,
    count,
    interval,
    number,
    of_100,
    share,
    text,
    title,
    whose,
    zoom,
)

__all__ = ["headlines", "scope"]


def headlines(reading: Reading) -> tuple[Headline, ...]:
    """One card per family, measured or not."""
    return tuple(_headline(reading, family) for family in MAIN_FAMILIES)


def _headline(reading: Reading, family: Family) -> Headline:
    name, heading = f"{family}.consistency", family.capitalize()
    numbers, limits = reading.numbers(name), _limits(reading, family)
    if numbers is None:
        why = title(text(reading.why_not(name), 400))
        return Headline(family, heading, "", why, "", "", None, limits)
    return Headline(
        family=family,
        title=heading,
        number=of_100(numbers.value),
        sentence=f"{MOVED[family][0]} pictures keep their answer",
        detail=f"Consistency {share(numbers.value)} ({interval(numbers.low, numbers.high)})",
        scope=f"{scope(reading.cells(family))}, {count(numbers.n_images, 'image')}",
        bar=bar(numbers, reading.judgement(name)),
        limits=limits,
    )


def _limits(reading: Reading, family: Family) -> tuple[HeadlineLimit, ...]:
    """Everything the policy asks of this family, so that a failed worst case cannot hide."""
    judgements = reading.verdict.judgements if reading.verdict else ()
    return tuple(
        HeadlineLimit(
            STATUS[judgement.decision],
            f"{_measure(judgement.id)} {words}"
            + ("" if judgement.level is Level.error else " (warns only)"),
        )
        for judgement in judgements
        if judgement.id.startswith(f"{family}.") and (words := limit_words(judgement))
    )


def _measure(measurement_id: str) -> str:
    entry = find(measurement_id)
    return entry.title + whose(measurement_id) if entry else text(measurement_id)


def scope(cells: tuple[Cell, ...]) -> str:
    """How many motions were tried and how far they go: `8 angles from 5° to 20°`."""
    distances = [
        max(map(abs, cell.shift_px))
        for cell in cells
        if isinstance(cell, TranslationCell | CircularCell | DisplacementCell)
    ]
    one = {Family.circular: "roll", Family.displacement: "place"}
    angles = [cell.angle_deg for cell in cells if isinstance(cell, RotationCell)]
    zooms = [cell.zoom for cell in cells if isinstance(cell, ScaleCell)]
    if distances:
        moved = count(len(distances), one.get(Family(cells[0].family), "shift"))
        return f"{moved} up to {number(max(distances))} px"
    if angles:
        return f"{count(len(angles), 'angle')} from {angle(min(angles))} to {angle(max(angles))}"
    if zooms:
        return f"{count(len(zooms), 'zoom')} from {zoom(min(zooms))} to {zoom(max(zooms))}"
    return count(len(cells), "motion")
