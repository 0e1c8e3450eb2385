"""Every cell as one row of CSV, with all digits: for a spreadsheet or a data frame."""

import csv
import io
from typing import Any, Final, get_args

from holdfast.records.cells import Cell, ControlKind
from holdfast.records.families import Family
from holdfast.records.result import AuditResult

__all__ = ["COLUMNS", "render_cells_csv"]

_NUMBERS: Final = (
    "consistency",
    "consistency_low",
    "consistency_high",
    "accuracy",
    "drift",
    "fill_share",
    "ties",
    "n_images",
)
_OF_CONTROL: Final = ("flip_rate", "excess_flip_rate", "excess_low", "excess_high", "n_images")
_KINDS: Final[tuple[str, ...]] = get_args(ControlKind)
COLUMNS: Final = (
    "family",
    "dx_px",
    "dy_px",
    "angle_deg",
    "zoom",
    "exact",
    *_NUMBERS,
    *(f"{kind}_{name}" for kind in _KINDS for name in _OF_CONTROL),
)
"""The head of the table. What a cell has not, or what was not measured, is an empty field."""


def render_cells_csv(result: AuditResult) -> str:
    """All cells, by family and motion. Foreign text has no column, so no field is a formula."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    rows = sorted((_row(cell) for cell in result.cells), key=_place)
    writer.writerows(rows)
    return table.getvalue()


def _row(cell: Cell) -> dict[str, Any]:
    written = cell.model_dump(mode="json")
    row = {name: written[name] for name in COLUMNS if name in written}
    if "shift_px" in written:
        row["dx_px"], row["dy_px"] = written["shift_px"]
    for control in written["controls"]:
        row |= {f"{control['kind']}_{name}": control[name] for name in _OF_CONTROL}
    return row


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    motion = (row.get(name, 0.0) for name in ("dy_px", "dx_px", "angle_deg", "zoom"))
    return (list(Family).index(row["family"]), *motion, row.get("exact", ""))
