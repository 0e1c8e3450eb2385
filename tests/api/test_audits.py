import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from apiworld import PASSING, NewWorld, World, result_of
from holdfast_api.owning import submit
from holdfast_api.requests import AuditRequest
from holdfast_db import jobs


def test_an_audit_is_written_first_and_rung_for_afterwards(world: World) -> None:
    audit_id = world.audit(branch="main", commit="abc", policy=PASSING, plan={"limit": 10})
    assert world.rings == ["cpu"]
    assert world.rung(audit_id)
    view = world.client.get(f"/v1/audits/{audit_id}").json()
    assert (view["state"], view["branch"], view["commit"]) == ("queued", "main", "abc")
    assert (view["model_name"], view["probe_set_name"]) == ("net", "digits")
    assert view["links"]["report"] is None


def test_a_broken_bell_does_not_lose_the_audit(world: World) -> None:
    def broken(_queue: str) -> None:
        raise ConnectionError("the broker is away")

    parts = replace(world.parts, ring=broken)
    body = AuditRequest(model_id=world.model(), probe_set_id=world.probe_set())
    view = submit(parts, body)
    assert view.state == "queued"
    assert not world.rung(view.id)


def test_nothing_is_rung_for_a_refused_audit(world: World) -> None:
    body = {"model_id": world.model(), "probe_set_id": world.probe_set(), "plan": {"limit": 0}}
    answer = world.client.post("/v1/audits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_plan")
    assert "limit" in answer.json()["detail"]
    assert world.rings == []
    assert world.client.get("/v1/audits").json()["items"] == []


def test_an_unknown_assertion_names_its_neighbour(world: World) -> None:
    policy = {"assertions": {"translation.consistence": ["error", {"min": 0.9}]}}
    body = {"model_id": world.model(), "probe_set_id": world.probe_set(), "policy": policy}
    answer = world.client.post("/v1/audits", json=body)
    assert answer.json()["code"] == "unknown_assertion"
    assert "translation.consistency" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["nightly", "judged", "other"]),
        ({"branch": "nightly"}, ["nightly"]),
        ({"project": "mnist"}, ["other"]),
        ({"state": "done"}, ["judged"]),
        ({"decision": "passed"}, ["judged"]),
        ({"decision": "failed"}, []),
        ({"branch": "nightly", "project": "mnist"}, []),
    ],
)
def test_audits_are_listed_by_filter(world: World, query: dict[str, str], names: list[str]) -> None:
    ids = {"other": world.audit(project="mnist"), "judged": world.audit(policy=PASSING)}
    for wanted in ids.values():
        claim = world.claim()
        if wanted == ids["judged"]:
            world.finish(claim, result_of(), PASSING)
    ids["nightly"] = world.audit(branch="nightly")
    items = world.client.get("/v1/audits", params=query).json()["items"]
    assert [item["id"] for item in items] == [ids[name] for name in names]


def test_audits_of_one_model_are_listed(world: World) -> None:
    audit_id = world.audit()
    world.audit()
    other = world.model(b"\x08\x0b" + bytes(62))
    model_id = world.client.get(f"/v1/audits/{audit_id}").json()["model_id"]
    listed = [
        len(world.client.get("/v1/audits", params={"model_id": wanted}).json()["items"])
        for wanted in (model_id, other)
    ]
    assert listed == [2, 0]


