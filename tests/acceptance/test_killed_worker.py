import contextlib
import json
import os
import signal
import sqlite3
import time
import urllib.request
from pathlib import Path
from typing import Any

from holdfast.records.result import AuditResult
from programs import free_loopback_port
from stack import Service, serving

_MANY_SHIFTS = [[dx, dy] for dx in range(-15, 16) for dy in range(-15, 16) if (dx, dy) != (0, 0)]


def _send(service: Service, method: str, path: str, body: bytes, kind: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 - ours
        service.url + path, data=body, method=method, headers={"Content-Type": kind}
    )
    with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - ours
        return json.load(answer)


def _post(service: Service, path: str, **body: object) -> Any:
    return _send(service, "POST", path, json.dumps(body).encode(), "application/json")


def _stored(service: Service, kind: str, file: Path) -> str:
    """Upload a file as any client would; returns the upload's id."""
    data = file.read_bytes()
    upload = _post(service, "/v1/uploads", kind=kind, size_bytes=len(data), filename=file.name)
    _send(service, "PUT", f"/v1/uploads/{upload['id']}", data, "application/octet-stream")
    return str(upload["id"])


def _long_audit(service: Service, digits: Path) -> str:
    model = _post(
        service,
        "/v1/models",
        name="everywhere",
        project="default",
        upload_id=_stored(service, "model", digits / "everywhere.onnx"),
    )
    probes = _post(
        service,
        "/v1/probe-sets",
        name="digits",
        project="default",
        upload_id=_stored(service, "probes", digits / "probes.zip"),
    )
    plan = {
        "input": {"preset": "unit"},
        "families": {"translation": {"shifts_px": _MANY_SHIFTS}},
    }
    audit = _post(
        service,
        "/v1/audits",
        project="default",
        model_id=model["id"],
        probe_set_id=probes["id"],
        plan=plan,
    )
    return str(audit["id"])


def _wait(service: Service, audit_id: str, until: Any) -> Any:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        audit = service.get(f"/v1/audits/{audit_id}")
        if until(audit):
            return audit
        time.sleep(0.1)
    raise AssertionError(f"the audit stayed {audit}")


def _measuring(audit: Any) -> bool:
    progress = audit.get("progress") or {}
    done, total = int(progress.get("done", 0)), int(progress.get("total", 0))
    return audit["state"] == "running" and 0 < done < total


def test_an_audit_whose_worker_is_killed_ends_done_and_once(tmp_path: Path, digits: Path) -> None:
    with serving(tmp_path / "data", free_loopback_port(), HOLDFAST_LEASE_S="3") as service:
        audit_id = _long_audit(service, digits)
        _wait(service, audit_id, _measuring)
        killed = service.workers()
        assert len(killed) >= 3  # the Celery main, its pool process, the locked child
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        done = _wait(service, audit_id, lambda audit: audit["state"] not in ("queued", "running"))
        assert done["state"] == "done", done
        result = AuditResult.model_validate(
            service.get(f"/v1/audits/{audit_id}/result.json"), strict=False
        )
        assert result.probes.n_used == 360
        assert {pid for pid in service.workers() if pid in killed} == set()
        with sqlite3.connect(next((tmp_path / "data").glob("*.db"))) as database:
            assert database.execute("select count(*) from result").fetchone() == (1,)
            attempts = database.execute("select attempt from shard").fetchall()
        assert attempts == [(2,)]
