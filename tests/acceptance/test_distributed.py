"""Every part in a process of its own, with nothing in common but servers: PostgreSQL, Redis, S3."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands import environment, holdfast, program
from programs import free_loopback_port, running, wait_until
from services import wait_for

TOKEN = "hold_" + "t" * 40
FEW = """\
version: 1
families: {translation: {shifts_px: [[1, 0]]}, rotation: off, scale: off}
data: {limit: 20}
"""
PARTS = ("api", "scheduler", "worker")


@pytest.fixture(scope="module")
def variables(
    new_postgres_database: Callable[..., str],
    redis_url: str,
    new_s3_store: Callable[[], dict[str, str]],
) -> dict[str, str]:
    """The settings that the parts share."""
    return {
        **new_s3_store(),
        "HOLDFAST_DATABASE_URL": new_postgres_database(),
        "HOLDFAST_BROKER_URL": f"{redis_url.rpartition('/')[0]}/9",
        "HOLDFAST_TOKEN": TOKEN,
        "HOLDFAST_CHILD_THREADS": "1",
        "HOLDFAST_SOFT_SHUTDOWN_S": "0",
    }


@pytest.fixture(scope="module")
def service(
    variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The address of the API, and the folder with a data folder and a log of each part."""
    folder = tmp_path_factory.mktemp("parts")
    subprocess.run(
        [sys.executable, "-m", "holdfast_db"], env=environment(**variables), cwd=folder, check=True
    )
    port = free_loopback_port()
    commands = {
        "api": ("serve", "--role", "api", "--port", port),
        "scheduler": ("serve", "--role", "scheduler"),
        "worker": ("worker", "--queue", "cpu"),
    }
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        for name, arguments in commands.items():
            around = {**variables, "HOLDFAST_DATA": str(folder / name)}
            settings = [f"{key}={value}" for key, value in around.items()]
            log = folder / f"{name}.log"
            command = ["setsid", "env", *settings, *program(*arguments)]
            process = stack.enter_context(running(command, log=log, stop=signal.SIGTERM))
            if name == "api":
                wait_until(lambda: _answers(url), process=process, log=log)
        wait_for("a worker", lambda: _status(url) == "ready", 60)
        yield url, folder


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.TransportError:
        return False


def _status(url: str) -> str:
    return str(httpx.get(f"{url}/readyz").json()["status"])


@pytest.fixture(scope="module")
def audit(service: tuple[str, Path], digits: Path) -> dict[str, str]:
    """One audit through the command line; its view."""
    url, folder = service
    (folder / "holdfast.yaml").write_text(FEW)
    model = [digits / "gap.onnx", "--data", digits / "probes.zip"]
    done = holdfast("audit", *model, "--server", url, cwd=folder, HOLDFAST_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    (view,) = _ask(url, "/v1/audits").json()["items"]
    assert view["state"] == "done"
    return dict(view["links"])


def _ask(url: str, path: str, **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {TOKEN}", **headers}
    return httpx.get(f"{url}{path}", headers=sent, timeout=60).raise_for_status()


def test_the_files_are_in_the_bucket_alone(
    service: tuple[str, Path], audit: dict[str, str]
) -> None:
    url, folder = service
    assert audit
    for part in PARTS:
        assert not (folder / part / "blobs" / "sha256").exists()
        assert not (folder / part / "holdfast.db").exists()
        assert not (folder / part / "broker").exists()
    checks = httpx.get(f"{url}/readyz").json()["checks"]
    assert checks == dict.fromkeys(("database", "migrations", "storage", "broker", "worker"), True)


def test_result_report_and_samples_come_through_the_api(
    service: tuple[str, Path], audit: dict[str, str]
) -> None:
    url, _ = service
    result = _ask(url, audit["result"]).json()
    samples = _ask(url, audit["samples"]).content
    assert len(samples) == result["samples"]["size_bytes"]
    part = _ask(url, audit["samples"], Range="bytes=4-99")
    assert (part.status_code, part.content) == (206, samples[4:100])
    assert _ask(url, audit["report"]).text.startswith("<!doctype html>")


def test_one_scrape_tells_about_all_parts(service: tuple[str, Path], audit: dict[str, str]) -> None:
    url, _ = service
    assert audit
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    for line in (
        'holdfast_shards{queue="cpu",state="done"} 1.0',
        'holdfast_audits{state="done"} 1.0',
        'holdfast_workers{queue="cpu"} 1.0',
        "holdfast_scheduler_up 1.0",
        "holdfast_blobs 4.0",
    ):
        assert line in lines


def _lines(log: Path) -> list[dict[str, str]]:
    """All of a log but the one line that a person at a terminal reads."""
    lines = log.read_text().splitlines()
    return [json.loads(line) for line in lines if not line.startswith("Holdfast serves")]


def test_the_logs_of_all_parts_are_json_and_name_the_audit(
    service: tuple[str, Path], audit: dict[str, str]
) -> None:
    _, folder = service
    audit_id = audit["self"].rpartition("/")[2]
    for part in PARTS:
        lines = _lines(folder / f"{part}.log")
        assert lines
        assert TOKEN not in str(lines)
        if part != "scheduler":
            assert audit_id in {line.get("audit_id") for line in lines}
    (done,) = [line for line in _lines(folder / "worker.log") if line["event"] == "audit done"]
    assert done["shard_id"]


def test_worker_and_scheduler_are_healthy_for_a_container(
    service: tuple[str, Path], variables: dict[str, str]
) -> None:
    _, folder = service

    def code(who: str, **settings: str) -> int:
        command = [sys.executable, "-m", "holdfast_worker.alive", who]
        around = environment(**{**variables, **settings})
        return subprocess.run(command, env=around, cwd=folder, check=False).returncode

    assert (code("worker"), code("scheduler")) == (0, 0)
    assert code("worker", HOLDFAST_DATABASE_URL=f"sqlite:///{folder}/none.db") == 1


def test_doctor_says_a_line_for_each_part(
    service: tuple[str, Path], variables: dict[str, str]
) -> None:
    url, folder = service
    data, settings = folder / "worker", dict[str, Any](variables)
    done = holdfast("doctor", "--server", url, "--data", data, cwd=folder, **settings)
    said = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert done.returncode == 0, done.stdout
    wanted = "audit report server s3 sandbox storage database broker worker server token".split()
    for name in wanted:
        assert said[name].startswith("ok"), done.stdout
    assert variables["HOLDFAST_STORE_URL"] in said["storage"]
    assert "cpu@" in said["worker"]
    assert TOKEN not in done.stdout
