from pathlib import Path

import pytest

from browser import look_at
from stack import holdfast


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    answer = holdfast(
        *("audit", digits / "centered.onnx", "--data", digits / "probes.zip"),
        *("--config", digits / "holdfast.yaml", "--limit", "120", "-o", path),
    )
    assert answer.code == 1, answer.err
    return path


def test_the_report_opens_without_network_and_without_console_errors(
    chromium: str, report: Path
) -> None:
    seen = look_at(chromium, report.as_uri())
    assert "centered.onnx" in seen.text
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []


def test_the_browser_test_would_see_a_request_and_an_error(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><title>x</title><img src='http://127.0.0.1:9/x.png'>"
        "<script>console.error('seen by us')</script>"
    )
    seen = look_at(chromium, page.as_uri())
    assert any("seen by us" in text for text in seen.complaints)
    assert "http://127.0.0.1:9/x.png" in seen.requests


def test_the_report_is_one_file_with_pictures_inside(report: Path) -> None:
    html = report.read_text()
    assert "<script" not in html
    assert html.count("data:image/") >= 2
    assert len(html.encode()) < 2_000_000
