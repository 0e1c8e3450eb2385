import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx

from holdfast.records.result import AuditResult
from services import Service, children_of, embedded, is_alive

_MANY_SHIFTS = [[dx, dy] for dx in range(-9, 10) for dy in range(-9, 10) if (dx, dy) != (0, 0)]


def _post(service: Service, path: str, **body: object) -> Any:
    return httpx.post(service.url + path, json=body, timeout=40).raise_for_status().json()


def _stored(service: Service, kind: str, file: Path) -> str:
    """Upload a file as any client would; returns the upload's id."""
    data = file.read_bytes()
    upload = _post(service, "/v1/uploads", kind=kind, size_bytes=len(data), filename=file.name)
    headers = {"Content-Type": "application/octet-stream"}
    url = f"{service.url}/v1/uploads/{upload['id']}"
    httpx.put(url, content=data, headers=headers, timeout=40).raise_for_status()
    return str(upload["id"])


def _below(pid: int) -> list[int]:
    """All descendants of a process: the Celery main, its pool process, the locked child."""
    return [found for child in children_of(pid) for found in (child, *_below(child))]


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
        fresh=True,
    )
    return str(audit["id"])


def _wait(service: Service, audit_id: str, until: Any) -> Any:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        audit = httpx.get(f"{service.url}/v1/audits/{audit_id}", timeout=40).json()
        if until(audit):
            return audit
        time.sleep(0.1)
    raise AssertionError(f"the audit stayed {audit}")


def _measuring(audit: Any) -> bool:
    progress = audit.get("progress") or {}
    done, total = int(progress.get("done", 0)), int(progress.get("total", 0))
    return audit["state"] == "running" and 0 < done < total


def test_an_audit_whose_worker_is_killed_ends_done_and_once(tmp_path: Path, digits: Path) -> None:
    with embedded(tmp_path, HOLDFAST_LEASE_S=3) as service:
        audit_id = _long_audit(service, digits)
        _wait(service, audit_id, _measuring)
        killed = _below(service.process.pid)
        assert len(killed) >= 3
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        done = _wait(service, audit_id, lambda audit: audit["state"] not in ("queued", "running"))
        assert done["state"] == "done", done
        url = f"{service.url}/v1/audits/{audit_id}/result.json"
        result = AuditResult.model_validate_json(httpx.get(url, timeout=40).content)
        assert result.probes.n_used == 360
        assert not any(map(is_alive, killed))
        with sqlite3.connect(next(service.data.glob("*.db"))) as database:
            assert database.execute("select count(*) from result").fetchone() == (1,)
            attempts = database.execute("select attempt from shard").fetchall()
        assert attempts == [(2,)]
