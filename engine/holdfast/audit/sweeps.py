"""Ordered sweeps in a family's list: where flips per unit step can be counted.

A flip probability is a density of boundary crossings: half the step, half the number. So it is only
made of neighbours at one common distance, and that distance is reported with it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.families import Layout
from holdfast.records.families import Family

__all__ = ["Sweep", "sweeps_of"]

_SAME_STEP = 1e-9
_MIN_VIEWS = 3


@dataclass(frozen=True)
class Sweep:
    """Runs of views in order, the unmoved one among them; neighbours are `step` apart."""

    views: tuple[tuple[int, ...], ...]
    step: float
    unit: str


def sweeps_of(layout: Layout) -> dict[Family, Sweep]:
    """The sweeps that the lists of an audit hold; a family without one is left out."""
    found = {
        Family.translation: _shifts(layout, Family.translation),
        Family.circular: _shifts(layout, Family.circular),
        Family.rotation: _line(layout, Family.rotation, "angle_deg", 0.0, "degrees"),
        Family.scale: _line(layout, Family.scale, "zoom", 1.0, "zoom"),
    }
    return {family: sweep for family, sweep in found.items() if sweep is not None}


def _shifts(layout: Layout, family: Family) -> Sweep | None:
    """The row dy = 0 and the column dx = 0, as far as they go in steps of 1 px from the middle."""
    first = len(layout.references)
    at = {layout.cells[place].value("shift_px"): place + first for place in layout.places(family)}
    runs: list[tuple[int, ...]] = []
    for axis in (0, 1):
        run = [0]
        for sign in (-1, 1):
            reach = 1
            while (view := at.get(_on_axis(axis, sign * reach))) is not None:
                run.insert(0, view) if sign < 0 else run.append(view)
                reach += 1
        if len(run) >= _MIN_VIEWS:
            runs.append(tuple(run))
    return Sweep(tuple(runs), 1.0, "px") if runs else None


def _on_axis(axis: int, distance_px: int) -> tuple[int, int]:
    return (distance_px, 0) if axis == 0 else (0, distance_px)


def _line(layout: Layout, family: Family, name: str, identity: float, unit: str) -> Sweep | None:
    """All values in order, when they and the identity are equally far apart."""
    first = len(layout.references)
    places = layout.places(family)
    if not places:
        return None
    columns = {layout.cells[place].value(name): place + first for place in places}
    reference = next(
        view.against for view in layout.plain if view.role == "cell" and view.family is family
    )
    columns[identity] = reference
    values = sorted(columns)
    step = _common_step(values)
    if step is None:
        return None
    return Sweep((tuple(columns[value] for value in values),), step, unit)


def _common_step(values: Sequence[float]) -> float | None:
    if len(values) < _MIN_VIEWS:
        return None
    steps = [after - before for before, after in itertools.pairwise(values)]
    return steps[0] if max(steps) - min(steps) <= _SAME_STEP else None
