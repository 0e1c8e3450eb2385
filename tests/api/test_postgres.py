"""The same service on PostgreSQL: texts and orders that SQLite would forgive."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from apiworld import FAILING, PASSING, World
from holdfast_api.app import create_app
from holdfast_api.settings import ApiSettings
from holdfast_db.settings import StorageSettings


@pytest.fixture
def world(tmp_path: Path, new_postgres_database: Callable[..., str]) -> Iterator[World]:
    """A service with a PostgreSQL database of its own."""
    storage = StorageSettings(data=tmp_path, database_url=new_postgres_database(), min_free_bytes=0)
    rings: list[str] = []
    app = create_app(ApiSettings(poll_s=0.02), storage, ring=rings.append)
    app.state.parts.db.migrate()
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield World(client, app.state.parts, rings)


def test_the_whole_story_is_the_same(world: World) -> None:
    assert world.client.get("/readyz").json()["status"] == "degraded"
    audit_id = world.done(PASSING)
    failed = world.failed()
    assert world.client.post(f"/v1/audits/{failed}/retry").json()["state"] == "queued"
    assert world.client.post(f"/v1/audits/{failed}/cancel").json()["state"] == "cancelled"
    answer = world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": FAILING})
    assert answer.json()["decision"] == "failed"
    assert "event: finished" in world.client.get(f"/v1/audits/{audit_id}/events").text
    first = world.client.get("/v1/audits?limit=1").json()
    second = world.client.get("/v1/audits", params={"cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [failed, audit_id]
    assert "Gate failed" in world.client.get(f"/audits/{audit_id}").text


def test_a_cursor_that_no_text_column_takes_is_a_wrong_request(world: World) -> None:
    cursor = base64.urlsafe_b64encode(b"2026-11-24T10:00:00+00:00 \x00").decode()
    answer = world.client.get("/v1/audits", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_names_without_control_characters_arrive_whole(world: World) -> None:
    model_id = world.model(name="net\x00\x1b[31m é 漢")
    view = world.client.get(f"/v1/models/{model_id}").json()
    assert view["name"] == "net[31m é 漢"
