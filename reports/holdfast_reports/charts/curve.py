"""The curve of a family: band, line, points and the policy's limits."""

from typing import Any, Final

import altair as alt
from markupsafe import Markup

from holdfast_reports.charts.svg import INK, Words, data, drawn
from holdfast_reports.shapes import ControlLine, Curve
from holdfast_reports.words import angle, number, zoom

__all__ = ["curve_svg"]

_WIDTH: Final = 350
_HEIGHT: Final = 215
_TICK_STEPS: Final = {0.0: 0.25, 0.5: 0.1, 0.8: 0.05}
_MOST_DOTS: Final = 60
_MOST_TICKS: Final = 9
_DASHES: Final = {"blur": [2, 3], "occlusion": [8, 3]}


def curve_svg(curve: Curve) -> Markup:
    """Draw it. Above 60 points the line alone is drawn: dots would run together."""
    layers = [_band(curve), *(_control(curve, line) for line in curve.controls), _line(curve)]
    for limit in curve.limits:
        layers += [_limit_line(curve, limit), _limit_words(curve, limit)]
    words = Words(curve.id, curve.title, curve.description)
    return drawn(layers, words, width=_WIDTH, height=_HEIGHT)


def _rows(curve: Curve) -> alt.Data:
    return data(
        [
            {"x": p.x, "y": round(p.y, 4), "low": round(p.low, 4), "high": round(p.high, 4)}
            for p in curve.points
        ]
    )


def _band(curve: Curve) -> alt.Chart:
    area = alt.Chart(_rows(curve)).mark_area(color=INK["band"], opacity=0.45)
    layer: alt.Chart = area.encode(x=_x(curve), y=_y(curve, "low"), y2="high:Q")
    return layer


def _line(curve: Curve) -> alt.Chart:
    dots: Any = False
    if len(curve.points) <= _MOST_DOTS:
        dots = {"fill": INK["card"], "stroke": INK["series"], "strokeWidth": 2, "size": 44}
    line = alt.Chart(_rows(curve)).mark_line(color=INK["series"], strokeWidth=2.25, point=dots)
    layer: alt.Chart = line.encode(x=_x(curve), y=_y(curve, "y"))
    return layer


def _control(curve: Curve, control: ControlLine) -> alt.Chart:
    rows = data([{"x": x, "y": round(y, 4)} for x, y in control.points])
    line = alt.Chart(rows).mark_line(
        color=INK["soft"], strokeDash=_DASHES[control.kind], strokeWidth=1.75
    )
    layer: alt.Chart = line.encode(x=_x(curve), y=_y(curve, "y"))
    return layer


def _limit_line(curve: Curve, limit: float) -> alt.Chart:
    rule = alt.Chart(data([{"y": limit}])).mark_rule(
        color=INK["limit"], strokeDash=[6, 4], strokeWidth=1.5
    )
    layer: alt.Chart = rule.encode(y=_y(curve, "y"))
    return layer


def _limit_words(curve: Curve, limit: float) -> alt.Chart:
    """The number of a limit, outside the axes, where no curve can run through it."""
    text = alt.Chart(data([{"y": limit, "words": number(limit)}])).mark_text(
        color=INK["limit"], align="left", dx=6, fontSize=13
    )
    layer: alt.Chart = text.encode(x=alt.value(_WIDTH), y=_y(curve, "y"), text="words:N")
    return layer


def _y(curve: Curve, field: str) -> alt.Y:
    start, step = curve.axis_from, _TICK_STEPS[curve.axis_from]
    ticks = [round(start + step * place, 2) for place in range(round((1 - start) / step) + 1)]
    axis = alt.Axis(
        values=ticks,
        format=".2f",
        title="consistency",
        domain=False,
        ticks=False,
        labelPadding=10,
    )
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[start, 1], nice=False), axis=axis)


def _x(curve: Curve) -> alt.X:
    places = [point.x for point in curve.points]
    words = {"distance": number, "angle": angle, "zoom": zoom}[curve.form]
    ticks = _ticks(places)
    # Vega can only format numbers, so the words of the few ticks go in as constants.
    said = " : ".join(f"datum.value == {tick!r} ? '{words(tick)}'" for tick in ticks)
    axis = alt.Axis(
        values=ticks,
        labelExpr=f"{said} : ''",
        title=curve.axis,
        grid=False,
        labelFlush=False,
        labelOverlap="greedy",
        labelSeparation=6,
    )
    kind: dict[str, Any] = {"type": "log"} if curve.form == "zoom" else {"type": "linear"}
    scale = alt.Scale(domain=[places[0], places[-1]], nice=False, **kind)
    return alt.X("x:Q", scale=scale, axis=axis)


def _ticks(places: list[float]) -> list[float]:
    """The places themselves, thinned to a few; the first and the last stay."""
    if len(places) <= _MOST_TICKS:
        return places
    last = len(places) - 1
    chosen = {round(step * last / (_MOST_TICKS - 1)) for step in range(_MOST_TICKS)}
    return [places[place] for place in sorted(chosen)]
