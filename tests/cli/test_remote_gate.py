"""A team's gate on a real service, by the real command: baseline, comparison, reuse, a verdict."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from commands import holdfast
from services import Service, embedded

CONFIG = """\
version: 1
families:
  translation: {shifts_px: [[1, 0], [4, 4]]}
  rotation: off
  scale: off
data: {limit: 60}
gate:
  assertions: {translation.consistency: [error, {max_drop: 0.05}]}
  baseline: {branch: main, on_missing: warn}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with embedded(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def audits(
    service: Service, digits: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, str]]:
    """Exit code and screen of the base branch, of two pull requests, and of a repetition."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "holdfast.yaml").write_text(CONFIG)
    seen = {}
    for branch, model in [
        ("main", "everywhere"),
        ("same", "everywhere"),
        ("worse", "centered"),
    ]:
        data = ["--data", digits / "probes.zip", "--server", service.url, "--branch", branch]
        arguments = [digits / f"{model}.onnx", *data, "--baseline", "main", "-o", "junit.xml"]
        done = holdfast("audit", *arguments, cwd=folder)
        seen[branch] = (done.returncode, done.stdout + done.stderr)
    return seen


def _audits(service: Service) -> dict[str, dict[str, object]]:
    items = httpx.get(f"{service.url}/v1/audits").json()["items"]
    return {item["branch"]: item for item in items}


def test_the_first_audit_becomes_the_baseline(
    service: Service, audits: dict[str, tuple[int, str]]
) -> None:
    code, screen = audits["main"]
    assert code == 0, screen
    listed = httpx.get(f"{service.url}/v1/projects/default/baselines").json()["items"]
    first = _audits(service)["main"]
    assert {item["branch"]: item["audit_id"] for item in listed}["main"] == first["id"]


def test_the_same_model_is_not_audited_again_and_passes(
    service: Service, audits: dict[str, tuple[int, str]]
) -> None:
    code, screen = audits["same"]
    assert code == 0, screen
    same, first = (_audits(service)[branch] for branch in ("same", "main"))
    assert (same["reused_id"], same["baseline_id"]) == (first["id"], first["id"])


def test_a_worse_model_fails_and_says_what_it_lost(
    service: Service, audits: dict[str, tuple[int, str]]
) -> None:
    code, screen = audits["worse"]
    assert code == 1, screen
    assert "translation" in screen
    worse = _audits(service)["worse"]
    assert worse["decision"] == "failed"
    verdict = httpx.get(f"{service.url}/v1/audits/{worse['id']}/verdict").json()
    assert verdict["baseline"]["families"][0]["regressed"]


def test_two_audits_are_compared_by_the_service(
    service: Service, audits: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    assert audits
    known = _audits(service)
    pair = [str(known[branch]["id"]) for branch in ("worse", "main")]
    done = holdfast("compare", *pair, "--server", service.url, "-o", "found.json", cwd=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    assert "translation.consistency" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["n_images"] == 60
    missing = holdfast("compare", pair[0], "x", "--server", service.url, cwd=tmp_path)
    assert missing.returncode == 2
    assert "error[not_found]" in missing.stderr


def test_a_stored_audit_is_judged_again(
    service: Service, audits: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    assert audits
    (tmp_path / "holdfast.yaml").write_text(
        "version: 1\ngate: {assertions: {translation.consistency: [error, {min: 0.999999}]}}\n"
    )
    audit_id = str(_audits(service)["worse"]["id"])
    done = holdfast("gate", audit_id, "--server", service.url, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
