"""How each error of projects, tokens and removal comes about; see `upload_cases`."""

from functools import partial
from typing import Final

from httpx2 import Response

from apiworld import World
from upload_cases import NOWHERE, Case, a_zip

__all__ = ["ACCESS_CASES"]

_ASSETS = {"delete_model": "models", "delete_probe_set": "probe-sets"}


_WEIGHTS = a_zip(("net/data.pkl",))


def _weights(world: World, architecture: str) -> Response:
    sha256 = world.put(_WEIGHTS).json()["sha256"]
    return world.client.post(
        "/v1/models", json={"name": "x", "sha256": sha256, "architecture": architecture}
    )


def _weights_twice(world: World) -> Response:
    _weights(world, "timm/resnet18")
    return _weights(world, "timm/resnet50")


def _delete_used(world: World, where: str, audit_id: str) -> Response:
    audit = world.client.get(f"/v1/audits/{audit_id}").json()
    key = "model_id" if where == "models" else "probe_set_id"
    return world.client.delete(f"/v1/{where}/{audit[key]}")


def _delete_open(world: World, *, where: str) -> Response:
    return _delete_used(world, where, world.audit())


def _delete_done(world: World, *, where: str) -> Response:
    return _delete_used(world, where, world.done())


def _delete(world: World, path: str) -> Response:
    return world.client.delete(path)


def _small_project(world: World) -> str:
    """A project whose only place in the queue is taken; the id of an audit that may be retried."""
    world.client.post("/v1/projects", json={"slug": "p", "max_queued": 1})
    first = world.audit(project="p")
    world.client.post(f"/v1/audits/{first}/cancel")
    world.audit(project="p")
    return first


def _audit_of(world: World, audit_id: str) -> Response:
    audit = world.client.get(f"/v1/audits/{audit_id}").json()
    keys = ("project", "model_id", "probe_set_id")
    return world.client.post("/v1/audits", json={key: audit[key] for key in keys})


def _bound(world: World, method: str, path: str, **body: object) -> Response:
    """Ask with an admin token of project `p`."""
    asked = {"name": "t", "scope": "admin", "project": "p"}
    token = world.client.post("/v1/tokens", json=asked).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    return world.client.request(method, path, json=body or None, headers=headers)


def _post_project(world: World, **body: object) -> Response:
    return world.client.post("/v1/projects", json={"slug": "p", **body})


ACCESS_CASES: Final[dict[tuple[str, str], Case]] = {
    ("create_model", "architecture_unavailable"): lambda w: _weights(w, "keras/resnet50"),
    ("create_model", "name_taken"): _weights_twice,
    ("create_audit", "project_queue_full"): lambda w: _audit_of(w, _small_project(w)),
    ("retry_audit", "project_queue_full"): lambda w: w.client.post(
        f"/v1/audits/{_small_project(w)}/retry"
    ),
    ("delete_audit", "not_found"): lambda w: _delete(w, f"/v1/audits/{NOWHERE}"),
    ("create_token", "not_found"): lambda w: _bound(
        w, "POST", "/v1/tokens", name="t", scope="read", project="q"
    ),
    ("delete_token", "not_found"): lambda w: _delete(w, f"/v1/tokens/{NOWHERE}"),
    ("create_project", "bound_token"): lambda w: _bound(w, "POST", "/v1/projects", slug="q"),
    ("create_project", "project_taken"): lambda w: _post_project(w, slug="default"),
    ("create_project", "not_found"): lambda w: _post_project(w, policy_id=NOWHERE),
    ("get_one_project", "not_found"): lambda w: w.client.get("/v1/projects/p"),
    ("change_project", "not_found"): lambda w: w.client.patch("/v1/projects/p", json={"name": "P"}),
    ("change_project", "bound_token"): lambda w: _bound(
        w, "PATCH", "/v1/projects/p", max_queued=99
    ),
    ("delete_project", "bound_token"): lambda w: _bound(w, "DELETE", "/v1/projects/p"),
    ("delete_project", "not_found"): lambda w: _delete(w, "/v1/projects/p"),
    ("delete_project", "open_audits"): lambda w: _delete(
        w, "/v1/projects/" + w.client.get(f"/v1/audits/{w.audit()}").json()["project"]
    ),
    **{
        (operation, "not_found"): partial(_delete, path=f"/v1/{where}/{NOWHERE}")
        for operation, where in _ASSETS.items()
    },
    **{
        (operation, "open_audits"): partial(_delete_open, where=where)
        for operation, where in _ASSETS.items()
    },
    **{
        (operation, "in_use"): partial(_delete_done, where=where)
        for operation, where in _ASSETS.items()
    },
}
