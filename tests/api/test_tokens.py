"""Tokens over the API: made, used, counted, revoked; sessions that end with them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from apiworld import MODEL, NewWorld, World, serving
from holdfast_api.sessions import COOKIE
from holdfast_db.tables import TokenRow

ROOT = "the token of the operator"
_AS = Callable[[str | None], dict[str, str]]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _new(world: World, by: str = ROOT, **body: Any) -> dict[str, Any]:
    body = {"name": "ci", "scope": "audit", **body}
    answer = world.client.post("/v1/tokens", json=body, headers=_bearer(by))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def guarded(new_world: NewWorld) -> World:
    return new_world(token=ROOT)


def test_a_token_is_shown_once_and_says_what_it_may(guarded: World) -> None:
    made = _new(guarded, project="p", expires_at="2099-01-01T00:00:00Z")
    listed = guarded.client.get("/v1/tokens", headers=_bearer(ROOT))
    assert made["token"] not in listed.text
    assert listed.json()["items"][0]["hint"] == made["token"][:9]
    own = guarded.client.get("/v1/tokens/self", headers=_bearer(made["token"])).json()
    assert own == {
        "id": made["id"],
        "name": "ci",
        "scope": "audit",
        "project": "p",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    root = guarded.client.get("/v1/tokens/self", headers=_bearer(ROOT)).json()
    assert (root["id"], root["scope"], root["project"]) == ("root", "admin", None)
    used = guarded.client.get("/v1/tokens", headers=_bearer(ROOT)).json()["items"][0]
    assert used["last_used_at"].endswith(":00:00Z")


def test_a_revoked_token_is_refused_at_once(guarded: World) -> None:
    made = _new(guarded)
    assert guarded.client.get("/v1/models", headers=_bearer(made["token"])).is_success
    gone = guarded.client.delete(f"/v1/tokens/{made['id']}", headers=_bearer(ROOT))
    assert gone.status_code == 204
    assert guarded.client.get("/v1/models", headers=_bearer(made["token"])).status_code == 401
    again = guarded.client.delete(f"/v1/tokens/{made['id']}", headers=_bearer(ROOT))
    assert again.status_code == 404


def test_an_expired_token_is_refused(guarded: World) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    made = _new(guarded, expires_at=past)
    assert guarded.client.get("/v1/models", headers=_bearer(made["token"])).status_code == 401


@pytest.mark.parametrize("auth", ["auto", "on", "off"])
def test_the_setting_says_when_a_token_is_needed(new_world: NewWorld, auth: str) -> None:
    world = new_world(auth=auth)
    before = world.client.get("/v1/models").status_code
    assert before == (401 if auth == "on" else 200)
    if auth == "on":
        return
    made = world.client.post("/v1/tokens", json={"name": "first", "scope": "admin"}).json()
    after = world.client.get("/v1/models").status_code
    assert after == (401 if auth == "auto" else 200)
    world.client.delete(f"/v1/tokens/{made['id']}", headers=_bearer(made["token"]))
    # The row of a revoked token stays: the service does not open up when the last token goes.
    assert world.client.get("/v1/models").status_code == after


@pytest.mark.parametrize("auth", ["auto", "off"])
def test_where_nobody_is_asked_only_loopback_is_served(new_world: NewWorld, auth: str) -> None:
    world = new_world(auth=auth, **({"token": ROOT} if auth == "off" else {}))
    answer = world.client.get("/v1/models", headers={"Host": "holdfast.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "host_not_allowed")


def test_a_token_of_a_project_makes_only_such_tokens(guarded: World) -> None:
    admin = _new(guarded, project="p", scope="admin")["token"]
    assert _new(guarded, by=admin)["project"] == "p"
    body = {"name": "x", "scope": "read", "project": "q"}
    assert guarded.client.post("/v1/tokens", json=body, headers=_bearer(admin)).status_code == 404
    seen = guarded.client.get("/v1/tokens", headers=_bearer(admin)).json()["items"]
    assert {token["project"] for token in seen} == {"p"}


def test_things_are_filed_under_the_project_of_the_token(guarded: World) -> None:
    guarded.client.headers.update(_bearer(_new(guarded, project="p")["token"]))
    model = guarded.client.get(f"/v1/models/{guarded.model()}").json()
    assert model["project"] == "p"
    body = {"name": "n", "sha256": model["sha256"], "project": "q"}
    answer = guarded.client.post("/v1/models", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_file_is_known_only_to_the_projects_that_have_it(guarded: World) -> None:
    mine, other = (_bearer(_new(guarded, project=slug)["token"]) for slug in ("p", "q"))
    guarded.client.headers.update(mine)
    sha256 = guarded.put(MODEL).json()["sha256"]
    announced = {"kind": "model", "size_bytes": len(MODEL), "sha256": sha256}
    seen = [
        (
            guarded.client.head(f"/v1/blobs/sha256:{sha256}", headers=who).status_code,
            guarded.client.post("/v1/uploads", json=announced, headers=who).status_code,
            guarded.client.post(
                "/v1/models", json={"name": "n", "sha256": sha256}, headers=who
            ).status_code,
        )
        for who in (mine, other)
    ]
    assert seen == [(200, 200, 201), (404, 201, 404)]
    # Whoever sends the bytes has them; they are stored once, and stay while one project has them.
    guarded.client.headers.update(other)
    upload = guarded.put(MODEL).json()
    assert guarded.stored() == [sha256]
    assert guarded.client.head(f"/v1/blobs/sha256:{sha256}").status_code == 200
    assert guarded.client.delete(upload["url"]).status_code == 204
    assert guarded.stored() == [sha256]
    assert guarded.client.head(f"/v1/blobs/sha256:{sha256}").status_code == 404


def test_an_audit_uses_only_what_its_project_has(world: World) -> None:
    body = {
        "model_id": world.model(project="p"),
        "probe_set_id": world.probe_set(project="q"),
        "project": "p",
    }
    answer = world.client.post("/v1/audits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "probe set in project p" in answer.json()["detail"]


def test_a_session_ends_with_its_token(guarded: World) -> None:
    made = _new(guarded, project="p")
    assert guarded.client.post("/login", data={"token": made["token"]}).status_code == 303
    assert made["token"] not in str(guarded.client.cookies[COOKIE])
    assert guarded.client.get("/v1/tokens/self").json()["project"] == "p"
    assert guarded.client.get("/v1/tokens").status_code == 403
    guarded.client.delete(f"/v1/tokens/{made['id']}", headers=_bearer(ROOT))
    assert guarded.client.get("/v1/tokens/self").status_code == 401


def test_a_session_needs_no_setting_of_its_own(new_world: NewWorld) -> None:
    world = new_world()
    made = world.client.post("/v1/tokens", json={"name": "me", "scope": "read"}).json()
    assert world.client.post("/login", data={"token": made["token"]}).status_code == 303
    assert world.client.get("/").status_code == 200
    key = world.parts.store.root / "session.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_text("another key")
    assert world.client.get("/v1/models").status_code == 401


def test_each_token_may_send_so_many_requests(new_world: NewWorld) -> None:
    world = new_world(token=ROOT, rate_limit="5/hour")
    other = _bearer(_new(world)["token"])
    for _ in range(4):
        assert world.client.get("/v1/models", headers=_bearer(ROOT)).status_code == 200
    answer = world.client.get("/v1/models", headers=_bearer(ROOT))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert f"in {answer.headers['Retry-After']} seconds" in answer.json()["hint"]
    assert world.client.get("/v1/models", headers=other).status_code == 200


def test_processes_count_together_in_redis(new_world: NewWorld, redis_url: str) -> None:
    worlds = [new_world(token=ROOT, rate_limit="3/hour", rate_store=redis_url) for _ in range(2)]
    codes = [
        worlds[i % 2].client.get("/v1/models", headers=_bearer(ROOT)).status_code for i in range(4)
    ]
    assert codes == [200, 200, 200, 429]


def test_without_its_redis_requests_are_served_uncounted(
    new_world: NewWorld, free_port: int
) -> None:
    store = f"redis://127.0.0.1:{free_port}/0"
    world = new_world(token=ROOT, rate_limit="1/hour", rate_store=store)
    codes = [world.client.get("/v1/models", headers=_bearer(ROOT)).status_code for _ in range(2)]
    assert codes == [200, 200]


def _revoke(world: World, made: dict[str, Any]) -> None:
    world.client.delete(f"/v1/tokens/{made['id']}", headers=_bearer(ROOT))


def _expire(world: World, made: dict[str, Any]) -> None:
    with world.parts.whole_db.transaction() as session:
        session.get_one(TokenRow, made["id"]).expires_at = datetime.now(UTC)


@pytest.mark.parametrize("end", [_revoke, _expire])
@pytest.mark.parametrize("by", ["token", "session"])
def test_a_stream_ends_with_its_token(
    guarded: World, end: Callable[[World, dict[str, Any]], None], by: str
) -> None:
    made = _new(guarded)
    headers = _bearer(made["token"])
    if by == "session":
        caller = guarded.parts.door.by_secret(made["token"])
        assert caller is not None
        headers = {"Cookie": f"{COOKIE}={guarded.parts.door.cookie_of(caller)}"}
    guarded.client.headers.update(_bearer(ROOT))
    audit_id = guarded.audit()
    del guarded.client.headers["Authorization"]
    with serving(guarded) as url, httpx.Client(headers=headers, timeout=5) as client:
        with client.stream("GET", f"{url}/v1/audits/{audit_id}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: state"
            time.sleep(3 * guarded.parts.settings.poll_s)
            began = time.monotonic()
            end(guarded, made)
            text = "\n".join(lines)
        assert time.monotonic() - began < 2 + guarded.parts.settings.poll_s
        assert "finished" not in text
        again = client.get(f"{url}/v1/audits/{audit_id}/events")
        assert (again.status_code, again.json()["code"]) == (401, "unauthorized")


def test_a_stream_for_everybody_ends_when_tokens_come_into_use(new_world: NewWorld) -> None:
    world = new_world()
    path = f"/v1/audits/{world.audit()}/events"
    with serving(world) as url, httpx.stream("GET", f"{url}{path}", timeout=5) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: state"
        world.client.post("/v1/tokens", json={"name": "first", "scope": "admin"})
        assert "finished" not in "\n".join(lines)
