"""Every text in a result and a verdict may come from the owner of a hostile model or archive."""

import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from factories import deep_data, result_of, verdict_on
from holdfast.records.base import Record
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.html import html_report
from html_pages import Page, read_page

RecordT = TypeVar("RecordT", bound=Record)

PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'></title></style><svg/onload=alert(1)>",
    "\u202egnp.exe\u2066 \u061c\u200b",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "&lt;b&gt;]]><!--",
]


@cache
def _clean() -> tuple[AuditResult, Verdict]:
    data = deep_data()
    data["cells"] = [c for c in data["cells"] if c["family"] != "translation"][:3]
    data["model"] |= {"warnings": ["an odd thing"]}
    data["provenance"] |= {
        "versions": {"numpy": "2"},
        "family_digests": {"rotation": "0" * 64},
        "sandbox": data["provenance"]["sandbox"] | {"missing": ["seccomp"]},
    }
    result = result_of(data)
    return result, verdict_on(
        result,
        accuracy=("error", {"min": 0.5}),
        rotation__drift=("warn", {"max": 0.01}),
    )


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every string in nested dicts and lists, as the container and its key."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(pairs):
        if isinstance(value, str):
            yield data, key
        elif isinstance(value, dict | list):
            yield from _places(value)


def _spoilt(record: RecordT, payload: str) -> tuple[RecordT, int]:
    """The record with `payload` in every string and key that may hold it, and how many did."""
    data, kind, n = record.model_dump(mode="json"), type(record), 0
    for container, key in list(_places(data)):
        kept = container[key]
        container[key] = payload
        try:
            kind.model_validate_json(json.dumps(data))
            n += 1
        except ValidationError:
            container[key] = kept
    for name in ("versions", "family_digests"):
        table = data.get("provenance", {}).get(name, {})
        for key in list(table):
            table[payload] = table.pop(key)
    return kind.model_validate_json(json.dumps(data)), n


@cache
def _harmless_page() -> Page:
    return read_page(html_report(*_clean(), name="x"))


@cache
def _spoilt_page(payload: str) -> tuple[str, Page]:
    result, in_result = _spoilt(_clean()[0], payload)
    verdict, in_verdict = _spoilt(_clean()[1], payload)
    assert in_result >= 40, "the factory must fill the texts that a user can write"
    assert in_verdict >= 7
    html = html_report(result, verdict, name=payload)
    return html, read_page(html)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_adds_no_element_and_no_attribute(payload: str) -> None:
    html, page = _spoilt_page(payload)
    harmless = _harmless_page()
    assert page.unbalanced == []
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in harmless.elements}
    names = {(tag, name) for tag, attributes in page.elements for name in attributes}
    assert names <= {(tag, name) for tag, attributes in harmless.elements for name in attributes}
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.named("img"))
    assert not any(piece in html for piece in ("<script", "<img src=x", "<svg/", "<!--", "49{%"))


@pytest.mark.parametrize("payload", PAYLOADS[:3])
def test_hostile_text_is_shown_as_the_text_it_is(payload: str) -> None:
    _, page = _spoilt_page(payload)
    assert page.text.count(payload) >= 25
    assert payload in {image["alt"].split(", ")[0] for image in page.named("img")}


def test_hostile_text_cannot_turn_or_hide_what_stands_beside_it() -> None:
    html, page = _spoilt_page("\u202egnp.exe\u2066 \u061c\u200b\x00\x1b[31m")
    odd = {char for char in html if unicodedata.category(char) in {"Cf", "Cc"}} - {"\n"}
    assert odd == set()
    assert "gnp.exe" in page.text


@pytest.mark.parametrize("payload", PAYLOADS[:3])
def test_a_hostile_class_name_stays_the_name_of_a_row(payload: str) -> None:
    data = deep_data()
    for group in data["groups"]:
        group["name"] = payload
    page = read_page(html_report(result_of(data), None))
    rows = [row for table in page.tables for row in table if row[0] == payload]
    assert [row[1] for row in rows] == ["60", "60"]
    assert page.unbalanced == []


def test_a_name_may_be_written_from_right_to_left() -> None:
    html = html_report(*_clean(), name="מודל")
    assert "<bdi>מודל</bdi>" in html
