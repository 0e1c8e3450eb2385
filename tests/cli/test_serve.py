"""`holdfast serve`: one command, no leftovers, and nothing that dies stays dead."""

import os
import signal
import time
from pathlib import Path

import httpx

from commands import holdfast
from services import children_of, embedded, is_alive, wait_for

TOKEN = "a-long-random-string-for-a-test"  # noqa: S105 - of a service that lives for seconds


def test_a_service_beyond_this_machine_needs_a_token(tmp_path: Path, free_port: int) -> None:
    done = holdfast("serve", "--host", "0.0.0.0", "--port", free_port, cwd=tmp_path)  # noqa: S104 - refused
    assert done.returncode == 2
    assert "error[insecure_bind]" in done.stderr


def test_a_port_and_a_data_folder_serve_once(tmp_path: Path, free_port: int) -> None:
    with embedded(tmp_path) as service:
        port = service.url.rpartition(":")[2]
        taken = holdfast("serve", "--port", port, "--data", "other", cwd=tmp_path)
        assert taken.returncode == 2
        assert f"error[port_in_use]: 127.0.0.1:{port}" in taken.stderr
        locked = holdfast("serve", "--port", free_port, "--data", service.data, cwd=tmp_path)
        assert locked.returncode == 2
        assert "error[data_in_use]" in locked.stderr


def test_with_a_token_only_who_has_it_may_ask(tmp_path: Path, digits: Path) -> None:
    with embedded(tmp_path, HOLDFAST_TOKEN=TOKEN) as service:
        model = [digits / "gap.onnx", "--data", digits / "probes.zip", "--limit", 20]
        without = holdfast("audit", *model, "--server", service.url, cwd=tmp_path)
        assert without.returncode == 2
        assert "error[unauthorized]" in without.stderr
        known = holdfast(
            "audit", *model, "--server", service.url, cwd=tmp_path, HOLDFAST_TOKEN=TOKEN
        )
        assert known.returncode == 0, known.stderr


def test_a_stop_ends_everything_in_order(tmp_path: Path) -> None:
    with embedded(tmp_path) as service:
        worker = service.worker_pid()
        family = [worker, *children_of(worker)]
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(40) == 0
        assert not [pid for pid in family if is_alive(pid)]
    assert "Traceback" not in service.log.read_text()


def test_a_killed_service_leaves_no_worker_behind(tmp_path: Path) -> None:
    with embedded(tmp_path) as service:
        worker = service.worker_pid()
        service.process.kill()
        wait_for("the worker is gone", lambda: not is_alive(worker))


def test_a_worker_that_is_killed_in_the_middle_costs_no_audit(tmp_path: Path, digits: Path) -> None:
    with embedded(tmp_path, HOLDFAST_LEASE_S=2, HOLDFAST_RING_STALE_S=2) as service:
        model = [digits / "everywhere.onnx", "--data", digits / "probes.zip"]
        asked = holdfast("audit", *model, "--server", service.url, "--no-wait", cwd=tmp_path)
        audit = f"{service.url}/v1/audits/{asked.stdout.strip().rpartition('/')[2]}"
        wait_for("a worker has it", lambda: _state(audit) != "queued")
        worker = service.worker_pid()
        os.kill(worker, signal.SIGKILL)
        began = time.monotonic()
        wait_for("a new worker", lambda: worker not in children_of(service.process.pid))
        wait_for("the audit is done", lambda: _state(audit) == "done", timeout_s=90)
        assert time.monotonic() - began > 1  # it was not done before the kill


def _state(audit: str) -> str:
    return str(httpx.get(audit).json()["state"])


def test_audits_and_reports_survive_a_restart(tmp_path: Path, digits: Path) -> None:
    model = [digits / "gap.onnx", "--data", digits / "probes.zip", "--limit", 20]
    with embedded(tmp_path) as service:
        done = holdfast("audit", *model, "--server", service.url, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    with embedded(tmp_path) as service:
        listed = httpx.get(f"{service.url}/v1/audits").json()["items"]
        assert [audit["state"] for audit in listed] == ["done"]
        report = httpx.get(f"{service.url}{listed[0]['links']['report']}", timeout=60)
        assert report.text.startswith("<!doctype html>")
