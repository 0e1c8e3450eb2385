"""A small curve from 0 to 1 with its band."""

from typing import Any, Final

import altair as alt
from markupsafe import Markup

from holdfast_reports.charts.svg import INK, Words, data, drawn
from holdfast_reports.shapes import SmallChart
from holdfast_reports.words import number

__all__ = ["small_svg"]

_WIDTH: Final = 350
_HEIGHT: Final = 140
_TICKS: Final = 6


def small_svg(chart: SmallChart) -> Markup:
    """Draw it."""
    rows = data(
        [
            {"x": p.x, "y": round(p.y, 4), "low": round(p.low, 4), "high": round(p.high, 4)}
            for p in chart.points
        ]
    )
    way: dict[str, Any] = {"interpolate": "step-after"} if chart.stepped else {}
    area = alt.Chart(rows).mark_area(color=INK["band"], opacity=0.45, **way)
    line = alt.Chart(rows).mark_line(color=INK["series"], strokeWidth=2.25, **way)
    band: alt.Chart = area.encode(x=_x(chart), y=_y("low"), y2="high:Q")
    curve: alt.Chart = line.encode(x=_x(chart), y=_y("y"))
    words = Words(chart.id, chart.title, chart.description)
    return drawn([band, curve], words, width=_WIDTH, height=_HEIGHT)


def _y(field: str) -> alt.Y:
    axis = alt.Axis(
        values=[0, 0.5, 1],
        format=".1f",
        title="share of images",
        domain=False,
        ticks=False,
        labelPadding=10,
    )
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis)


def _x(chart: SmallChart) -> alt.X:
    ticks = _ticks(chart)
    said = " : ".join(f"datum.value == {tick!r} ? '{number(round(tick, 2))}'" for tick in ticks)
    axis = alt.Axis(
        values=ticks,
        labelExpr=f"{said} : ''",
        title=chart.axis,
        grid=False,
        labelFlush=False,
        labelOverlap="greedy",
        labelSeparation=6,
    )
    kind: dict[str, Any] = {"type": "log"} if chart.counted else {"type": "linear"}
    domain = [chart.points[0].x, chart.points[-1].x]
    return alt.X("x:Q", scale=alt.Scale(domain=domain, nice=False, **kind), axis=axis)


def _ticks(chart: SmallChart) -> list[float]:
    """Doubling counts, or some of the distances; the last place always has one."""
    places = [point.x for point in chart.points]
    last = len(places) - 1
    if chart.counted:
        doubled = [2.0**power for power in range(12) if 2.0**power < places[-1] / 1.5]
        return [*doubled, places[-1]]
    chosen = {round(step * last / (_TICKS - 1)) for step in range(_TICKS)}
    return [places[place] for place in sorted(chosen)]
