"""The section that says why: in words, in bars, and as one line of the summary."""

from typing import Any

import pytest

from factories import audit_data, result_of
from holdfast_reports.formats.markdown import render_markdown
from holdfast_reports.html import html_report
from holdfast_reports.shapes import WhyView
from holdfast_reports.view import view
from html_pages import read_page


def _axis(stride_px: float, field_px: float | None) -> dict[str, Any]:
    return {
        "stride_px": stride_px,
        "receptive_field_px": field_px,
        "map_size": 8,
        "padding_reach_px": 3.0,
    }


def _piece(name: str, kind: str, pixel: float, period: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "ops": "Conv, Relu",
        "period_error": period,
        "period_share": None,
        "pixel_error": pixel,
        "pixel_share": 0.5,
        "location_map": None,
        "location_map_share": None,
    }


def causes(**changes: Any) -> dict[str, Any]:
    """Padding, with some aliasing beside it and a head that works against both."""
    return {
        "label": "PADDING",
        "strength": "high",
        "sentence": "The padding tells where the border is.",
        "remedy": "Pad by reflection.",
        "shares": [
            {"label": "PADDING", "share": 0.8},
            {"label": "ALIASING", "share": 0.3},
            {"label": "HEAD", "share": -0.1},
        ],
        "graph": {
            "vertical": _axis(4, 40),
            "horizontal": _axis(4, 40),
            "head": "flatten",
            "border_share": 0.84,
            "location_share": 0.9,
            "padding_modes": ["constant"],
            "strided": [],
            "notes": [],
        },
        "pieces": [
            _piece("stem", "padding", 0.02, 0.05),
            _piece("down", "sampling", 0.1, 0.0),
            _piece("tail", "exact", 0.0, 0.0),
        ],
        "spi": [{"period_px": 4, "index": -0.25}],
        "pixel_drift": 0.1,
        "period_drift": 0.08,
        "n_images": 4,
        "n_forwards": 60,
    } | changes


def _why(**changes: Any) -> WhyView:
    found = view(result_of(audit_data() | {"causes": causes(**changes)}), None).why
    assert found is not None
    return found


def test_the_cause_is_named_with_what_stands_beside_it() -> None:
    why = _why()
    assert (why.title, why.label, why.status) == ("Padding", "PADDING", "warning")
    assert why.others == "Beside it: aliasing 30 %."
    assert why.remedy == "Pad by reflection."
    facts = {fact.name: fact.value for fact in why.facts}
    assert facts["Total stride"] == "4 px"
    assert facts["Receptive field"] == "40 px"
    assert facts["Positions that padding reaches"] == "84 %"
    assert facts["Stride phase at 4 px"] == "\N{MINUS SIGN}0.25"


def test_bars_are_relative_to_the_largest_effect() -> None:
    bars = {bar.name: bar for bar in _why().bars}
    assert [bar.pixel for bar in bars.values()] == ["20.0", "100.0", "0.0"]
    assert bars["stem"].period == "50.0"
    assert bars["stem"].pixel_words == "0.020"


def test_only_the_largest_pieces_are_shown_in_the_order_of_the_graph() -> None:
    many = [_piece(f"p{at}", "padding", (at + 1) / 100, None) for at in range(20)]
    why = _why(pieces=many)
    assert [bar.name for bar in why.bars] == [f"p{at}" for at in range(8, 20)]
    assert "12 largest of 20 pieces" in why.note
    assert not why.period


@pytest.mark.parametrize(("strength", "status"), [("high", "warning"), ("low", "info")])
def test_little_that_moves_is_no_warning(strength: str, status: str) -> None:
    assert _why(strength=strength).status == status


def test_axes_that_differ_and_whole_fields_are_told() -> None:
    graph = causes()["graph"] | {"vertical": _axis(2, None)}
    facts = {fact.name: fact.value for fact in _why(graph=graph).facts}
    assert facts["Total stride"] == "4 px across, 2 px down"
    assert facts["Receptive field"] == "40 px across, the whole input down"


def test_the_page_holds_the_section_and_results_without_causes_do_not() -> None:
    page = html_report(result_of(audit_data() | {"causes": causes()}), None)
    read_page(page)
    assert 'id="why"' in page
    assert "Pad by reflection." in page
    assert page.count('class="bar" viewBox') >= 6
    assert 'id="why"' not in html_report(result_of(audit_data()), None)


def test_a_cause_that_cannot_be_told_says_so() -> None:
    reason = "The cause was not analysed: it has control flow."
    untold = {"label": None, "sentence": reason}
    result = result_of(audit_data() | {"causes": untold})
    why = view(result, None).why
    assert why is not None
    assert (why.title, why.label, why.bars, why.facts) == ("Not told", "", (), ())
    assert reason in html_report(result, None)
    assert "Why:" not in render_markdown(result, None)


def test_names_of_the_graph_are_text_and_nothing_else() -> None:
    evil = "<script>alert(1)</script>\u202e"
    changed = causes(pieces=[_piece(evil, "padding", 0.1, 0.1)], sentence=f"It is {evil}.")
    result = result_of(audit_data() | {"causes": changed})
    page = html_report(result, None)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "<script" not in render_markdown(result, None)


def test_the_summary_has_one_line() -> None:
    text = render_markdown(result_of(audit_data() | {"causes": causes()}), None)
    (line,) = [line for line in text.splitlines() if line.startswith("**Why:**")]
    assert line == "**Why:** Padding: The padding tells where the border is."
