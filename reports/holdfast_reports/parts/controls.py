"""What the controls say: how much of a loss remains when the picture is not moved."""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Final

from holdfast.records.cells import Cell, CellControl, ControlKind
from holdfast.records.families import Family
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Table
from holdfast_reports.words import cell_label, count, difference

__all__ = ["CONTROLS", "cause", "control_sentences", "control_table", "flip_rates"]

CONTROLS: Final[dict[ControlKind, str]] = {
    "blur": "same resampling",
    "occlusion": "same lost content",
}
_CAUSES: Final = {
    "resampling": "Resampling, not geometry",
    "content_loss": "Lost content, not geometry",
}
_MAX_ROWS: Final = 200


def flip_rates(cells: Sequence[Cell], kind: ControlKind) -> list[tuple[float, float]]:
    """Flip rates (without the motion, with it) of each cell that has this control."""
    return [
        (control.flip_rate, control.flip_rate + control.excess_flip_rate)
        for cell in cells
        for control in cell.controls
        if control.kind == kind
    ]


def cause(reading: Reading, family: Family) -> str:
    """What flips the answers where it is not the motion; empty where it may be."""
    found = {finding.id for finding in reading.result.findings}
    return "; ".join(said for name, said in _CAUSES.items() if f"{family}.{name}" in found)


def control_sentences(reading: Reading, family: Family) -> tuple[str, ...]:
    """One sentence per kind of control, then the excess; empty where none ran."""
    cells = reading.cells(family)
    said = [
        f"With the {words} but no motion {_percent(still)} of the views flip; with the motion "
        f"{_percent(moved)}."
        for kind, words in CONTROLS.items()
        if (pairs := flip_rates(cells, kind))
        for still, moved in [tuple(map(fmean, zip(*pairs, strict=True)))]
    ]
    excess = reading.numbers(f"{family}.excess_flip_rate")
    if said and excess is not None:
        low, high = difference(excess.low), difference(excess.high)
        said.append(
            f"Excess flips over the {_over(family)}, which remain for the motion: "
            f"{difference(excess.value)} "
            f"({low} to {high}), on {count(excess.n_images, 'image')}."
        )
    return tuple(said)


def _over(family: Family) -> str:
    """Which control the excess is over; shifts resample nothing."""
    return CONTROLS["occlusion" if family is Family.translation else "blur"]


def control_table(cells: Sequence[Cell], level: str, motion: str) -> Table | None:
    """Every cell beside its controls; of very many the ones with the smallest excess."""
    rows = sorted(_rows(cells), key=lambda row: row[1].excess_flip_rate)
    if not rows:
        return None
    kept = rows if len(rows) <= _MAX_ROWS else rows[:_MAX_ROWS]
    shown = "" if len(kept) == len(rows) else f" The {len(kept)} of {len(rows):,} smallest."
    return Table(
        caption="Controls",
        columns=(motion, "Control", "Flips unmoved", "Flips moved", "Excess", f"{level} interval"),
        rows=tuple(
            (
                cell_label(cell),
                CONTROLS[control.kind].removeprefix("same "),
                _percent(control.flip_rate),
                _percent(control.flip_rate + control.excess_flip_rate),
                difference(control.excess_flip_rate),
                f"{difference(control.excess_low)} to {difference(control.excess_high)}",
            )
            for cell, control in kept
        ),
        folded=True,
        note="The same view without the motion, on the first "
        f"{count(rows[0][1].n_images, 'image')}. Near 0: the motion adds "
        f"nothing to its side effect.{shown}",
    )


def _rows(cells: Sequence[Cell]) -> Iterator[tuple[Cell, CellControl]]:
    return ((cell, control) for cell in cells for control in cell.controls)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
