"""From the cells of a family to a curve, and what a reader sees in it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

from holdfast.records.cells import (
    Cell,
    CircularCell,
    DisplacementCell,
    RotationCell,
    ScaleCell,
    TranslationCell,
)
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast_reports.parts.controls import CONTROLS, flip_rates
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import ControlLine, Curve, CurvePoint
from holdfast_reports.words import angle, count, number, percent, short_share, zoom

__all__ = ["AXIS_STARTS", "Stop", "axis_from", "curve", "seen", "stops"]

AXIS_STARTS: Final = (0.0, 0.5, 0.8)
_STEADY: Final = 0.95
_FORMS: Final[dict[Family, Literal["distance", "angle", "zoom"]]] = {
    Family.translation: "distance",
    Family.rotation: "angle",
    Family.scale: "zoom",
    Family.circular: "distance",
    Family.displacement: "distance",
}
"""Families whose cells lie along one axis."""
_AXES: Final = {
    Family.translation: "distance of the shift (px)",
    Family.rotation: "angle, counter-clockwise (degrees)",
    Family.scale: "zoom, above 1 enlarges",
    Family.circular: "distance of the roll (px)",
    Family.displacement: "distance from the middle (px)",
}
_CAPTIONS: Final = {
    Family.translation: "Consistency by distance: the mean over all shifts of that distance, "
    "which is the larger one of |dx| and |dy|.",
    Family.rotation: "Consistency at each angle.",
    Family.scale: "Consistency at each zoom.",
    Family.circular: "Consistency by distance of the roll, the larger one of |dx| and |dy|.",
    Family.displacement: "Consistency by distance from the middle, the larger one of |dx| and "
    "|dy|.",
}


@dataclass(frozen=True)
class Stop:
    """One place on the axis and the cells that share it."""

    x: float
    cells: tuple[Cell, ...]

    @property
    def consistency(self) -> float:
        """Mean over the cells."""
        return fmean(cell.consistency for cell in self.cells)

    @property
    def low(self) -> float:
        """Mean of the lower bounds.

        The spread of a mean is at most the mean of the spreads, however the cells depend on each
        other, so an average of intervals errs on the wide side.
        """
        return fmean(cell.consistency_low for cell in self.cells)

    @property
    def high(self) -> float:
        """Mean of the upper bounds."""
        return fmean(cell.consistency_high for cell in self.cells)


def stops(cells: tuple[Cell, ...]) -> tuple[Stop, ...]:
    """The cells of one family along its axis; shifts of one distance |d| share a stop."""
    at: defaultdict[float, list[Cell]] = defaultdict(list)
    for cell in cells:
        at[_place(cell)].append(cell)
    return tuple(Stop(x, tuple(at[x])) for x in sorted(at))


def limits(reading: Reading, family: Family) -> tuple[float, ...]:
    """What the policy asks of the family's consistency: min, max, both or nothing."""
    judgement = reading.judgement(f"{family}.consistency")
    asked = [judgement.min, judgement.max] if judgement else []
    return tuple(limit for limit in asked if limit is not None)


def axis_from(reading: Reading) -> float:
    """Where the axis of all curves of a report begins: one for all, so that they compare by eye."""
    lowest = [stop.low for family in MAIN_FAMILIES for stop in stops(reading.cells(family))]
    lowest += [
        1 - control.flip_rate
        for family in MAIN_FAMILIES
        for cell in reading.cells(family)
        for control in cell.controls
    ]
    lowest += [limit for family in MAIN_FAMILIES for limit in limits(reading, family)]
    return max(start for start in AXIS_STARTS if start == 0 or start < min(lowest, default=0))


def curve(reading: Reading, family: Family, places: tuple[Stop, ...]) -> Curve:
    """The curve of a family, with the unmoved picture, which agrees with itself by definition.

    The family is one of those whose cells lie along an axis.
    """
    identity = 1.0 if family is Family.scale else 0.0
    points = [CurvePoint(stop.x, stop.consistency, stop.low, stop.high) for stop in places]
    points.append(CurvePoint(identity, 1.0, 1.0, 1.0))
    level = percent(reading.result.plan.confidence)
    band = "intervals, averaged" if _FORMS[family] == "distance" else "interval"
    return Curve(
        id=f"curve-{family}",
        title=f"{family.capitalize()}: {seen(family, places)}",
        description=f"A curve with {count(len(places), 'point')}. It starts at 1 for the unmoved "
        "picture. The table with the curve holds the same numbers.",
        axis=_AXES[family],
        form=_FORMS[family],
        points=tuple(sorted(points, key=lambda point: point.x)),
        limits=limits(reading, family),
        axis_from=axis_from(reading) if family in MAIN_FAMILIES else 0.0,
        caption=_CAPTIONS[family],
        band=f"{level} {band}",
        controls=tuple(_controls(places, identity)),
    )


def _controls(places: tuple[Stop, ...], identity: float) -> Iterator[ControlLine]:
    """Per kind of control its consistency at each place that has one."""
    for kind, words in CONTROLS.items():
        points = [
            (stop.x, 1 - fmean(still for still, _ in pairs))
            for stop in places
            if (pairs := flip_rates(stop.cells, kind))
        ]
        if points:
            yield ControlLine(
                kind, f"{words}, not moved", tuple(sorted([*points, (identity, 1.0)]))
            )


def seen(family: Family, places: tuple[Stop, ...]) -> str:
    """What the curve shows, as a heading: `falls to 0.41 at 8 px`."""
    lowest = min(places, key=lambda stop: stop.consistency)
    value = lowest.consistency
    if value == 1:
        return f"no answer changed at any {_STOP[family]}"
    if value >= _STEADY:
        return f"stays at {short_share(value)} or above at every {_STOP[family]}"
    return f"falls to {short_share(value)} at {_spelt(family, lowest.x)}"


_STOP: Final = {
    Family.translation: "distance",
    Family.rotation: "angle",
    Family.scale: "zoom",
    Family.circular: "distance",
    Family.displacement: "distance",
}


def _spelt(family: Family, x: float) -> str:
    if _FORMS[family] == "distance":
        return f"{number(x)} px"
    return angle(x) if family is Family.rotation else f"zoom {zoom(x)}"


def _place(cell: Cell) -> float:
    if isinstance(cell, TranslationCell | CircularCell | DisplacementCell):
        return float(max(map(abs, cell.shift_px)))
    if isinstance(cell, RotationCell):
        return cell.angle_deg
    if isinstance(cell, ScaleCell):
        return cell.zoom
    raise ValueError(f"the cells of {cell.family} lie on no axis")
