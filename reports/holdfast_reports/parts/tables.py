"""The numbers under the charts."""

from typing import Final

from holdfast.records.cells import Cell
from holdfast.records.families import Family
from holdfast_reports.parts.curves import Stop
from holdfast_reports.shapes import Table
from holdfast_reports.words import cell_label, interval, number, share

__all__ = ["HEADS", "cell_table", "distance_table"]

HEADS: Final = {
    Family.translation: "dx, dy (px)",
    Family.rotation: "Angle",
    Family.scale: "Zoom",
    Family.spatial: "Angle; dx, dy; zoom",
    Family.circular: "dx, dy (px)",
    Family.displacement: "dx, dy (px)",
    Family.lattice: "Transform",
}
"""What names a cell of each family, as the head of a column."""
_MAX_ROWS: Final = 200
_SHORT: Final = 12


def distance_table(places: tuple[Stop, ...], level: str) -> Table:
    """Translation by distance: the numbers of the curve."""
    return Table(
        caption="Translation by distance",
        columns=("Distance", "Shifts", "Consistency", f"{level} interval"),
        rows=tuple(
            (
                f"{number(stop.x)} px",
                str(len(stop.cells)),
                share(stop.consistency),
                interval(stop.low, stop.high),
            )
            for stop in places
        ),
        folded=len(places) > _SHORT,
    )


def cell_table(family: Family, cells: tuple[Cell, ...], level: str) -> Table:
    """Every cell with all its numbers; of very many the ones that keep the fewest answers."""
    kept = cells
    if len(cells) > _MAX_ROWS:
        kept = tuple(sorted(cells, key=lambda cell: cell.consistency)[:_MAX_ROWS])
    labelled = any(cell.accuracy is not None for cell in cells)
    accuracy = ("Accuracy",) if labelled else ()
    drift = ("Drift",) if any(cell.drift is not None for cell in cells) else ()
    return Table(
        caption=f"Each {_SINGULAR[family]} with all its numbers",
        columns=(HEADS[family], "Consistency", f"{level} interval", *drift, *accuracy, "Filled"),
        rows=tuple(_row(cell, labelled=labelled, drifts=bool(drift)) for cell in kept),
        folded=family not in (Family.rotation, Family.scale) or len(kept) > _SHORT,
        note=_note(len(kept), len(cells)),
    )


_SINGULAR: Final = {
    Family.translation: "shift",
    Family.rotation: "angle",
    Family.scale: "zoom",
    Family.spatial: "placement",
    Family.circular: "roll",
    Family.displacement: "place",
    Family.lattice: "transform",
}


def _row(cell: Cell, *, labelled: bool, drifts: bool) -> tuple[str, ...]:
    accuracy = "" if cell.accuracy is None else share(cell.accuracy)
    drift = "" if cell.drift is None else share(cell.drift)
    return (
        cell_label(cell),
        share(cell.consistency),
        interval(cell.consistency_low, cell.consistency_high),
        *((drift,) if drifts else ()),
        *((accuracy,) if labelled else ()),
        f"{100 * cell.fill_share:.1f} %",
    )


def _note(shown: int, total: int) -> str:
    filled = "Filled: the part of the picture that lies outside the original and was filled."
    if shown == total:
        return filled
    return f"The {shown} lowest of {total:,} are shown; result.json has them all. {filled}"
