import re
import subprocess
from pathlib import Path

import pytest

from stack import holdfast

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--enable-logging=stderr --v=0 --window-size=1280,2400"
).split()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    answer = holdfast(
        *("audit", digits / "centered.onnx", "--data", digits / "probes.zip"),
        *("--config", digits / "holdfast.yaml", "--limit", "120", "-o", path),
    )
    assert answer.code == 1, answer.err
    return path


def _opened(chromium: str, page: Path, folder: Path) -> tuple[str, str, list[str]]:
    """The DOM after loading, what the browser logged, and every address it asked for."""
    net = folder / "net.json"
    run = subprocess.run(
        [
            *(chromium, *_FLAGS, f"--user-data-dir={folder / 'profile'}"),
            *(f"--log-net-log={net}", "--net-log-capture-mode=Everything"),
            *("--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    urls = re.findall(r'"url":"([^"]+)"', net.read_text())
    return run.stdout, run.stderr, urls


def test_the_report_opens_without_network_and_without_console_errors(
    chromium: str, report: Path, tmp_path: Path
) -> None:
    dom, log, urls = _opened(chromium, report, tmp_path)
    assert "translation" in dom.lower()
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []


def test_the_browser_test_would_see_a_request_and_an_error(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><title>x</title><img src='http://127.0.0.1:9/x.png'>"
        "<script>console.error('seen')</script>"
    )
    _, log, urls = _opened(chromium, page, tmp_path)
    assert any("CONSOLE" in line and "seen" in line for line in log.splitlines())
    assert any(url.startswith("http://127.0.0.1:9") for url in urls)


def test_the_report_is_one_file_with_pictures_inside(report: Path) -> None:
    html = report.read_text()
    assert "<script" not in html
    assert html.count("data:image/") >= 2
    assert len(html.encode()) < 2_000_000
