"""Projects: made, changed, limited, removed."""

import pytest

from apiworld import World


def test_a_project_is_made_with_what_it_is_given(world: World) -> None:
    body = {"slug": "vision", "name": "Vision team", "default_branch": "trunk", "max_queued": 2}
    answer = world.client.post("/v1/projects", json=body)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/projects/vision"
    view = world.client.get("/v1/projects/vision").json()
    assert view == answer.json()
    assert {key: view[key] for key in body} == body
    assert (view["public_badge"], view["retention_days"]) == (False, None)
    again = world.client.post("/v1/projects", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "project_taken")


def test_what_is_filed_under_a_new_slug_makes_the_project(world: World) -> None:
    assert world.client.get("/v1/projects/p").status_code == 404
    world.model(project="p")
    assert world.client.get("/v1/projects/p").json()["name"] == "p"
    slugs = [item["slug"] for item in world.client.get("/v1/projects").json()["items"]]
    assert slugs == ["default", "p"]


def test_a_change_leaves_the_rest(world: World) -> None:
    world.client.post("/v1/projects", json={"slug": "p", "name": "P", "retention_days": 30})
    changed = world.client.patch("/v1/projects/p", json={"max_queued": 5}).json()
    assert (changed["name"], changed["retention_days"], changed["max_queued"]) == ("P", 30, 5)
    changed = world.client.patch("/v1/projects/p", json={"retention_days": None}).json()
    assert (changed["retention_days"], changed["max_queued"]) == (None, 5)
    assert world.client.patch("/v1/projects/p", json={}).json() == changed


@pytest.mark.parametrize(
    "body",
    [{"name": None}, {"retention_days": 0}, {"slug": "q"}, {"max_queued": "many"}, {"x": 1}],
)
def test_a_senseless_change_is_refused(world: World, body: dict[str, object]) -> None:
    answer = world.client.patch("/v1/projects/default", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_policy_must_be_of_the_project(world: World) -> None:
    answer = world.client.patch("/v1/projects/default", json={"policy_id": "x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert world.client.get("/v1/projects/default").json()["policy_id"] is None


def test_a_project_may_let_so_many_audits_wait(world: World) -> None:
    world.client.post("/v1/projects", json={"slug": "p", "max_queued": 1})
    audit_id = world.audit(project="p")
    view = world.client.get(f"/v1/audits/{audit_id}").json()
    body = {key: view[key] for key in ("project", "model_id", "probe_set_id")}
    answer = world.client.post("/v1/audits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (429, "project_queue_full")
    assert answer.headers["Retry-After"] == "30"
    world.audit()
    world.client.post(f"/v1/audits/{audit_id}/cancel")
    assert world.client.post("/v1/audits", json=body).status_code == 201
    answer = world.client.post(f"/v1/audits/{audit_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (429, "project_queue_full")


def test_a_project_goes_with_all_that_is_in_it(world: World) -> None:
    audit_id, other_id = world.audit(project="p"), world.audit(project="q")
    answer = world.client.delete("/v1/projects/p")
    assert (answer.status_code, answer.json()["code"]) == (409, "open_audits")
    world.client.post(f"/v1/audits/{audit_id}/cancel")
    assert world.client.delete("/v1/projects/p").status_code == 204
    assert world.client.get(f"/v1/audits/{audit_id}").status_code == 404
    assert world.client.get("/v1/models?project=p").json()["items"] == []
    assert world.client.get(f"/v1/audits/{other_id}").status_code == 200
    assert world.client.delete("/v1/projects/p").status_code == 404
