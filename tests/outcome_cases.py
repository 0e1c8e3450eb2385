"""For every error that an endpoint about outcomes declares, a request that produces it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from httpx2 import Response

from apiworld import PASSING, World, result_of
from holdfast_api import formats

__all__ = ["OUTCOME_CASES"]

_NOWHERE = "00000000-0000-7000-8000-000000000000"
_OTHER = "ab" * 32
_UNKNOWN = {"assertions": {"beauty": ["error", {"min": 0.5}]}}
_NOTHING: dict[str, object] = {"assertions": {}}
_HERE = "/v1/projects/default"
Case = Callable[[World], Response]


def _get(world: World, path: str) -> Response:
    return world.client.get(path)


def _gate(world: World, audit_id: str, **body: Any) -> Response:
    return world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": PASSING, **body})


def _audit(world: World, **more: object) -> Response:
    body = {"model_id": world.model(), "probe_set_id": world.probe_set(), **more}
    return world.client.post("/v1/audits", json=body)


def _other_plan(world: World) -> str:
    """An audit with the same images and another plan."""
    return world.done(plan={"seed": 7})


def _not_judged(world: World, part: str) -> Response:
    return _get(world, f"/v1/audits/{world.done(PASSING)}/{part}?policy_digest={_OTHER}")


def _against_open(world: World) -> Response:
    audit_id = world.done()
    return _gate(world, audit_id, baseline={"audit_id": world.audit()})


def _against_other_plan(world: World) -> Response:
    other = _other_plan(world)
    return _gate(world, world.done(), baseline={"audit_id": other})


def _compare(world: World, old: str, new: str, **more: str) -> Response:
    return world.client.get("/v1/compare", params={"a": old, "b": new, **more})


def _not_comparable(world: World) -> Response:
    old, new = world.done(), world.done(result=result_of(findings=[]))
    assert _compare(world, old, new).status_code == 202
    world.refuse_comparison(reason="the images differ")
    return _compare(world, old, new)


def _pin(world: World, audit_id: str, project: str = "default") -> Response:
    body = {"audit_id": audit_id, "reason": "as agreed"}
    return world.client.put(f"/v1/projects/{project}/baselines/main", json=body)


def _policy(world: World, policy: object) -> Response:
    return world.client.post("/v1/policies", json={"name": "gate", "policy": policy})


def _bound(world: World, path: str, **body: object) -> Response:
    """Ask for something in another project than the token's."""
    asked = {"name": "bound", "scope": "admin", "project": "default"}
    world.done()
    token = world.client.post("/v1/tokens", json=asked).json()["token"]
    mine = {"Authorization": f"Bearer {token}"}
    return world.client.post(path, json={"project": "other", **body}, headers=mine)


def _hook(world: World, method: str, path: str, **body: object) -> Response:
    return world.client.request(method, f"/v1/webhooks{path}", json=body or None)


def _csv(world: World, audit_id: str, *, is_there: bool = True) -> Response:
    with pytest.MonkeyPatch.context() as patch:
        if not is_there:
            patch.setattr(formats, "find_spec", lambda _: None)
        return world.client.get(f"/v1/audits/{audit_id}/samples.csv")


OUTCOME_CASES: dict[tuple[str, str], Case] = {
    ("create_audit", "baseline_not_done"): lambda w: _audit(w, baseline={"audit_id": w.audit()}),
    ("create_audit", "not_comparable"): lambda w: _audit(w, baseline={"audit_id": _other_plan(w)}),
    ("judge_audit", "baseline_not_done"): _against_open,
    ("judge_audit", "not_comparable"): _against_other_plan,
    **{
        (operation, "not_judged"): partial(_not_judged, part=part)
        for operation, part in {
            "get_verdict": "verdict",
            "get_report": "report.html",
            "get_junit": "junit.xml",
            "get_sarif": "results.sarif",
            "get_summary": "summary.md",
            "get_badge": "badge.svg",
        }.items()
    },
    ("get_samples_csv", "not_found"): lambda w: _csv(w, _NOWHERE),
    ("get_samples_csv", "not_done"): lambda w: _csv(w, w.audit()),
    ("get_samples_csv", "invalid_samples"): lambda w: _csv(w, w.done()),
    ("get_samples_csv", "missing_extra"): lambda w: _csv(w, w.done(), is_there=False),
    ("get_comparison", "not_found"): lambda w: _compare(w, w.done(), _NOWHERE),
    ("get_comparison", "not_done"): lambda w: _compare(w, w.done(), w.audit()),
    ("get_comparison", "not_comparable"): _not_comparable,
    ("get_baselines", "not_found"): lambda w: _get(w, "/v1/projects/nobody/baselines"),
    ("pin_baseline", "not_found"): lambda w: _pin(w, w.done(), "nobody"),
    ("pin_baseline", "baseline_not_done"): lambda w: _pin(w, w.audit()),
    ("unpin_baseline", "not_found"): lambda w: w.client.delete(f"{_HERE}/baselines/main"),
    ("get_history", "not_found"): lambda w: _get(w, "/v1/projects/nobody/history?assertion=x"),
    ("get_project_badge", "not_found"): lambda w: _get(w, "/v1/projects/nobody/badge.svg"),
    ("get_project_shield", "not_found"): lambda w: _get(w, "/v1/projects/nobody/badge.json"),
    ("create_policy", "not_found"): lambda w: _bound(
        w, "/v1/policies", name="gate", policy=PASSING
    ),
    ("create_webhook", "not_found"): lambda w: _bound(w, "/v1/webhooks", url="https://x.test/"),
    ("create_policy", "invalid_policy"): lambda w: _policy(w, _NOTHING),
    ("create_policy", "unknown_assertion"): lambda w: _policy(w, _UNKNOWN),
    ("get_one_policy", "not_found"): lambda w: _get(w, f"/v1/policies/{_NOWHERE}"),
    ("archive_policy", "not_found"): lambda w: w.client.delete(f"/v1/policies/{_NOWHERE}"),
    ("create_webhook", "webhook_url_refused"): lambda w: _hook(w, "POST", "", url="http://x"),
    ("change_webhook", "webhook_url_refused"): lambda w: _hook(
        w, "PATCH", f"/{_NOWHERE}", url="http://x"
    ),
    ("get_one_webhook", "not_found"): lambda w: _hook(w, "GET", f"/{_NOWHERE}"),
    ("change_webhook", "not_found"): lambda w: _hook(w, "PATCH", f"/{_NOWHERE}", enabled=False),
    ("delete_webhook", "not_found"): lambda w: _hook(w, "DELETE", f"/{_NOWHERE}"),
    ("rotate_secret", "not_found"): lambda w: _hook(w, "POST", f"/{_NOWHERE}/rotate"),
    ("send_test", "not_found"): lambda w: _hook(w, "POST", f"/{_NOWHERE}/test"),
    ("get_deliveries", "not_found"): lambda w: _hook(w, "GET", f"/{_NOWHERE}/deliveries"),
    ("redeliver", "not_found"): lambda w: _hook(w, "POST", f"/{_NOWHERE}/deliveries/1/redeliver"),
}
