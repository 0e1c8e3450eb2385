"""One section per family: what is seen, the charts, and the numbers under them."""

from typing import Final

from holdfast.records.cells import TranslationCell
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast_reports.parts.controls import cause, control_sentences, control_table
from holdfast_reports.parts.curves import curve, seen, stops
from holdfast_reports.parts.headlines import scope
from holdfast_reports.parts.heat import heat_map
from holdfast_reports.parts.more import small_charts
from holdfast_reports.parts.reading import Reading
from holdfast_reports.parts.tables import HEADS, cell_table, distance_table
from holdfast_reports.shapes import FamilyView
from holdfast_reports.words import percent, text, title

__all__ = ["families"]

_HOW: Final = {
    Family.translation: "The content moves by whole pixels; nothing is resampled.",
    Family.rotation: "The content turns about the centre; a positive angle is counter-clockwise.",
    Family.scale: "The content grows or shrinks about the centre; shrinking is antialiased.",
}


def families(reading: Reading) -> tuple[FamilyView, ...]:
    """Translation, rotation, scale; one that was not audited says why."""
    return tuple(_family(reading, family) for family in MAIN_FAMILIES)


def _family(reading: Reading, family: Family) -> FamilyView:
    cells = reading.cells(family)
    if not cells:
        why = title(text(reading.why_not(f"{family}.consistency"), 400))
        return FamilyView(family, family.capitalize(), "not measured", why, None, None, ())
    places, level = stops(cells), percent(reading.result.plan.confidence)
    table = cell_table(family, cells, level)
    controls = control_table(cells, level, HEADS[family])
    shifts = tuple(cell for cell in cells if isinstance(cell, TranslationCell))
    return FamilyView(
        id=family,
        title=family.capitalize(),
        seen=seen(family, places),
        summary=f"{title(scope(cells))} {_HOW[family]}",
        curve=curve(reading, family, places),
        heat=heat_map(shifts) if shifts else None,
        tables=(distance_table(places, level), table) if shifts else (table,),
        cause=cause(reading, family),
        controls=control_sentences(reading, family),
        more=small_charts(reading, family, level),
        more_tables=(controls,) if controls else (),
    )
