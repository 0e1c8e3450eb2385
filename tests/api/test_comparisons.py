"""Comparisons, baselines, reuse, history and badges, told through the service."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select

from apiworld import FAILING, PASSING, NewWorld, World, comparison_of, result_of, zip_of
from holdfast.records.comparison import Comparison
from holdfast.records.policy import Verdict
from holdfast_api.rendering import VERSION
from holdfast_db.tables import AuditRow, EventRow, ShardRow

DROP = {"assertions": {"translation.consistency": ["error", {"max_drop": 0.01}]}}
_LOST = [
    {
        "id": "translation.consistency",
        "baseline": 0.9,
        "candidate": 0.7,
        "difference": -0.2,
        "low": -0.25,
        "high": -0.15,
        "decision": "failed",
        "n_images": 100,
    }
]


def _view(world: World, audit_id: str) -> dict[str, Any]:
    view: dict[str, Any] = world.client.get(f"/v1/audits/{audit_id}").json()
    return view


def _same(**changes: Any) -> Any:
    """A result of this release, so that it may be taken over."""
    provenance = result_of().provenance.model_dump(mode="json") | {"engine_version": VERSION}
    return result_of(provenance=provenance, **changes)


# Comparisons


def test_a_comparison_is_computed_once_and_then_there(world: World) -> None:
    old, new = world.done(branch="main"), world.done(branch="fix", commit="abcdef0123456789")
    ask = {"a": old, "b": new}
    first = world.client.get("/v1/compare", params=ask)
    assert (first.status_code, first.headers["Retry-After"]) == (202, "2")
    assert first.json()["state"] == "queued"
    assert world.client.get("/v1/compare", params=ask).status_code == 202
    assert world.rings == ["cpu", "cpu", "cpu"], "one ring for each audit and one for the pair"
    world.compare()
    done = world.client.get("/v1/compare", params=ask)
    assert done.status_code == 200
    assert Comparison.model_validate_json(done.content) == comparison_of()
    known = {"If-None-Match": done.headers["ETag"]}
    assert world.client.get("/v1/compare", params=ask, headers=known).status_code == 304
    assert _view(world, new)["state"] == "done"


def test_a_comparison_is_read_as_page_and_as_markdown(world: World) -> None:
    name = "<script>alert(1)</script> | x"
    old, new = world.done(), world.done(branch=name)
    ask = {"a": old, "b": new}
    waiting = world.client.get("/v1/compare", params={**ask, "format": "html"})
    assert waiting.status_code == 202
    assert "Comparing" in waiting.text
    world.compare(measurements=_LOST, decision="failed", flipped=["a|b.png"], n_flipped=3)
    page = world.client.get("/v1/compare", params={**ask, "format": "html"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "\N{MINUS SIGN}0.200 [\N{MINUS SIGN}0.250, \N{MINUS SIGN}0.150]" in page.text
    assert "2 more images" in page.text
    text = world.client.get("/v1/compare", params={**ask, "format": "md"}).text
    assert "<script" not in text
    assert "| Consistency, translation |" in text.replace("&#45;", "-")


def test_another_margin_is_another_comparison(world: World) -> None:
    old, new = world.done(), world.done()
    for margin in ("0.01", "0.05", "0.0500001"):
        world.client.get("/v1/compare", params={"a": old, "b": new, "margin": margin})
    with world.parts.db.reading() as session:
        kinds = session.scalars(select(ShardRow.kind).where(ShardRow.audit_id == new)).all()
    assert sorted(kinds) == ["compare", "compare", "whole"]


def test_what_broke_is_told_once_and_tried_again(world: World) -> None:
    old, new = world.done(), world.done()
    ask = {"a": old, "b": new}
    assert world.client.get("/v1/compare", params=ask).status_code == 202
    world.fail(world.claim(), "worker_lost", n="3")
    answer = world.client.get("/v1/compare", params=ask)
    assert (answer.status_code, answer.json()["code"]) == (503, "worker_lost")
    assert world.client.get("/v1/compare", params=ask).status_code == 202
    world.compare()
    assert world.client.get("/v1/compare", params=ask).status_code == 200


def test_what_cannot_be_compared_stays_so(world: World) -> None:
    old, new = world.done(), world.done()
    ask = {"a": old, "b": new}
    world.client.get("/v1/compare", params=ask)
    world.refuse_comparison(reason="the images differ")
    for _ in range(2):
        answer = world.client.get("/v1/compare", params=ask)
        assert (answer.status_code, answer.json()["code"]) == (422, "not_comparable")
        assert "the images differ" in answer.json()["detail"]


# Baselines


def test_an_audit_is_judged_against_the_baseline_of_a_branch(world: World) -> None:
    base = world.done(PASSING, branch="main", plan={"full": True})
    audit_id = world.audit(policy=DROP, baseline={"branch": "main"}, branch="fix")
    assert _view(world, audit_id)["baseline_id"] == base
    world.finish(world.claim(), result_of(), None)
    view = _view(world, audit_id)
    assert (view["state"], view["decision"]) == ("running", None)
    world.compare(measurements=_LOST)
    view = _view(world, audit_id)
    assert (view["state"], view["decision"]) == ("done", "failed")
    assert view["links"]["comparison"] == f"/v1/compare?a={base}&b={audit_id}"
    assert world.client.get(view["links"]["comparison"]).status_code == 200
    verdict = Verdict.model_validate_json(
        world.client.get(f"/v1/audits/{audit_id}/verdict?baseline={base}").content
    )
    assert verdict.baseline is not None
    assert world.client.get(f"/v1/audits/{audit_id}/verdict?baseline=").status_code == 404


def test_without_a_baseline_the_policy_says_what_that_means(world: World) -> None:
    for on_missing, decision in [("error", "inconclusive"), ("warn", "passed"), ("off", "passed")]:
        policy = {**DROP, "baseline": {"branch": "main", "on_missing": on_missing}}
        audit_id = world.done(policy)
        view = _view(world, audit_id)
        assert (view["baseline_id"], view["decision"]) == (None, decision), on_missing


def test_the_branch_that_the_policy_names_counts_when_the_request_names_none(world: World) -> None:
    base = world.done(PASSING, branch="main", plan={"full": True})
    policy = {**DROP, "baseline": {"branch": "main"}}
    assert _view(world, world.audit(policy=policy))["baseline_id"] == base


def test_other_images_or_another_plan_are_no_baseline(world: World) -> None:
    world.done(PASSING, branch="main", plan={"full": True, "seed": 5})
    ask = {"policy": DROP, "baseline": {"branch": "main"}}
    audit_id = world.audit(**ask)
    assert _view(world, audit_id)["baseline_id"] is None
    world.client.post(f"/v1/audits/{audit_id}/cancel")
    images = zip_of(c_png=b"\x89PNG")
    body = {"model_id": world.model(), "probe_set_id": world.probe_set(images), **ask}
    view = world.client.post("/v1/audits", json={**body, "plan": {"seed": 5}}).json()
    assert view["baseline_id"] is None


def test_a_pinned_baseline_of_another_plan_is_refused(world: World) -> None:
    pinned = world.done(plan={"seed": 5})
    body = {"audit_id": pinned, "reason": "as agreed"}
    answer = world.client.put("/v1/projects/default/baselines/feature/x", json=body)
    assert (answer.status_code, answer.json()["by"]) == (200, "pinned")
    files = {"model_id": world.model(), "probe_set_id": world.probe_set()}
    ask = {**files, "policy": DROP, "baseline": {"branch": "feature/x"}}
    refused = world.client.post("/v1/audits", json=ask)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_comparable")
    assert "feature/x" in refused.json()["detail"]
    assert world.client.post("/v1/audits", json={**ask, "plan": {"seed": 5}}).status_code == 201
    assert world.client.delete("/v1/projects/default/baselines/feature/x").status_code == 204
    assert world.client.post("/v1/audits", json=ask).status_code == 201


def test_baselines_are_listed_with_their_reason(world: World) -> None:
    passed = world.done(PASSING, branch="main")
    world.done(FAILING, branch="main")
    url = "/v1/projects/default/baselines"
    (item,) = world.client.get(url).json()["items"]
    assert (item["branch"], item["audit_id"], item["by"]) == ("main", passed, "last_passed")
    world.client.put(f"{url}/main", json={"audit_id": passed, "reason": "as agreed"})
    (item,) = world.client.get(url).json()["items"]
    assert (item["by"], item["reason"]) == ("pinned", "as agreed")


def test_a_stored_result_is_judged_against_a_baseline_when_they_are_compared(world: World) -> None:
    old, new = world.done(), world.done()
    ask = {"policy": DROP, "baseline": {"audit_id": old}}
    first = world.client.post(f"/v1/audits/{new}/gate", json=ask)
    assert (first.status_code, first.headers["Retry-After"]) == (202, "2")
    world.compare(measurements=_LOST)
    answer = world.client.post(f"/v1/audits/{new}/gate", json=ask)
    assert (answer.status_code, answer.json()["decision"]) == (200, "failed")
    assert _view(world, new)["decision"] == "failed"


# Reuse


def test_the_same_question_is_answered_from_what_was_measured(world: World) -> None:
    first = world.done(PASSING, result=_same(), plan={"full": True})
    again = world.audit(fresh=False, policy=FAILING, plan={"full": True}, branch="fix")
    view = _view(world, again)
    assert (view["state"], view["decision"], view["reused_id"]) == ("done", "failed", first)
    assert _view(world, first)["decision"] == "passed"
    assert world.rings == ["cpu"]
    result = world.client.get(f"/v1/audits/{again}/result.json")
    assert result.content == world.client.get(f"/v1/audits/{first}/result.json").content
    with world.parts.db.reading() as session:
        kinds = select(EventRow.kind).where(EventRow.audit_id == again).order_by(EventRow.id)
        assert session.scalars(kinds).all() == ["state", "finished"]
    page = world.client.get(f"/audits/{again}")
    assert f"/audits/{first}" in page.text


@pytest.mark.parametrize(
    "changed",
    [
        {"plan": {"full": True, "seed": 1}},
        {"plan": {"full": True}, "fresh": True},
        {"plan": {}},
        {"plan": {"full": True}, "project": "other"},
    ],
)
def test_another_question_is_measured(world: World, changed: dict[str, Any]) -> None:
    world.done(PASSING, result=_same(), plan={"full": True})
    view = _view(world, world.audit(**{"fresh": False, "policy": PASSING, **changed}))
    assert (view["state"], view["reused_id"]) == ("queued", None)


def test_a_result_of_another_release_is_not_taken_over(world: World) -> None:
    provenance = result_of().provenance.model_dump(mode="json") | {"engine_version": "0.0.1"}
    world.done(result=result_of(provenance=provenance))
    assert _view(world, world.audit(fresh=False))["state"] == "queued"


def test_a_result_whose_file_is_gone_is_measured_again(world: World) -> None:
    first = world.done(result=_same())
    with world.parts.db.reading() as session:
        samples = session.get_one(AuditRow, first).samples_sha256 or ""
    world.parts.store.delete(samples)
    assert _view(world, world.audit(fresh=False))["state"] == "queued"


def test_where_an_audit_stopped_depends_on_its_policy(world: World) -> None:
    first = world.done(PASSING, result=_same())
    world.client.post(f"/v1/audits/{first}/gate", json={"policy": FAILING})
    same, other = (world.audit(fresh=False, policy=policy) for policy in (PASSING, FAILING))
    assert _view(world, same)["reused_id"] == first, "judging again changes no stored policy"
    assert _view(world, other)["state"] == "queued"
    unasked = world.audit(fresh=False)
    assert _view(world, unasked)["state"] == "queued"


def test_an_audit_that_stopped_early_says_so_and_so_does_who_takes_it_over(world: World) -> None:
    evidence = {"alpha": 0.05, "policy_digest": "0" * 64, "n_planned": 100, "n_images": 64}
    sequential = {**evidence, "stopped": True, "tests": []}
    first = world.done(PASSING, result=_same(sequential=sequential))
    again = _view(world, world.audit(fresh=False, policy=PASSING))
    assert (_view(world, first)["stopped_early"], again["reused_id"]) == (True, first)
    assert again["stopped_early"] is True
    assert _view(world, world.done(result=_same()))["stopped_early"] is None


def test_a_reused_result_is_compared_as_well(world: World) -> None:
    base = world.done(PASSING, result=_same(), branch="main", plan={"full": True})
    again = world.audit(fresh=False, policy=DROP, baseline={"branch": "main"})
    assert _view(world, again)["state"] == "queued"
    world.compare()
    view = _view(world, again)
    assert (view["state"], view["decision"]) == ("done", "passed")
    assert (view["reused_id"], view["baseline_id"]) == (base, base)


# History, badges


def test_the_history_of_a_branch(world: World) -> None:
    ids = [world.done(PASSING, branch="main", commit=f"c{n}") for n in range(3)]
    world.done(FAILING, branch="dev")
    url = "/v1/projects/default/history?assertion=translation.consistency&branch=main&limit=2"
    points = world.client.get(url).json()["points"]
    assert [(point["audit_id"], point["commit"]) for point in points] == [
        (ids[1], "c1"),
        (ids[2], "c2"),
    ]
    assert [points[0][key] for key in ("value", "low", "high", "verdict")] == [
        0.9,
        0.85,
        0.95,
        "passed",
    ]


def _words(svg: str) -> list[str]:
    drawn = ET.fromstring(svg)  # noqa: S314 - our own
    return [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_a_badge_tells_the_last_decision(world: World) -> None:
    world.done(PASSING, branch="main")
    url = "/v1/projects/default/badge"
    answer = world.client.get(f"{url}.svg")
    assert _words(answer.text) == ["holdfast", "passed"]
    assert "no-cache" in answer.headers["Cache-Control"]
    shield = world.client.get(f"{url}.json?assertion=translation.consistency").json()
    assert shield == {
        "schemaVersion": 1,
        "label": "translation.consistency",
        "message": "0.900 passed",
        "color": "brightgreen",
    }
    assert _words(world.client.get(f"{url}.svg?branch=dev").text) == ["holdfast", "not judged"]
    hostile = world.client.get(f"{url}.svg", params={"assertion": '<script>"&'}).text
    assert _words(hostile) == ['<script>"&', "not judged"]


def test_a_badge_is_public_only_if_its_project_says_so(new_world: NewWorld) -> None:
    world = new_world(token="t" * 24)
    mine = {"Authorization": f"Bearer {'t' * 24}"}
    for slug, public in [("open", True), ("closed", False)]:
        body = {"slug": slug, "public_badge": public}
        assert world.client.post("/v1/projects", json=body, headers=mine).status_code == 201
    for suffix in ("svg", "json"):
        for slug, status in [("open", 200), ("closed", 401), ("nobody", 401)]:
            url = f"/v1/projects/{slug}/badge.{suffix}"
            assert world.client.get(url).status_code == status, url
        url = f"/v1/projects/closed/badge.{suffix}"
        assert world.client.get(url, headers=mine).status_code == 200
