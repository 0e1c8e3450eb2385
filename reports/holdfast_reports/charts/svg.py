"""From a chart to an SVG that stands inside a page: words for it, colours of the page, no address."""

import re
from typing import Any, Final

import altair as alt
import vl_convert
from markupsafe import Markup

__all__ = ["HEAT", "HEAT_INK", "INK", "drawn"]

INK: Final = {
    "ink": "#17211f",
    "soft": "#56635f",
    "line": "#dfe5e2",
    "series": "#0f6b62",
    "band": "#9fcfc8",
    "limit": "#b3261e",
    "card": "#fefefe",
}
"""Colours of the charts by their role. In the page each becomes `var(--role, colour)`."""

HEAT: Final = (
    "#7a1f12",
    "#a63a1c",
    "#c9602c",
    "#de8a4c",
    "#edb277",
    "#f5d3a6",
    "#f3e9cf",
    "#dfeee9",
)
"""Colours of the map, the worst first: lightness falls with consistency, so grey prints read."""

HEAT_INK: Final = (
    "#fffffe",
    "#fffffd",
    "#fffffc",
    "#1c0f07",
    "#1c0f06",
    "#1c0f05",
    "#1c0f04",
    "#1c0f03",
)
"""Text on `HEAT`; all differ, since a colour is known by its value alone."""

_NAMES: Final = (
    {colour: role for role, colour in INK.items()}
    | {colour: f"heat-{step}" for step, colour in enumerate(HEAT)}
    | {colour: f"heat-ink-{step}" for step, colour in enumerate(HEAT_INK)}
)
_COLOUR: Final = re.compile(r'="(#[0-9a-fA-F]{6})"')
_ADDRESS: Final = re.compile(r' xmlns(?::\w+)?="[^"]*"')
_SIZE: Final = re.compile(r'^<svg[^>]*? width="([\d.]+)" height="([\d.]+)"[^>]*>')


def drawn(chart: alt.LayerChart, ident: str, title: str, description: str) -> Markup:
    """Compile a chart and give it its words.

    Args:
        chart: uses the colours of `INK`, `HEAT` and `HEAT_INK` only.
        ident: unique in the page; plain letters and hyphens.
        title: what the chart shows; escaped here.
        description: the same at more length; escaped here.

    Returns:
        An `<svg>` without style, script, link or address.
    """
    raw: str = vl_convert.vegalite_to_svg(_configured(chart), allowed_base_urls=[])
    bare = _COLOUR.sub(_variable, _ADDRESS.sub("", raw))
    size = _SIZE.match(bare)
    if size is None:
        raise ValueError("the renderer gave no SVG with a size")
    head = Markup(
        '<svg class="chart" role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {w} {h}" '
        'width="{w}" height="{h}"><title id="{id}-t">{title}</title><desc id="{id}-d">{text}</desc>'
    ).format(id=ident, w=size[1], h=size[2], title=title, text=description)
    # What is joined here was made by the renderer out of our numbers and fixed words.
    return head + Markup(bare[size.end() :])  # noqa: S704


def _variable(found: re.Match[str]) -> str:
    colour = found[1].lower()
    name = _NAMES.get(colour)
    return f'="var(--{name}, {colour})"' if name else found[0]


def _configured(chart: alt.LayerChart) -> dict[str, Any]:
    axis = {
        "labelColor": INK["soft"],
        "titleColor": INK["soft"],
        "domainColor": INK["line"],
        "tickColor": INK["line"],
        "gridColor": INK["line"],
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelFont": "sans-serif",
        "titleFont": "sans-serif",
    }
    whole = chart.properties(background="transparent")
    spec: dict[str, Any] = whole.to_dict()
    spec["config"] = {
        "aria": False,  # the drawing is one picture; its words are title, desc and the table
        "axis": axis,
        "view": {"stroke": None},
        "text": {"font": "sans-serif"},
        "mark": {"aria": False},
    }
    return spec


