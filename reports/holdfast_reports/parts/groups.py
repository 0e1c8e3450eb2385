"""The numbers per class and per group that the user named: an average hides the weakest."""

from typing import Final

from holdfast.records.detail import GroupNumbers
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Table
from holdfast_reports.words import interval, share, text

__all__ = ["group_tables"]

_COLUMNS: Final = {
    "accuracy": "Clean accuracy",
    "translation.consistency": "Translation",
    "rotation.consistency": "Rotation",
    "scale.consistency": "Scale",
}
_KINDS: Final = {"class": "By class", "group": "By group"}
_SHORT: Final = 12
_MAX_ROWS: Final = 200


def group_tables(reading: Reading) -> tuple[Table, ...]:
    """One table per kind of group that there is."""
    groups = reading.result.groups
    tables = (_table(kind, [g for g in groups if g.kind == kind]) for kind in _KINDS)
    return tuple(table for table in tables if table is not None)


def _table(kind: str, numbers: list[GroupNumbers]) -> Table | None:
    if not numbers:
        return None
    names = dict.fromkeys(g.name for g in numbers)
    at = {(g.name, g.measurement): g for g in numbers}
    shown = [m for m in _COLUMNS if any((name, m) in at for name in names)]

    def of(name: str) -> list[GroupNumbers]:
        return [at[name, m] for m in shown if (name, m) in at]

    ranked = sorted(names, key=lambda name: min((g.value for g in of(name)), default=1.0))
    rows = tuple(
        (
            text(name),
            str(max(g.n_images for g in of(name))),
            *(_cell(at.get((name, m))) for m in shown),
        )
        for name in ranked[:_MAX_ROWS]
        if of(name)
    )
    cut = f" The first {_MAX_ROWS} of {len(names):,}." if len(names) > _MAX_ROWS else ""
    return Table(
        caption=f"{_KINDS[kind]}, the weakest first",
        columns=(kind.capitalize(), "Images", *(_COLUMNS[m] for m in shown)),
        rows=rows,
        folded=len(rows) > _SHORT,
        note="Consistency per family, with its interval; at least 5 images each. With many rows "
        f"the weakest is partly chance: read its interval.{cut}",
    )


def _cell(found: GroupNumbers | None) -> str:
    if found is None:
        return "\N{EN DASH}"
    return f"{share(found.value)} ({interval(found.low, found.high)})"
