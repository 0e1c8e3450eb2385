"""Removing audits, models and probe sets by hand."""

import pytest

from apiworld import PASSING, World
from holdfast_db import jobs
from holdfast_db.retention import clean_up


def _clean(world: World) -> None:
    clean_up(world.parts.whole_db, world.parts.store, world.parts.partials)


@pytest.mark.parametrize("how", ["queued", "done", "failed"])
def test_an_audit_that_nobody_works_on_goes_at_once(world: World, how: str) -> None:
    audit_id: str = getattr(world, {"queued": "audit"}.get(how, how))()
    assert world.client.delete(f"/v1/audits/{audit_id}").status_code == 204
    assert world.client.get(f"/v1/audits/{audit_id}").status_code == 404
    assert world.client.delete(f"/v1/audits/{audit_id}").status_code == 404
    assert world.client.get("/v1/audits").json()["items"] == []


def test_an_audit_that_runs_is_cancelled_and_goes_after_that(world: World) -> None:
    audit_id = world.audit()
    claim = world.claim()
    answer = world.client.delete(f"/v1/audits/{audit_id}")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    _clean(world)
    assert world.client.get(f"/v1/audits/{audit_id}").json()["state"] == "running"
    assert world.beat(claim, 1, 2).cancel
    with world.parts.db.transaction() as session:
        assert jobs.cancelled(session, claim)
    assert world.client.post(f"/v1/audits/{audit_id}/retry").status_code == 409
    _clean(world)
    assert world.client.get(f"/v1/audits/{audit_id}").status_code == 404


@pytest.mark.parametrize(("where", "key"), [("models", "model_id"), ("probe-sets", "probe_set_id")])
def test_what_an_audit_needs_stays(world: World, where: str, key: str) -> None:
    audit_id = world.audit(policy=PASSING)
    url = f"/v1/{where}/" + world.client.get(f"/v1/audits/{audit_id}").json()[key]
    for query in ("", "?audits=true"):
        answer = world.client.delete(url + query)
        assert (answer.status_code, answer.json()["code"]) == (409, "open_audits")
    world.client.post(f"/v1/audits/{audit_id}/cancel")
    answer = world.client.delete(url)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert "1 finished" in answer.json()["detail"]
    assert world.client.delete(f"{url}?audits=true").status_code == 204
    assert world.client.get(url).status_code == 404
    assert world.client.get(f"/v1/audits/{audit_id}").status_code == 404


def test_the_file_of_a_removed_model_stays_for_a_day(world: World) -> None:
    model_id = world.model()
    files = world.stored()
    assert world.client.delete(f"/v1/models/{model_id}").status_code == 204
    _clean(world)
    assert world.stored() == files
