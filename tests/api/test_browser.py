"""The pages in a real browser: upload, live progress, verdict, errors, no complaint."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apiworld import FAILING, MODEL, PROBES, World, result_of
from browsing import Tab, browsing


@pytest.fixture
def tab(chromium: str, tmp_path: Path) -> Iterator[Tab]:
    """An open browser."""
    with browsing(chromium, tmp_path / "profile") as opened:
        yield opened
        assert opened.complaints == []


def _choose(tab: Tab, folder: Path, model: bytes) -> None:
    (folder / "net.onnx").write_bytes(model)
    (folder / "digits.zip").write_bytes(PROBES)
    tab.choose_file("#model", folder / "net.onnx")
    tab.choose_file("#probes", folder / "digits.zip")


def test_from_two_files_to_the_verdict(
    tab: Tab, address: str, world: World, tmp_path: Path
) -> None:
    tab.open(address)
    _choose(tab, tmp_path, MODEL)
    tab.value("document.querySelector('#min-translation').value = '0.99'")
    tab.value("document.querySelector('#limit').value = '50'")
    tab.value("document.querySelector('#start').click()")
    tab.wait_for("location.pathname.startsWith('/audits/')")
    tab.wait_for("document.body.innerText.includes('Waiting for a worker')")
    audit_id = tab.value("location.pathname").removeprefix("/audits/")
    view = world.client.get(f"/v1/audits/{audit_id}").json()
    assert (view["model_name"], view["probe_set_name"]) == ("net.onnx", "digits.zip")
    claim = world.claim()
    world.beat(claim, 1234, 4936)
    tab.wait_for("document.getElementById('bar').value === 25")
    tab.wait_for("document.body.innerText.includes('1,234 of 4,936 views')")
    tab.wait_for("document.getElementById('state').textContent === 'running'")
    world.finish(claim, result_of(), FAILING)
    tab.wait_for("document.body.innerText.includes('Gate failed')")


def test_a_refused_file_is_explained_and_can_be_replaced(
    tab: Tab, address: str, tmp_path: Path
) -> None:
    tab.open(address)
    _choose(tab, tmp_path, b"GIF89a, not a model")
    tab.value("document.querySelector('#start').click()")
    tab.wait_for("!document.querySelector('#upload-error').hidden")
    text = tab.value("document.querySelector('#upload-error').innerText")
    assert "no model format we read" in text
    assert "unsupported_format" in text
    # The browser itself logs a refused request; that is no fault of the page.
    assert [one for one in tab.complaints if "415" not in one] == []
    tab.complaints.clear()
    _choose(tab, tmp_path, MODEL)
    tab.value("document.querySelector('#start').click()")
    tab.wait_for("location.pathname.startsWith('/audits/')")


def test_the_report_opens_under_its_own_policy(tab: Tab, address: str, world: World) -> None:
    audit_id = world.done(FAILING)
    tab.open(f"{address}/v1/audits/{audit_id}/report.html")
    assert "Failed" in tab.value("document.body.innerText")


def test_the_cancel_button_ends_an_audit(tab: Tab, address: str, world: World) -> None:
    audit_id = world.audit()
    tab.open(f"{address}/audits/{audit_id}")
    tab.value("document.querySelector('#cancel').click()")
    tab.wait_for("document.body.innerText.includes('Try again')")
    assert world.client.get(f"/v1/audits/{audit_id}").json()["state"] == "cancelled"
