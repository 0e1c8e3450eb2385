from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Tab, browsing
from commands import holdfast


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    answer = holdfast(
        *("audit", digits / "centered.onnx", "--data", digits / "probes.zip"),
        *("--config", digits / "holdfast.yaml", "--limit", "120", "-o", path),
        cwd=path.parent,
    )
    assert answer.returncode == 1, answer.stderr
    return path


@pytest.fixture
def tab(chromium: str, tmp_path: Path) -> Iterator[Tab]:
    with browsing(chromium, tmp_path / "profile") as opened:
        yield opened


def test_the_report_opens_without_network_and_without_console_errors(
    tab: Tab, report: Path
) -> None:
    tab.open(report.as_uri())
    tab.wait_for("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert "centered.onnx" in tab.value("document.body.innerText")
    assert tab.complaints == []
    assert report.as_uri() in tab.requests
    assert [url for url in tab.requests if not url.startswith(("file:", "data:"))] == []


def test_the_browser_test_would_see_a_request_and_an_error(tab: Tab, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><title>x</title><img src='http://127.0.0.1:9/x.png'>"
        "<script>console.error('seen by us')</script>"
    )
    tab.open(page.as_uri())
    assert any("seen by us" in text for text in tab.complaints)
    assert "http://127.0.0.1:9/x.png" in tab.requests


def test_the_report_is_one_file_with_pictures_inside(report: Path) -> None:
    html = report.read_text()
    assert "<script" not in html
    assert html.count("data:image/") >= 2
    assert len(html.encode()) < 2_000_000
