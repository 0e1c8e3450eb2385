"""The badge, drawn by us or by shields.io."""

import json
from xml.etree import ElementTree as ET

import pytest

from ci_outputs import HOSTILE, VERDICTS, hostile, standings
from holdfast_reports.formats.badge import render_badge_json, render_badge_svg

SVG = "{http://www.w3.org/2000/svg}"
WORD = {"none": "not judged"}


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - we wrote it


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("kind", VERDICTS)
def test_the_verdict_can_be_read_and_heard(kind: str) -> None:
    badge, word = _parsed(render_badge_svg(*standings(kind), name="m.onnx")), WORD.get(kind, kind)
    assert [text.text for text in badge.iter(f"{SVG}text")] == ["holdfast", word]
    assert badge.get("aria-label") == f"holdfast: {word}"
    title = badge.find(f"{SVG}title")
    assert title is not None
    assert title.text == f"m.onnx: {word}"


@pytest.mark.parametrize("kind", VERDICTS)
def test_white_on_every_colour_has_enough_contrast(kind: str) -> None:
    badge = _parsed(render_badge_svg(*standings(kind)))
    for part in (badge.find(f"{SVG}rect"), badge.find(f"{SVG}path")):
        assert part is not None
        assert 1.05 / (_luminance(part.attrib["fill"]) + 0.05) >= 4.5


def test_every_verdict_has_a_colour_of_its_own() -> None:
    drawn = {
        _parsed(render_badge_svg(*standings(kind))).findall(f"{SVG}path")[0].attrib["fill"]
        for kind in VERDICTS
    }
    named = {json.loads(render_badge_json(standings(kind)[1]))["color"] for kind in VERDICTS}
    assert len(drawn) == len(named) == len(VERDICTS)


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_hostile_name_is_the_title_and_nothing_else(payload: str) -> None:
    badge = _parsed(render_badge_svg(*hostile(payload), name=payload))
    harmless = _parsed(render_badge_svg(*hostile("x"), name="x"))
    assert [part.tag for part in badge.iter()] == [part.tag for part in harmless.iter()]
    if payload.isprintable():
        title = badge.find(f"{SVG}title")
        assert title is not None
        assert title.text == f"{payload}: failed"


@pytest.mark.parametrize("kind", VERDICTS)
def test_the_endpoint_has_the_form_of_shields(kind: str) -> None:
    badge = json.loads(render_badge_json(standings(kind)[1]))
    assert badge.keys() == {"schemaVersion", "label", "message", "color"}
    assert badge["schemaVersion"] == 1
    assert badge["message"] == WORD.get(kind, kind)
