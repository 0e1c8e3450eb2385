import base64
import hashlib
import re

import pytest

from factories import SHIFTS_PX, audit_data, audit_result, result_of, verdict_on
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.html import CONTENT_SECURITY_POLICY, html_report, render_html
from holdfast_reports.view import view
from html_pages import Page, read_page


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return audit_result()


@pytest.fixture(scope="module")
def verdict(result: AuditResult) -> Verdict:
    return verdict_on(
        result,
        translation__consistency=("error", {"min": 0.9}),
        scale__worst_case=("error", {"min": 0.5}),
    )


@pytest.fixture(scope="module")
def html(result: AuditResult, verdict: Verdict) -> str:
    return html_report(result, verdict, name="birds-v3.onnx")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return read_page(html)


def test_the_report_is_its_view_rendered(html: str, result: AuditResult, verdict: Verdict) -> None:
    assert render_html(view(result, verdict, name="birds-v3.onnx")) == html


def test_the_page_is_whole(html: str, page: Page) -> None:
    assert html.lstrip().startswith("<!doctype html>")
    assert page.unbalanced == []
    assert page.named("html") == [{"lang": "en"}]
    assert [len(page.named(tag)) for tag in ("h1", "header", "main", "nav", "footer")] == [1] * 5
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_link_and_label_has_its_target(page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"].removeprefix("#") for link in page.named("a")} <= ids
    labels = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert {name for label in labels for name in label.split()} <= ids


def test_nothing_is_asked_of_a_network_and_nothing_runs(html: str, page: Page) -> None:
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", html, re.IGNORECASE)
    assert not page.named("script") + page.named("link") + page.named("iframe")
    assert all(image["src"].startswith("data:image/") for image in page.named("img"))
    assert all(link["href"].startswith("#") for link in page.named("a"))
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith(("on", "xlink")) or name == "style"}


def test_the_policy_in_the_file_allows_exactly_its_one_style(html: str, page: Page) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [
        meta["content"]
        for meta in page.named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert f"{policy}; frame-ancestors 'none'; sandbox" == CONTENT_SECURITY_POLICY


def test_the_policy_comes_before_anything_it_governs(html: str) -> None:
    assert html.index("Content-Security-Policy") < html.index("<style>") < html.index("<body>")


def test_verdict_headlines_and_assertions_stand_on_the_page(page: Page) -> None:
    for words in (
        "Failed",
        "birds-v3.onnx",
        "1 of 2 assertions failed: translation.consistency.",
        "shifted pictures keep their answer",
        "Consistency 0.905 (0.881 to 0.926)",
        "Observed 0.6100 [0.5860, 0.6310] on 200 images breaks min 0.9.",
        "Falls to 0.73 at 2 px",
        "What else was seen",
        "Where it goes wrong",
        "dogs/broken.png",
        "holdfast audit MODEL --data IMAGES --config holdfast.yaml -o report.html",
    ):
        assert words in page.text, words


def test_the_table_of_a_family_holds_the_numbers_of_the_result(
    page: Page, result: AuditResult
) -> None:
    rows = {row[0]: row[1:] for table in page.tables for row in table}
    minus = "\N{MINUS SIGN}"
    for cell in result.cells:
        if cell.family == "translation":
            key = ", ".join(f"{d:+d}" if d else "0" for d in cell.shift_px).replace("-", minus)
        elif cell.family == "rotation":
            key = f"{cell.angle_deg:+g}°".replace("-", minus)
        else:
            assert cell.family == "scale"
            key = f"{cell.zoom:g}\N{MULTIPLICATION SIGN}"
        assert cell.accuracy is not None
        assert rows[key] == [
            f"{cell.consistency:.3f}",
            f"{cell.consistency_low:.3f} to {cell.consistency_high:.3f}",
            f"{cell.drift:.3f}",
            f"{cell.accuracy:.3f}",
            "12.5 %",
        ]


def test_the_table_under_the_map_holds_every_shift_at_its_place(
    page: Page, result: AuditResult
) -> None:
    (table,) = [table for table in page.tables if table[0][0].startswith("dy")]
    across = [int(head.replace("\N{MINUS SIGN}", "-")) for head in table[0][1:]]
    shown = {
        (dx, int(row[0].replace("\N{MINUS SIGN}", "-"))): value
        for row in table[1:]
        for dx, value in zip(across, row[1:], strict=True)
    }
    assert shown.pop((0, 0)) == ""
    expected = {
        c.shift_px: f"{c.consistency:.3f}" for c in result.cells if c.family == "translation"
    }
    assert shown == expected
    assert len(expected) == len(SHIFTS_PX)


def test_each_chart_has_words_and_a_table_in_its_section(page: Page) -> None:
    charts = [svg for svg in page.named("svg") if svg.get("class") == "chart"]
    assert len(charts) == 4
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in charts)
    hidden = [svg for svg in page.named("svg") if svg.get("class") != "chart"]
    assert all(svg["aria-hidden"] == "true" for svg in hidden)
    captions = [region["aria-label"] for region in page.named("div") if "aria-label" in region]
    for caption in ("Translation by distance", "Each angle with all its numbers"):
        assert caption in captions


def test_every_picture_has_words(page: Page) -> None:
    assert len(page.named("img")) == 6
    assert {image["alt"] for image in page.named("img")} >= {
        "cats/0007.png, unmoved",
        "cats/0007.png, shifted 2 px right, 1 px up",
    }


def test_a_report_of_the_usual_size_is_small(html: str) -> None:
    assert len(html.encode()) < 100_000


def _with_families(shifts: list[list[int]], angles: list[float], zooms: list[float]) -> AuditResult:
    """The audit with these cells and without pictures."""
    data = audit_data()
    first = {c["family"]: c for c in reversed(data["cells"])}
    data["cells"] = [first["translation"] | {"shift_px": shift} for shift in shifts]
    data["cells"] += [first["rotation"] | {"angle_deg": angle} for angle in angles]
    data["cells"] += [first["scale"] | {"zoom": zoom} for zoom in zooms]
    data["plan"]["families"] = {
        "translation": {"shifts_px": shifts},
        "rotation": {"angles_deg": angles},
        "scale": {"zooms": zooms},
    }
    return result_of(data | {"examples": []})


def _square(reach_px: int) -> list[list[int]]:
    places = range(-reach_px, reach_px + 1)
    return [[dx, dy] for dy in places for dx in places if dx or dy]


def test_a_thorough_plan_stays_far_below_300_kb() -> None:
    angles = [float(angle) for angle in range(-45, 46) if angle]
    zooms = [round(0.5 + place / 40, 3) for place in range(60) if place != 20]
    html = html_report(_with_families(_square(8), angles, zooms), None)
    assert len(html.encode()) < 200_000


def test_the_largest_plan_stays_far_below_the_cap_of_2_mb() -> None:
    angles = [place / 10 for place in range(1, 2001)]
    zooms = [1.001 + place / 1000 for place in range(2000)]
    html = html_report(_with_families(_square(20), angles, zooms), None)
    assert len(html.encode()) < 500_000
