"""The map of all shifts: which way the picture may move, and which way not."""

from bisect import bisect_right
from typing import Final

from holdfast.records.cells import TranslationCell
from holdfast_reports.shapes import HeatCell, HeatMap, Table
from holdfast_reports.words import count, share, short_share, signed

__all__ = ["LEGEND", "heat_map"]

# Fixed, so that two reports can be compared by eye; finer near 1, where models differ.
_STEPS: Final = (0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
LEGEND: Final = (
    "below 0.25",
    "0.25 or more",
    "0.5 or more",
    "0.7 or more",
    "0.8 or more",
    "0.9 or more",
    "0.95 or more",
    "0.99 or more",
)
_MAX_SIDE: Final = 41
_PRINTED_SIDE: Final = 11


def heat_map(cells: tuple[TranslationCell, ...]) -> HeatMap | None:
    """The map; None when all shifts lie on one line or are spread too far for one."""
    dxs = tuple(sorted({cell.shift_px[0] for cell in cells}))
    dys = tuple(sorted({cell.shift_px[1] for cell in cells}))
    if min(len(dxs), len(dys)) < 2 or max(len(dxs), len(dys)) > _MAX_SIDE:  # noqa: PLR2004 - a line
        return None
    worst = min(cells, key=lambda cell: cell.consistency)
    return HeatMap(
        id="map-translation",
        title="Consistency for each shift",
        description=f"A map of {count(len(cells), 'shift')}: dx to the right, dy down. The lowest "
        f"value is {share(worst.consistency)} at {_name(worst)}. The table with the map holds the "
        "same numbers.",
        dxs=dxs,
        dys=dys,
        cells=tuple(_cell(cell) for cell in cells),
        printed=len(dxs) <= _PRINTED_SIDE,
        legend=LEGEND,
        table=_table(cells, dxs, dys),
    )


def _cell(cell: TranslationCell) -> HeatCell:
    dx, dy = cell.shift_px
    step = bisect_right(_STEPS, cell.consistency)
    return HeatCell(dx=dx, dy=dy, step=step, label=short_share(cell.consistency))


def _name(cell: TranslationCell) -> str:
    return f"({signed(cell.shift_px[0])}, {signed(cell.shift_px[1])}) px"


def _table(cells: tuple[TranslationCell, ...], dxs: tuple[int, ...], dys: tuple[int, ...]) -> Table:
    at = {cell.shift_px: share(cell.consistency) for cell in cells}
    return Table(
        caption="Consistency: dx in columns, dy in rows (px)",
        columns=("dy \N{REVERSE SOLIDUS} dx", *(signed(dx) for dx in dxs)),
        rows=tuple((signed(dy), *(at.get((dx, dy), "") for dx in dxs)) for dy in dys),
        folded=True,
        note="Empty: not one of the shifts that were tried.",
    )
