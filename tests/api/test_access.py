"""Every endpoint of the document without a token, with a foreign one, a weak one, the right one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from httpx2 import Response

from apiworld import MODEL, PASSING, World, a_world, result_of
from holdfast_api.openapi import SCOPE, document
from holdfast_api.scopes import OPEN, SCOPES
from holdfast_db.tokens import SCOPES as ORDER
from holdfast_db.tokens import NewToken, add_token

HOOK: Final = "https://hooks.test/"
_TUS: Final = {"Tus-Resumable": "1.0.0"}
_APPEND: Final = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", **_TUS}
_OPERATIONS: Final[dict[str, tuple[str, str, str]]] = {
    operation["operationId"]: (method, path, operation[SCOPE])
    for path, item in document()["paths"].items()
    for method, operation in item.items()
}
_SHORT: Final = 8
"""Only what is longer is an id that nobody could have guessed."""
_GUARDED: Final = sorted(name for name, (_, _, scope) in _OPERATIONS.items() if scope != OPEN)
_STRANGER: Final = {
    # Lists show a stranger nothing; what is asked without a project belongs to the stranger.
    **dict.fromkeys(("get_models", "get_probe_sets", "get_audits"), 200),
    **dict.fromkeys(("get_projects", "get_own_token", "get_tokens"), 200),
    **dict.fromkeys(("get_policies", "get_webhooks", "get_workers", "validate_policy"), 200),
    **dict.fromkeys(("create_upload", "create_token"), 201),
    **dict.fromkeys(("create_project", "delete_project"), 403),  # for tokens without a project
}
_DONE: Final = {
    **dict.fromkeys(("cancel_audit", "retry_audit", "put_upload"), 409),
    "get_samples_csv": 422,
}
"""The audit of the scene is over, its upload got its bytes from `append_upload`, and its samples
are no Parquet file."""
_LAST: Final = (
    *("delete_webhook", "archive_policy"),
    *("delete_upload", "delete_audit", "delete_token", "delete_model", "delete_probe_set"),
    "delete_project",
)


@dataclass(frozen=True)
class Scene:
    """A service with tokens of every scope, and one of everything in project `mine`."""

    world: World
    tokens: dict[str, str]
    ids: dict[str, str]

    def send(self, name: str, token: str | None) -> Response:
        """Send a request that is right but for its token."""
        method, path, _ = _OPERATIONS[name]
        for key, value in self.ids.items():
            path = path.replace(f"{{{key}}}", value)
        assert "{" not in path, f"the scene has no id for {path}"
        request = self._request(name)
        headers = dict(request.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.tokens[token]}"
        return self.world.client.request(method, path, headers=headers, **request)

    def _request(self, name: str) -> dict[str, Any]:
        place = {"project": "mine", "name": "n"}
        audit = {key: self.ids[key] for key in ("model_id", "probe_set_id")}
        requests: dict[str, dict[str, Any]] = {
            "create_upload": {"json": {"kind": "model", "size_bytes": len(MODEL)}},
            "put_upload": {"content": MODEL},
            "head_upload": {"headers": _TUS},
            "append_upload": {"content": MODEL, "headers": _APPEND},
            "create_model": {"json": {**place, "sha256": self.ids["sha256"]}},
            "create_probe_set": {"json": {**place, "sha256": self.ids["probes_sha256"]}},
            "create_audit": {"json": {"project": "mine", **audit}},
            "judge_audit": {"json": {"policy": PASSING}},
            "create_project": {"json": {"slug": "new"}},
            "change_project": {"json": {"name": "New"}},
            "delete_model": {"params": {"audits": "true"}},
            "delete_probe_set": {"params": {"audits": "true"}},
            "create_token": {"json": {"name": "n", "scope": "read"}},
            **self._outcomes(place),
        }
        return requests.get(name, {})

    def _outcomes(self, place: dict[str, Any]) -> dict[str, dict[str, Any]]:
        audit_id = self.ids["audit_id"]
        return {
            "get_comparison": {"params": {"a": audit_id, "b": audit_id}},
            "get_history": {"params": {"assertion": "accuracy"}},
            "pin_baseline": {"json": {"audit_id": audit_id, "reason": "as agreed"}},
            "create_policy": {"json": {**place, "policy": PASSING}},
            "validate_policy": {"json": {"policy": PASSING}},
            "create_webhook": {"json": {"project": "mine", "url": HOOK}},
            "change_webhook": {"json": {"enabled": True}},
        }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Scene]:
    """One for all questions of this module; the last test changes it."""
    with a_world(
        tmp_path_factory.mktemp("scene"), empty_database, auth="on", webhook_allow="hooks.test"
    ) as world:
        yield _made(world)


def _made(world: World) -> Scene:
    with world.parts.db.transaction() as session:
        tokens = {
            f"{project or 'any'} {scope}": add_token(session, NewToken("t", scope, project))[1]
            for project in ("mine", "other", None)
            for scope in ORDER
        }
    client = world.client
    client.headers["Authorization"] = f"Bearer {tokens['mine admin']}"
    ids = {"model_id": world.model(), "probe_set_id": world.probe_set()}
    audit = client.post("/v1/audits", json={**ids, "policy": PASSING}).json()
    world.finish(world.claim(), result_of(), PASSING)
    victim = client.post("/v1/tokens", json={"name": "victim", "scope": "read"}).json()
    ids |= {"audit_id": audit["id"], "slug": audit["project"], "token_id": victim["id"]}
    ids["upload_id"] = world.announce()["id"]
    policy = client.post("/v1/policies", json={"name": "n", "policy": PASSING}).json()
    hook = client.post("/v1/webhooks", json={"url": HOOK}).json()
    sent = client.post(f"/v1/webhooks/{hook['id']}/test").json()
    ids |= {"policy_id": policy["id"], "webhook_id": hook["id"], "branch": "main"}
    ids["delivery_id"] = str(sent["id"])
    client.patch("/v1/projects/mine", json={"public_badge": True})
    for name, what in (
        ("sha256", "models/" + ids["model_id"]),
        ("probes_sha256", "probe-sets/" + ids["probe_set_id"]),
    ):
        ids[name] = client.get(f"/v1/{what}").json()["sha256"]
    del client.headers["Authorization"]
    assert ids["slug"] == "mine"
    return Scene(world, tokens, ids)


def _stronger(scope: str) -> tuple[str, ...]:
    return ORDER[ORDER.index(scope) :]


def test_every_operation_declares_what_it_needs() -> None:
    assert set(_OPERATIONS) <= set(SCOPES)
    assert {scope for _, _, scope in _OPERATIONS.values()} <= {OPEN, *ORDER}


@pytest.mark.parametrize("name", sorted(set(_OPERATIONS) - set(_GUARDED)))
def test_what_is_open_needs_no_token(scene: Scene, name: str) -> None:
    assert scene.send(name, None).is_success


@pytest.mark.parametrize("name", _GUARDED)
def test_without_a_token_nothing_is_told(scene: Scene, name: str) -> None:
    answer = scene.send(name, None)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("name", _GUARDED)
def test_a_weaker_scope_is_not_enough(scene: Scene, name: str) -> None:
    needed = _OPERATIONS[name][2]
    for scope in ORDER[: ORDER.index(needed)]:
        answer = scene.send(name, f"mine {scope}")
        assert answer.status_code == 403
        if _OPERATIONS[name][0] != "head":
            assert answer.json()["code"] == "missing_scope"


@pytest.mark.parametrize("name", _GUARDED)
def test_a_token_of_another_project_finds_nothing(scene: Scene, name: str) -> None:
    answer = scene.send(name, f"other {_OPERATIONS[name][2]}")
    assert answer.status_code == _STRANGER.get(name, 404), answer.text
    if name not in ("create_upload", "create_token"):
        told = answer.text.replace(str(answer.headers["X-Request-Id"]), "")
        assert not [value for value in scene.ids.values() if value in told and len(value) > _SHORT]
        assert '"mine"' not in told


@pytest.mark.parametrize("bound", ["mine", "any"])
@pytest.mark.parametrize(
    "name", [name for name in _GUARDED if _OPERATIONS[name][0] in ("get", "head")]
)
def test_who_may_look_can_look(scene: Scene, name: str, bound: str) -> None:
    for scope in _stronger(_OPERATIONS[name][2]):
        answer = scene.send(name, f"{bound} {scope}")
        assert answer.is_success or answer.status_code == _DONE.get(name), answer.text


def test_who_may_change_can_change(scene: Scene) -> None:
    """In an order in which nothing is gone before it is needed."""
    changing = [name for name in _GUARDED if _OPERATIONS[name][0] not in ("get", "head")]
    needs_any = ("create_project", "delete_project")
    assert set(_LAST) <= set(changing)
    for name in (*(one for one in changing if one not in _LAST), *_LAST):
        if name == _LAST[0]:
            _cancel_all(scene)
        bound = "any" if name in needs_any else "mine"
        answer = scene.send(name, f"{bound} {_OPERATIONS[name][2]}")
        assert answer.is_success or answer.status_code == _DONE.get(name), (name, answer.text)


def _cancel_all(scene: Scene) -> None:
    client, headers = scene.world.client, {"Authorization": f"Bearer {scene.tokens['mine admin']}"}
    for audit in client.get("/v1/audits?state=queued", headers=headers).json()["items"]:
        assert client.post(audit["links"]["self"] + "/cancel", headers=headers).is_success
