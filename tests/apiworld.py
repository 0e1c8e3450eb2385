"""A whole service without a network: real application, real database, rings in a list."""

import contextlib
import io
import json
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import uvicorn
from fastapi.testclient import TestClient
from httpx2 import Response

from holdfast.gate import judge, read_policy
from holdfast.records.base import canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.job import Progress
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast_api.app import create_app
from holdfast_api.parts import Parts
from holdfast_api.settings import ApiSettings
from holdfast_db import jobs
from holdfast_db.gates import measured
from holdfast_db.queries import get_shards
from holdfast_db.settings import StorageSettings
from programs import free_loopback_port

__all__ = [
    "FAILING",
    "MODEL",
    "PASSING",
    "PROBES",
    "SAMPLES",
    "NewWorld",
    "World",
    "a_world",
    "comparison_of",
    "result_of",
    "serving",
    "zip_of",
]

MODEL = b"\x08\x0a" + bytes(62)
"""Bytes that look like ONNX from outside; nothing here opens them."""
SAMPLES = b"PAR1" + bytes(2000) + b"PAR1"
PASSING = {"assertions": {"translation.consistency": ["error", {"min": 0.5}]}}
FAILING = {"assertions": {"translation.consistency": ["error", {"min": 0.99}]}}


def zip_of(**files: bytes) -> bytes:
    """A zip; `_` in a keyword stands for the dot of the name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return out.getvalue()


PROBES = zip_of(a_png=b"\x89PNG", b_png=b"\x89PNG")


@dataclass(frozen=True)
class World:
    """What a test needs to tell a story: the service from outside, the worker's side by jobs."""

    client: TestClient
    parts: Parts
    rings: list[str] = field(default_factory=list)

    def announce(self, kind: str = "model", size_bytes: int = len(MODEL), **more: object) -> Any:
        """Announce an upload; returns its view."""
        body = {"kind": kind, "size_bytes": size_bytes, **more}
        answer = self.client.post("/v1/uploads", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def put(self, data: bytes, kind: str = "model", **headers: str) -> Response:
        """Announce and send bytes."""
        upload = self.announce(kind, len(data))
        return self.client.put(upload["url"], content=data, headers=headers)

    def model(self, data: bytes = MODEL, **more: object) -> str:
        """The id of a model."""
        return self._named("models", self.put(data), {"name": "net", **more})

    def probe_set(self, data: bytes = PROBES, **more: object) -> str:
        """The id of a probe set."""
        return self._named("probe-sets", self.put(data, "probes"), {"name": "digits", **more})

    def _named(self, where: str, sent: Response, body: Mapping[str, object]) -> str:
        assert sent.status_code == 201, sent.text
        answer = self.client.post(f"/v1/{where}", json={"upload_id": sent.json()["id"], **body})
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def audit(self, **more: object) -> str:
        """The id of a queued audit."""
        place: dict[str, Any] = {"project": more["project"]} if "project" in more else {}
        files = {"model_id": self.model(**place), "probe_set_id": self.probe_set(**place)}
        body = {**files, "fresh": True, **more}
        answer = self.client.post("/v1/audits", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def claim(self) -> jobs.Claim:
        """Work as a worker does: take the next shard."""
        with self.parts.db.transaction() as session:
            claim = jobs.claim(session, queue="cpu", worker="here", lease_s=60)
        assert claim is not None
        return claim

    def beat(self, claim: jobs.Claim, done: int, total: int) -> jobs.Beat:
        """Report progress."""
        progress = Progress(stage="probing", done=done, total=total)
        with self.parts.db.transaction() as session:
            return jobs.heartbeat(session, claim, 60, progress)

    def fail(self, claim: jobs.Claim, code: str, **fields: str) -> None:
        """End the audit with an error."""
        with self.parts.db.transaction() as session:
            assert jobs.fail(session, claim, code, fields)

    def finish(self, claim: jobs.Claim, result: AuditResult, policy: object = None) -> None:
        """Leave a result, as a worker would."""
        verdict = judge(result, read_policy(policy)) if policy is not None else None
        result_sha256, samples_sha256 = (
            self.parts.store.put([data], limit_bytes=1 << 30).sha256
            for data in (result.model_dump_json().encode(), SAMPLES)
        )
        finished = jobs.Finished(
            result_sha256,
            samples_sha256,
            verdict_json=verdict.model_dump_json() if verdict else None,
            decision=verdict.decision.value if verdict else None,
            measured=measured(result),
            stopped_early=None if result.sequential is None else result.sequential.stopped,
        )
        with self.parts.db.transaction() as session:
            assert jobs.finish(session, claim, finished)

    def done(self, policy: object = None, result: AuditResult | None = None, **more: object) -> str:
        """The id of a finished audit."""
        audit_id = self.audit(**more, **({} if policy is None else {"policy": policy}))
        self.finish(self.claim(), result or result_of(), policy)
        return audit_id

    def compare(self, **changes: object) -> None:
        """Compare what waits for it, as a worker would: nothing changed, unless told otherwise."""
        claim, found = self.claim(), comparison_of(**changes)
        with self.parts.db.reading() as session:
            pair = jobs.get_pair(session, claim)
        verdict = None
        if pair.policy is not None:
            policy = GatePolicy.model_validate_json(pair.policy)
            path = self.parts.store.path(pair.candidate.result_sha256)
            result = AuditResult.model_validate_json(path.read_bytes())
            verdict = judge(result, policy, found).model_dump_json()
        blob = self.parts.store.put([canonical_json(found)], limit_bytes=1 << 20)
        compared = jobs.Compared(sha256=blob.sha256, verdict_json=verdict)
        with self.parts.db.transaction() as session:
            assert jobs.finish_comparison(session, claim, pair, compared)

    def refuse_comparison(self, code: str = "not_comparable", **fields: str) -> None:
        """Find that two results cannot be compared."""
        claim = self.claim()
        with self.parts.db.transaction() as session:
            pair = jobs.get_pair(session, claim)
            compared = jobs.Compared(code=code, fields=fields)
            assert jobs.finish_comparison(session, claim, pair, compared)

    def failed(self, code: str = "labels_mismatch", **fields: str) -> str:
        """The id of an audit that ended with an error."""
        audit_id = self.audit()
        self.fail(self.claim(), code, **fields)
        return audit_id

    def rung(self, audit_id: str) -> bool:
        """Whether the database knows that a worker was rung for."""
        with self.parts.db.reading() as session:
            return all(shard.enqueued_at is not None for shard in get_shards(session, audit_id))

    def stored(self) -> list[str]:
        """The names of all files in the store, partial ones included."""
        blobs = self.parts.store.root / "blobs"
        return sorted(path.name for path in blobs.rglob("*") if path.is_file())


@contextlib.contextmanager
def a_world(folder: Path, empty_database: Path, **settings: object) -> Iterator[World]:
    """A service in `folder` with these settings, for the length of the block."""
    shutil.copy(empty_database, folder / "holdfast.db")
    rings: list[str] = []
    storage = StorageSettings(data=folder, min_free_bytes=0)
    api = ApiSettings.model_validate({"poll_s": 0.02, **settings})
    app = create_app(api, storage, ring=rings.append)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield World(client, app.state.parts, rings)


NewWorld: TypeAlias = Callable[..., World]
"""Makes a service with the settings it is given."""


@contextlib.contextmanager
def serving(world: World) -> Iterator[str]:
    """The service of `world` behind a real socket; yields its address."""
    port = free_loopback_port()
    server = uvicorn.Server(
        uvicorn.Config(world.client.app, port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


_SHA = "0" * 64
_PLACE = {"family": "translation", "shift_px": [1, 0]}
_CELL = {
    "outcome": "measured",
    "consistency": 0.9,
    "consistency_low": 0.85,
    "consistency_high": 0.95,
    "accuracy": None,
    "drift": 0.1,
    "fill_share": 0.0,
    "ties": 0,
    "n_images": 100,
}
_MODEL_CARD = {
    "format": "onnx",
    "sha256": _SHA,
    "size_bytes": 64,
    "ir_version": 10,
    "opset": 20,
    "n_nodes": 3,
    "n_parameters": 30,
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["n", 3, 32, 32]}],
    "outputs": [{"name": "y", "dtype": "float32", "shape": ["n", 10]}],
    "layout": "nchw",
    "batch": None,
    "channels": 3,
    "height_px": 32,
    "width_px": 32,
    "output": "y",
    "output_kind": "logits",
    "n_classes": 10,
}
_PROVENANCE = {
    "engine_version": "0.1.0",
    "model_sha256": _SHA,
    "probes_sha256": _SHA,
    "probes_digest": _SHA,
    "plan_digest": _SHA,
    "family_digests": {"translation": _SHA},
    "seed": 0,
    "canvas_px": None,
    "crop_px": [32, 32],
    "normalisation": {
        "preset": "unit",
        "scale": 1 / 255,
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
        "order": "rgb",
        "how": "given",
    },
    "output_kind": "logits",
    "interval_method": "percentile bootstrap over images",
    "noise_floor": 0.0,
    "device": "cpu",
    "threads": 1,
    "versions": {"onnxruntime": "1.32"},
    "sandbox": {
        "mode": "required",
        "in_force": True,
        "landlock_abi": 6,
        "seccomp": True,
        "no_new_privs": True,
        "capabilities_dropped": True,
        "missing": [],
    },
    "started_at": "2026-11-24T10:00:00+00:00",
    "duration_s": 1.5,
}


def result_of(**changes: Any) -> AuditResult:
    """A small result: 90 of 100 images keep their class when they are shifted."""
    measured = {"outcome": "measured", "value": 0.9, "low": 0.85, "high": 0.95}
    probes = {"n_given": 100, "n_used": 100, "n_labelled": 0, "skipped": [], "class_names": []}
    result = {
        "plan": {"input": {"preset": "unit"}},
        "provenance": _PROVENANCE,
        "model": _MODEL_CARD,
        "probes": probes,
        "measurements": [
            {"id": "translation.consistency", **measured, "n_images": 100, "unit": "share"}
        ],
        "cells": [{**_CELL, **_PLACE}],
        "findings": [],
        "examples": [],
        "samples": {"sha256": _SHA, "size_bytes": len(SAMPLES), "n_rows": 100},
    }
    return AuditResult.model_validate_json(json.dumps({**result, **changes}))


def comparison_of(**changes: Any) -> Comparison:
    """A comparison in which nothing happened."""
    row = {
        "id": "translation.consistency",
        "baseline": 0.9,
        "candidate": 0.9,
        "difference": 0.0,
        "low": -0.005,
        "high": 0.005,
        "decision": "passed",
        "n_images": 100,
    }
    found = {
        "baseline_sha256": "1" * 64,
        "candidate_sha256": _SHA,
        "n_images": 100,
        "margin": 0.01,
        "confidence": 0.95,
        "decision": "passed",
        "sentence": "No measurement lost more than 0.01; 0 images lost their worst case.",
        "measurements": [row],
        "families": [
            {"family": "translation", "p_value": 1, "p_adjusted": 1, "lost": 0, "gained": 0}
        ],
        "cells": [],
        "flipped": [],
        "n_flipped": 0,
    }
    return Comparison.model_validate_json(json.dumps({**found, **changes}))
