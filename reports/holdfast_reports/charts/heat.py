"""The map of all shifts."""

from typing import Final

import altair as alt
from markupsafe import Markup

from holdfast_reports.charts.svg import HEAT, HEAT_INK, INK, Words, data, drawn
from holdfast_reports.shapes import HeatMap
from holdfast_reports.words import signed

__all__ = ["heat_svg"]

_SIDE: Final = 369
_LARGEST_CELL: Final = 41
_FONT: Final = 13
_MOST_LABELS: Final = 13
_SMALL_CELL: Final = 16
"""A gap would eat a smaller square."""


def heat_svg(heat: HeatMap) -> Markup:
    """Draw it, as squares; the unmoved picture is a ring."""
    cell = min(_LARGEST_CELL, _SIDE // max(len(heat.dxs), len(heat.dys)))
    layers = [_squares(heat, cell)]
    if heat.printed:
        layers.append(_labels(heat, cell))
    if 0 in heat.dxs and 0 in heat.dys:
        layers.append(_ring(heat, cell))
    words = Words(heat.id, heat.title, heat.description)
    return drawn(layers, words, width=cell * len(heat.dxs), height=cell * len(heat.dys))


def _squares(heat: HeatMap, cell: int) -> alt.Chart:
    rows = [{"x": c.dx, "y": c.dy, "colour": HEAT[c.step]} for c in heat.cells]
    squares = alt.Chart(data(rows))
    gap = cell > _SMALL_CELL
    mark = squares.mark_rect(stroke=INK["card"], strokeWidth=2) if gap else squares.mark_rect()
    colour = alt.Color("colour:N", scale=None)
    layer: alt.Chart = mark.encode(x=_x(heat), y=_y(heat), color=colour)
    return layer


def _labels(heat: HeatMap, cell: int) -> alt.Chart:
    rows = [
        {"x": c.dx, "y": c.dy, "words": c.label, "colour": HEAT_INK[c.step]} for c in heat.cells
    ]
    mark = alt.Chart(data(rows)).mark_text(fontSize=min(_FONT, cell // 3))
    colour = alt.Color("colour:N", scale=None)
    layer: alt.Chart = mark.encode(x=_x(heat), y=_y(heat), text="words:N", color=colour)
    return layer


def _ring(heat: HeatMap, cell: int) -> alt.Chart:
    mark = alt.Chart(data([{"x": 0, "y": 0}])).mark_point(
        shape="circle", size=(cell / 3) ** 2, stroke=INK["soft"], strokeWidth=1.5, filled=False
    )
    layer: alt.Chart = mark.encode(x=_x(heat), y=_y(heat))
    return layer


def _x(heat: HeatMap) -> alt.X:
    scale = alt.Scale(domain=list(heat.dxs), paddingInner=0, paddingOuter=0)
    return alt.X("x:O", scale=scale, axis=_axis(heat.dxs, "shift to the right, dx (px)"))


def _y(heat: HeatMap) -> alt.Y:
    scale = alt.Scale(domain=list(heat.dys), paddingInner=0, paddingOuter=0)
    return alt.Y("y:O", scale=scale, axis=_axis(heat.dys, "shift down, dy (px)"))


def _axis(places: tuple[int, ...], title: str) -> alt.Axis:
    every = -(-len(places) // _MOST_LABELS)
    shown = list(places[::every])
    said = " : ".join(f"datum.value == {place} ? '{signed(place)}'" for place in shown)
    return alt.Axis(
        values=shown,
        labelExpr=f"{said} : ''",
        title=title,
        labelAngle=0,
        ticks=False,
        domain=False,
        labelPadding=6,
    )
