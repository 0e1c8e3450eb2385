"""A comparison as a page and as Markdown."""

import json
import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from holdfast.records.comparison import Comparison
from holdfast_reports.comparing import comparison_html, comparison_view, render_comparison_markdown
from html_pages import read_page

_HOSTILE = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "a | b\n# c",
    "`` ` ``",
    "www.evil.test",
]


def _comparison(**changes: object) -> Comparison:
    change = {
        "id": "translation.consistency",
        "baseline": 0.9,
        "candidate": 0.7,
        "difference": -0.2,
        "low": -0.25,
        "high": -0.15,
        "decision": "failed",
        "n_images": 1200,
    }
    place = {"cell": "dx 4, dy 4", "family": "translation", "lost": 30, "gained": 2}
    found = {
        "baseline_sha256": "1" * 64,
        "candidate_sha256": "2" * 64,
        "n_images": 1200,
        "margin": 0.01,
        "confidence": 0.95,
        "decision": "failed",
        "sentence": "translation.consistency lost more than 0.01",
        "measurements": [change],
        "families": [
            {"family": "translation", "p_value": 1e-9, "p_adjusted": 2e-9, "lost": 30, "gained": 2}
        ],
        "cells": [
            {**place, "difference": -0.02, "low": -0.03, "high": -0.01, "p_value": p, "n_images": 9}
            for p in (0.8, 0.01)
        ],
        "flipped": [f"{n}.png" for n in range(60)],
        "n_flipped": 77,
    }
    return Comparison.model_validate_json(json.dumps({**found, **changes}))


def test_the_view_has_the_numbers_and_the_losses() -> None:
    view = comparison_view(_comparison(), "net (main)", "net (fix)")
    assert (view.status, view.word) == ("failed", "Something was lost")
    assert view.facts[0] == "1,200 images in both"
    minus = "\N{MINUS SIGN}"
    assert view.measurements.rows == (
        (
            "Consistency, translation",
            "0.900",
            "0.700",
            f"{minus}0.200 [{minus}0.250, {minus}0.150]",
            "failed",
            "1,200",
        ),
    )
    assert view.families.rows == (("translation", "30", "2", "<0.001"),)
    assert [row[-1] for row in view.cells.rows] == ["0.010"], "only what may have changed"
    assert (len(view.images), view.images_note) == (50, "and 27 more images")


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    html = comparison_html(_comparison(), "a", "b")
    page = read_page(html)
    assert page.unbalanced == []
    assert page.named("script") == []
    assert "http" not in re.sub(r"http-equiv", "", html)
    assert len(page.tables) == 3
    assert all(len(row) == len(table[0]) for table in page.tables for row in table)


@pytest.mark.parametrize("name", _HOSTILE)
def test_names_are_only_names(name: str) -> None:
    found = _comparison(sentence=name, flipped=[name], n_flipped=1)
    page = read_page(comparison_html(found, name, name))
    assert page.unbalanced == []
    assert {element for element, _ in page.elements} & {"script", "a"} == {"a"}, "the skip link"
    assert [link["href"] for link in page.named("a")] == ["#main"]
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(
        render_comparison_markdown(found, name, name)
    )
    read = read_page(shown)
    assert {element for element, _ in read.elements} <= {
        *("h2", "p", "code", "table", "thead", "tbody", "tr", "th", "td")
    }
    assert name.split(maxsplit=1)[0] in unescape(read.text).replace("\n", " ")


def test_without_losses_the_markdown_is_short() -> None:
    quiet = _comparison(decision="passed", flipped=[], n_flipped=0, families=[])
    text = render_comparison_markdown(quiet, "a", "b")
    assert "Lost their worst case" not in text
    assert text.startswith("## Holdfast: Nothing lost\n")
