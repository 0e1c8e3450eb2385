"""Every error that an endpoint declares is produced once, and nothing is declared in vain."""

from functools import partial
from typing import Any

import pytest
from httpx2 import Response

from access_cases import ACCESS_CASES
from apiworld import MODEL, PASSING, PROBES, NewWorld, World
from holdfast_api.openapi import document
from holdfast_api.problems import CODES
from outcome_cases import OUTCOME_CASES
from upload_cases import NOWHERE, PICKLED, UPLOAD_CASES, Case

_COMMON = {
    *(
        "unauthorized",
        "missing_scope",
        "rate_limited",
        "host_not_allowed",
        "cross_site",
        "internal",
        "database_unavailable",
    ),
    *("invalid_json", "invalid_request", "unsupported_media_type"),
    *("idempotency_key_reused", "idempotency_in_flight"),
}
"""Declared wherever they make sense; produced in test_guard, test_access, test_tokens,
test_hostile_bodies, test_problems and test_repeating."""
_UNKNOWN = {"assertions": {"beauty": ["error", {"min": 0.5}]}}
_NOTHING: dict[str, object] = {"assertions": {}}


_TAKES_FILES = ("put_upload", "append_upload")
_FILES = {
    "get_result": "result.json",
    "get_samples": "samples.parquet",
    "get_report": "report.html",
    "get_junit": "junit.xml",
    "get_sarif": "results.sarif",
    "get_summary": "summary.md",
    "get_badge": "badge.svg",
}


def _post_file(world: World, where: str, **source: object) -> Response:
    return world.client.post(f"/v1/{where}", json={"name": "x", **source})


def _post_stored(world: World, where: str, kind: str, data: bytes) -> Response:
    """Use bytes that are good as a file of one kind as a file of the other."""
    sha256 = world.put(data, kind).json()["sha256"]
    return _post_file(world, where, sha256=sha256)


def _post_audit(world: World, **more: object) -> Response:
    body = {"model_id": world.model(), "probe_set_id": world.probe_set(), **more}
    return world.client.post("/v1/audits", json=body)


def _post_to(world: World, audit_id: str, verb: str, **body: object) -> Response:
    return world.client.post(f"/v1/audits/{audit_id}/{verb}", json=body or None)


def _get(world: World, path: str) -> Response:
    return world.client.get(path)


def _retry_with_full_queue(world: World) -> Response:
    failed = world.failed()
    world.audit()
    return _post_to(world, failed, "retry")


def _audit_with_full_queue(world: World) -> Response:
    world.audit()
    return _post_audit(world)


def _get_part(world: World, *, part: str, is_there: bool) -> Response:
    return _get(world, f"/v1/audits/{world.audit() if is_there else NOWHERE}/{part}")


_CASES: dict[tuple[str, str], Case] = {
    ("create_model", "not_found"): lambda w: _post_file(w, "models", sha256="0" * 64),
    ("create_model", "upload_not_ready"): lambda w: _post_file(
        w, "models", upload_id=w.announce()["id"]
    ),
    ("create_model", "unsupported_format"): lambda w: _post_stored(w, "models", "probes", PROBES),
    ("create_model", "pickle_refused"): lambda w: _post_stored(w, "models", "probes", PICKLED),
    ("get_one_model", "not_found"): lambda w: _get(w, f"/v1/models/{NOWHERE}"),
    ("create_probe_set", "not_found"): lambda w: _post_file(w, "probe-sets", upload_id=NOWHERE),
    ("create_probe_set", "upload_not_ready"): lambda w: _post_file(
        w, "probe-sets", upload_id=w.announce("probes")["id"]
    ),
    ("create_probe_set", "not_a_zip"): lambda w: _post_stored(w, "probe-sets", "model", MODEL),
    ("get_one_probe_set", "not_found"): lambda w: _get(w, f"/v1/probe-sets/{NOWHERE}"),
    ("create_audit", "not_found"): lambda w: _post_audit(w, model_id=NOWHERE),
    ("create_audit", "invalid_plan"): lambda w: _post_audit(w, plan={"seed": -1}),
    ("create_audit", "invalid_policy"): lambda w: _post_audit(w, policy=_NOTHING),
    ("create_audit", "unknown_assertion"): lambda w: _post_audit(w, policy=_UNKNOWN),
    ("create_audit", "queue_full"): _audit_with_full_queue,
    ("get_one_audit", "not_found"): lambda w: _get(w, f"/v1/audits/{NOWHERE}"),
    ("cancel_audit", "not_found"): lambda w: _post_to(w, NOWHERE, "cancel"),
    ("cancel_audit", "already_finished"): lambda w: _post_to(w, w.done(), "cancel"),
    ("retry_audit", "not_found"): lambda w: _post_to(w, NOWHERE, "retry"),
    ("retry_audit", "not_retryable"): lambda w: _post_to(w, w.done(), "retry"),
    ("retry_audit", "queue_full"): _retry_with_full_queue,
    ("get_events", "not_found"): lambda w: _get(w, f"/v1/audits/{NOWHERE}/events"),
    ("judge_audit", "not_found"): lambda w: _post_to(w, NOWHERE, "gate", policy=PASSING),
    ("judge_audit", "not_done"): lambda w: _post_to(w, w.audit(), "gate", policy=PASSING),
    ("judge_audit", "invalid_policy"): lambda w: _post_to(w, w.done(), "gate", policy=_NOTHING),
    ("judge_audit", "unknown_assertion"): lambda w: _post_to(w, w.done(), "gate", policy=_UNKNOWN),
    ("get_verdict", "not_found"): lambda w: _get(w, f"/v1/audits/{NOWHERE}/verdict"),
    ("get_verdict", "not_done"): lambda w: _get(w, f"/v1/audits/{w.audit()}/verdict"),
    ("get_verdict", "no_verdict"): lambda w: _get(w, f"/v1/audits/{w.done()}/verdict"),
    **OUTCOME_CASES,
    **{
        (operation, code): partial(_get_part, part=part, is_there=code == "not_done")
        for operation, part in _FILES.items()
        for code in ("not_found", "not_done")
    },
    **UPLOAD_CASES,
    **ACCESS_CASES,
}


def _declared() -> dict[tuple[str, str], int]:
    """Operation and code of every declared error, with its status."""
    found: dict[tuple[str, str], int] = {}
    for path in document()["paths"].values():
        for operation in path.values():
            found |= _codes_of(operation)
    return found


def _codes_of(operation: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (operation["operationId"], code): int(status)
        for status, answer in operation["responses"].items()
        for code in answer.get(CODES, [])
        if code not in _COMMON
        and not (code == "body_too_large" and operation["operationId"] not in _TAKES_FILES)
    }


def test_every_declared_error_has_a_case() -> None:
    assert sorted(_declared()) == sorted(_CASES)


@pytest.mark.parametrize(("operation", "code"), sorted(_CASES))
def test_the_declared_error_is_produced(new_world: NewWorld, operation: str, code: str) -> None:
    world = new_world(max_queued=1, upload_grace_s=0.1, upload_bytes_per_s=1 << 20)
    answer = _CASES[operation, code](world)
    assert answer.status_code == _declared()[operation, code]
    if not operation.startswith("head_"):
        assert answer.json()["code"] == code
