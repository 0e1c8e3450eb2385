"""Curves behind the headline numbers: how many motions, how far."""

from typing import Final

from holdfast.records.detail import ResultCurve
from holdfast.records.families import Family
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import CurvePoint, SmallChart, Table
from holdfast_reports.words import count, interval, number, share

__all__ = ["small_charts", "stride_table"]

_TITLES: Final = {
    "worst_of_k": "Worst of k motions",
    "first_flip": "First flip",
}
_CAPTIONS: Final = {
    "worst_of_k": "Share of images that keep their answer under k motions drawn from the list.",
    "first_flip": "Share of images that no motion up to this distance has flipped.",
}
_AXES: Final = {
    "cells": "number of motions k",
    "px": "distance (px)",
    "degrees": "angle, either way (degrees)",
    "log2 zoom": "zoom, either way (log2)",
}


def small_charts(reading: Reading, family: Family, level: str) -> tuple[SmallChart, ...]:
    """The curves of a family with at least two points."""
    return tuple(
        _chart(curve, level)
        for curve in reading.result.curves
        if curve.family is family and curve.id in _TITLES and len(curve.points) > 1
    )


def stride_table(reading: Reading) -> Table | None:
    """Periods at which the drift under rolls returns to its start: the trace of a stride."""
    found = next((c for c in reading.result.curves if c.id == "stride_phase"), None)
    if found is None:
        return None
    return Table(
        caption="Stride phase",
        columns=("Period", "Index"),
        rows=tuple((f"{number(p.x)} px", f"{p.value:.3f}") for p in found.points),
        folded=True,
        note="1: all of the drift vanishes at multiples of the period, which is aliasing of a "
        "stride; near 0 or below: the period explains nothing.",
    )


def _chart(curve: ResultCurve, level: str) -> SmallChart:
    points = tuple(CurvePoint(p.x, p.value, p.low, p.high) for p in curve.points)
    counted = curve.id == "worst_of_k"
    return SmallChart(
        id=f"{curve.id.replace('_', '-')}-{curve.family}",
        title=_TITLES[curve.id],
        description=f"A curve with {count(len(points), 'point')}: from {share(points[0].y)} to "
        f"{share(points[-1].y)}. The table under it holds the same numbers.",
        axis=_AXES[curve.unit],
        points=points if counted else (CurvePoint(0.0, 1.0, 1.0, 1.0), *points),
        stepped=not counted,
        counted=counted,
        caption=_CAPTIONS[curve.id],
        table=Table(
            caption=f"{_TITLES[curve.id]}: the numbers",
            columns=(_AXES[curve.unit].capitalize(), "Share", f"{level} interval"),
            rows=tuple(
                (number(round(p.x, 3)), share(p.y), interval(p.low, p.high)) for p in points
            ),
            folded=True,
        ),
    )
