"""From layers of a chart to an SVG inside a page: with words, in its colours, without address."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import vl_convert
from markupsafe import Markup

__all__ = ["HEAT", "HEAT_INK", "INK", "Words", "data", "drawn"]

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
    "#1c0f08",
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
_AXIS: Final = {
    "labelColor": INK["soft"],
    "titleColor": INK["soft"],
    "domainColor": INK["line"],
    "tickColor": INK["line"],
    "gridColor": INK["line"],
    "labelFontSize": 13,
    "titleFontSize": 13,
    "titleFontWeight": "normal",
    "titlePadding": 8,
    "labelFont": "sans-serif",
    "titleFont": "sans-serif",
}
_CONFIG: Final = {
    "aria": False,  # the drawing is one picture; its words are title, desc and the table
    "axis": _AXIS,
    "view": {"stroke": None},
    "text": {"font": "sans-serif"},
}
_COLOUR: Final = re.compile(r'="(#[0-9a-fA-F]{6})"')
_SIZE: Final = re.compile(r'^<svg[^>]*? width="([\d.]+)" height="([\d.]+)"[^>]*>')


@dataclass(frozen=True)
class Words:
    """What a drawing is called. `id` is unique in the page; title and description get escaped."""

    id: str
    title: str
    description: str


def data(rows: list[dict[str, Any]]) -> alt.Data:
    """Rows that travel inside the specification: nothing is ever loaded."""
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def drawn(layers: Sequence[alt.Chart], words: Words, *, width: int, height: int) -> Markup:
    """Compile layers into one drawing and give it its words.

    Args:
        layers: from back to front; in the colours of `INK`, `HEAT` and `HEAT_INK` only.
        words: for those who do not see it.
        width: of the area between the axes, px.
        height: as `width`.

    Returns:
        An `<svg>` without style, script, link or address.
    """
    chart = alt.layer(*layers).properties(width=width, height=height, background="transparent")
    spec = chart.to_dict() | {"config": _CONFIG}
    raw: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    bare = _COLOUR.sub(_variable, raw)
    size = _SIZE.match(bare)
    if size is None:
        raise ValueError("the renderer gave no SVG with a size")
    head = Markup(
        '<svg class="chart" role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {w} {h}" '
        'width="{w}" height="{h}"><title id="{id}-t">{title}</title><desc id="{id}-d">{text}</desc>'
    ).format(id=words.id, w=size[1], h=size[2], title=words.title, text=words.description)
    # The start tag is ours: inside a page SVG needs no namespace. The rest was made by the renderer
    # out of our numbers and fixed words.
    return head + Markup(bare[size.end() :])  # noqa: S704


def _variable(found: re.Match[str]) -> str:
    colour = found[1].lower()
    name = _NAMES.get(colour)
    return f'="var(--{name}, {colour})"' if name else found[0]
