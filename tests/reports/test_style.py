"""The style sheet: contrast in both themes, and no colour that only one theme knows."""

import re
from importlib.resources import files

import pytest

from holdfast_reports.charts.svg import HEAT, HEAT_INK, INK

CSS = files("holdfast_reports").joinpath("templates/report.css").read_text("utf-8")
_BLOCKS = re.findall(r":root \{([^}]*)\}", CSS)


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT = _colours(_BLOCKS[0])
DARK = LIGHT | _colours(_BLOCKS[1])

_WASHES = ["pass", "fail", "doubt", "none"]
READ = [
    *((ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "card")),
    *((tone, f"{tone}-wash") for tone in _WASHES),
    *(("ink", f"{tone}-wash") for tone in _WASHES),
    *((tone, "card") for tone in _WASHES),
    *((f"heat-ink-{step}", f"heat-{step}") for step in range(len(HEAT))),
    ("limit", "card"),
]
SEEN = [("series", "card"), ("series", "fill"), ("series", "track"), ("limit", "card")]


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted([_luminance(one), _luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), READ)
def test_text_can_be_read(theme: dict[str, str], ink: str, ground: str) -> None:
    assert _contrast(theme[ink], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), SEEN)
def test_lines_can_be_seen(theme: dict[str, str], line: str, ground: str) -> None:
    assert _contrast(theme[line], theme[ground]) >= 3


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_steps_of_the_map_go_one_way_in_lightness(theme: dict[str, str]) -> None:
    steps = [_luminance(theme[f"heat-{step}"]) for step in range(len(HEAT))]
    assert steps in (sorted(steps), sorted(steps, reverse=True))


def test_both_themes_know_every_colour_of_the_charts() -> None:
    names = {*INK, *(f"heat-{n}" for n in range(len(HEAT)))}
    names |= {f"heat-ink-{n}" for n in range(len(HEAT_INK))}
    assert names <= set(LIGHT)
    assert names <= set(_colours(_BLOCKS[1]))


def test_no_variable_is_used_that_is_not_set() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", CSS))
    assert used <= set(re.findall(r"--([\w-]+):", CSS))


def test_paper_is_light_and_opens_what_is_folded() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in CSS
    assert "details::details-content" in CSS.partition("@media print")[2]
