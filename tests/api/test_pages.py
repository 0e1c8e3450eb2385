"""The pages: complete without scripts, nothing from elsewhere, foreign text only as text."""

import re
from html.parser import HTMLParser

import pytest

from apiworld import FAILING, PASSING, World, result_of
from factories import deep_data
from factories import result_of as factories_result
from holdfast_api.outcome_lines import outcome_line

_HOSTILE = "<img src=x onerror=alert(1)>\"'&"


class _Tags(HTMLParser):
    """All tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def _pages(world: World) -> list[str]:
    """One of every page, with hostile names."""
    body = {
        "model_id": world.model(name=_HOSTILE),
        "probe_set_id": world.probe_set(name=_HOSTILE),
        "branch": _HOSTILE,
    }
    ids = [world.client.post("/v1/audits", json=body).json()["id"] for _ in range(4)]
    world.finish(world.claim(), result_of(), FAILING)
    world.fail(world.claim(), "unsafe_name", name=_HOSTILE)
    world.beat(world.claim(), 1, 4)
    paths = ["/", *(f"/audits/{audit_id}" for audit_id in ids)]
    paths += ["/docs", "/problems", "/problems/internal"]
    return [world.client.get(path).text for path in paths]


def test_pages_load_nothing_from_elsewhere_and_hold_no_code(world: World) -> None:
    for text in _pages(world):
        tags = _Tags(text).tags
        assert [tag for tag, _ in tags].count("main") == 1
        for tag, attributes in tags:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert tag not in ("style", "iframe", "object", "base")
            for name in ("src", "href", "action"):
                link = attributes.get(name) or "/"
                assert link.startswith(("/", "#")), (tag, link)
            assert tag != "script" or attributes.get("src")


def test_foreign_text_is_only_text(world: World) -> None:
    for text in _pages(world)[:5]:
        assert "<img src=x" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize("path", ["/", "/docs", "/problems", "/login", "/v1/audits", "/nothing"])
def test_every_answer_has_security_headers(world: World, path: str) -> None:
    headers = world.client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_only_pages_may_run_our_scripts(world: World) -> None:
    page, document = world.client.get("/"), world.client.get("/v1/audits")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "script-src" not in document.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["style.css", "upload.js", "progress.js", "mark.svg"])
def test_static_files_are_our_own_and_name_no_address(world: World, name: str) -> None:
    answer = world.client.get(f"/static/{name}")
    assert answer.status_code == 200
    addresses = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", answer.text)
    assert [one for one in addresses if one != "http://www.w3.org"] == []
    assert "url(" not in answer.text


def test_an_open_audit_moves_with_and_without_scripts(world: World) -> None:
    audit_id = world.audit()
    world.beat(world.claim(), 1, 4)
    page = world.client.get(f"/audits/{audit_id}").text
    assert f'data-events="/v1/audits/{audit_id}/events"' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    assert 'value="25"' in page
    assert "1 of 4 views" in page
    assert f'action="/audits/{audit_id}/cancel"' in page


def test_the_cancel_button_works_without_scripts(world: World) -> None:
    audit_id = world.audit()
    answer = world.client.post(f"/audits/{audit_id}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/audits/{audit_id}")
    page = world.client.get(f"/audits/{audit_id}").text
    assert "cancelled" in page
    assert "http-equiv" not in page


def test_the_page_says_why_an_audit_was_cancelled(world: World) -> None:
    audit_id = world.audit()
    world.client.post(f"/v1/audits/{audit_id}/cancel", json={"reason": "<b>wrong</b> model"})
    page = world.client.get(f"/audits/{audit_id}").text
    assert "<p>&lt;b&gt;wrong&lt;/b&gt; model</p>" in page


def test_a_broken_audit_shows_code_sentence_and_hint_and_can_be_tried_again(world: World) -> None:
    audit_id = world.failed("labels_mismatch", label="11", k="10")
    page = world.client.get(f"/audits/{audit_id}").text
    assert "label 11 needs more than its 10 outputs" in page
    assert "Check that labels count from 0" in page
    assert 'href="/problems/labels_mismatch"' in page
    answer = world.client.post(f"/audits/{audit_id}/retry")
    assert answer.status_code == 303
    assert world.client.get(f"/v1/audits/{audit_id}").json()["state"] == "queued"


def test_a_finished_audit_shows_verdict_numbers_and_files(world: World) -> None:
    audit_id = world.done(FAILING)
    page = world.client.get(f"/audits/{audit_id}").text
    assert "Gate failed" in page
    assert 'class="tag failed"' in page
    assert "translation.consistency" in page
    for part in ("report.html", "result.json", "samples.parquet"):
        assert f'href="/v1/audits/{audit_id}/{part}"' in page


def test_an_audit_that_stopped_early_says_so_on_its_page() -> None:
    said = "Stopped after 200 of 500 images: every assertion is decided."
    data = deep_data()
    assert said in outcome_line(factories_result(data), None, "m").sentences
    data["sequential"]["stopped"] = False
    assert said not in outcome_line(factories_result(data), None, "m").sentences


def test_an_audit_without_a_policy_is_not_called_failed(world: World) -> None:
    page = world.client.get(f"/audits/{world.done()}").text
    assert "Gate " not in page
    assert "not judged" in page


def test_the_list_shows_state_verdict_and_report(world: World) -> None:
    done, failed = world.done(PASSING), world.failed()
    page = world.client.get("/").text
    assert f'href="/v1/audits/{done}/report.html"' in page
    assert f'href="/v1/audits/{failed}/report.html"' not in page
    assert 'class="tag passed"' in page
    assert 'class="tag error"' in page
    assert 'id="audit-form"' in page


def test_an_empty_list_says_how_to_begin(world: World) -> None:
    assert "No audit yet" in world.client.get("/").text


def test_a_long_list_has_pages(world: World) -> None:
    view = world.client.get(f"/v1/audits/{world.audit()}").json()
    body = {"model_id": view["model_id"], "probe_set_id": view["probe_set_id"]}
    for _ in range(50):
        world.client.post("/v1/audits", json=body)
    first = world.client.get("/").text
    assert first.count('class="name"') == 50
    found = re.search(r'href="/\?cursor=([^"]+)"', first)
    assert found is not None
    assert world.client.get(f"/?cursor={found[1]}").text.count('class="name"') == 1