def test_pages_neither_skip_nor_repeat(world: World) -> None:
    ids = [world.audit() for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = world.client.get("/v1/audits", params=query).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_waiting_ends_early_when_the_audit_moves(world: World) -> None:
    audit_id = world.audit()
    claim = world.claim()
    timer = threading.Timer(0.3, lambda: world.beat(claim, 5, 10))
    timer.start()
    began = time.monotonic()
    view = world.client.get(f"/v1/audits/{audit_id}", params={"wait": 20}).json()
    timer.join()
    assert time.monotonic() - began < 10
    assert view["progress"] == {"stage": "probing", "done": 5, "total": 10}


def test_waiting_for_a_finished_audit_does_not_wait(world: World) -> None:
    audit_id = world.failed()
    began = time.monotonic()
    assert world.client.get(f"/v1/audits/{audit_id}?wait=30").json()["state"] == "failed"
    assert time.monotonic() - began < 5


def test_waiting_ends_at_its_time(world: World) -> None:
    audit_id = world.audit()
    began = time.monotonic()
    assert world.client.get(f"/v1/audits/{audit_id}?wait=0.3").json()["state"] == "queued"
    assert 0.3 <= time.monotonic() - began < 5


def test_a_queued_audit_is_cancelled_at_once(world: World) -> None:
    audit_id = world.audit()
    answer = world.client.post(f"/v1/audits/{audit_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")


def test_a_running_audit_is_asked_to_end(world: World) -> None:
    audit_id = world.audit()
    claim = world.claim()
    view = world.client.post(f"/v1/audits/{audit_id}/cancel").json()
    assert (view["state"], view["cancel_requested"]) == ("running", True)
    assert world.beat(claim, 1, 2).cancel


@pytest.mark.parametrize("how", [{}, {"json": {}}, {"json": {"reason": None}}])
def test_who_cancels_need_not_say_why(world: World, how: dict[str, Any]) -> None:
    answer = world.client.post(f"/v1/audits/{world.audit()}/cancel", **how)
    assert (answer.status_code, answer.json()["cancel_reason"]) == (202, None)


def test_why_an_audit_was_cancelled_is_kept_until_it_is_tried_again(world: World) -> None:
    url = f"/v1/audits/{world.audit()}"
    claim = world.claim()
    world.client.post(f"{url}/cancel", json={"reason": "the wrong\x1b[31m\u202e model"})
    assert world.client.get(url).json()["cancel_reason"] == "the wrong[31m model"
    world.client.post(f"{url}/cancel")
    with world.parts.db.transaction() as session:
        assert jobs.cancelled(session, claim)
    view = world.client.get(url).json()
    assert (view["state"], view["cancel_reason"]) == ("cancelled", "the wrong[31m model")
    assert '"cancel_reason": "the wrong[31m model"' in world.client.get(f"{url}/events").text
    assert world.client.post(f"{url}/retry").json()["cancel_reason"] is None


@pytest.mark.parametrize("reason", ["", "\u202e", 5, "x" * 10_001])
def test_a_reason_is_a_line_of_text(world: World, reason: object) -> None:
    url = f"/v1/audits/{world.audit()}"
    answer = world.client.post(f"{url}/cancel", json={"reason": reason})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert world.client.get(url).json()["state"] == "queued"


def test_a_failed_audit_tells_why_in_our_words(world: World) -> None:
    audit_id = world.failed("labels_mismatch", label="11", k="10")
    error = world.client.get(f"/v1/audits/{audit_id}").json()["error"]
    assert error["code"] == "labels_mismatch"
    assert "label 11" in error["sentence"]
    assert error["type"] == "/problems/labels_mismatch"


def test_an_error_code_of_a_newer_worker_is_shown_as_internal(world: World) -> None:
    audit_id = world.failed("code_of_the_future")
    assert world.client.get(f"/v1/audits/{audit_id}").json()["error"]["code"] == "internal"


def test_a_failed_audit_is_tried_again_and_rung_for(world: World) -> None:
    audit_id = world.failed()
    world.rings.clear()
    answer = world.client.post(f"/v1/audits/{audit_id}/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert answer.json()["error"] is None
    assert world.rings == ["cpu"]
    assert world.rung(audit_id)


def test_a_full_queue_takes_no_more(new_world: NewWorld) -> None:
    world = new_world(max_queued=1)
    view = world.client.get(f"/v1/audits/{world.audit()}").json()
    body = {"model_id": view["model_id"], "probe_set_id": view["probe_set_id"]}
    answer = world.client.post("/v1/audits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0
    assert world.rings == ["cpu"]
