"""The families that run on request: diagnoses in a section of their own."""

from typing import Final

from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast_reports.parts.controls import cause, control_sentences, control_table
from holdfast_reports.parts.curves import curve, seen, stops
from holdfast_reports.parts.headlines import scope
from holdfast_reports.parts.measures import measures
from holdfast_reports.parts.more import small_charts, stride_table
from holdfast_reports.parts.reading import Reading
from holdfast_reports.parts.tables import HEADS, cell_table
from holdfast_reports.shapes import FamilyView, Measure
from holdfast_reports.words import of_100, percent, title

__all__ = ["other_families", "other_measures"]

_HOW: Final = {
    Family.spatial: "The content turns, moves and grows at once, as an adversary would choose.",
    Family.circular: "The picture is rolled: what leaves on one side enters on the other. Nothing "
    "is lost, so what remains is the position itself. No camera does this.",
    Family.displacement: "A small copy of the picture lies at far places of an empty canvas; the "
    "reference is the copy in the middle.",
    Family.lattice: "Quarter turns, mirror image and whole-number enlargement: pixels only change "
    "places, nothing is resampled.",
}
_ON_AXIS: Final = (Family.circular, Family.displacement)


def _present(reading: Reading) -> list[Family]:
    ids = {m.id.partition(".")[0] for m in reading.result.measurements}
    return [family for family in Family if family not in MAIN_FAMILIES and family in ids]


def other_families(reading: Reading) -> tuple[FamilyView, ...]:
    """Those that this audit was asked for."""
    return tuple(_family(reading, family) for family in _present(reading))


def other_measures(reading: Reading) -> tuple[Measure, ...]:
    """All their measurements: a kind per row, a family per column; explained with the others."""
    return measures(reading, _present(reading), explained=False)


def _family(reading: Reading, family: Family) -> FamilyView:
    cells, level = reading.cells(family), percent(reading.result.plan.confidence)
    on_axis = bool(cells) and family in _ON_AXIS
    places = stops(cells) if on_axis else ()
    extra = (
        control_table(cells, level, HEADS[family]),
        stride_table(reading) if family is Family.circular else None,
    )
    return FamilyView(
        id=family,
        title=family.capitalize(),
        seen=seen(family, places) if places else _lowest(reading, family),
        summary=f"{title(scope(cells)) if cells else ''} {_HOW[family]}".strip(),
        curve=curve(reading, family, places) if places else None,
        heat=None,
        tables=(cell_table(family, cells, level),) if cells else (),
        cause=cause(reading, family),
        controls=control_sentences(reading, family),
        more=small_charts(reading, family, level),
        more_tables=tuple(table for table in extra if table is not None),
    )


def _lowest(reading: Reading, family: Family) -> str:
    """What is seen where there is no axis to fall along."""
    worst = reading.numbers(f"{family}.worst_case")
    if worst is None:
        return "not measured"
    return f"{of_100(worst.value)} of 100 images keep their answer everywhere"
