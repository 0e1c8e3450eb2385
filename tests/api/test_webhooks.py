"""Webhooks from the owner's side: what is told, to whom, and what is never shown again."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from apiworld import FAILING, PASSING, NewWorld, World
from holdfast_db.outbox import due, keep_sent, take
from holdfast_db.tables import WebhookRow

URL = "https://hooks.example.com/holdfast"


@pytest.fixture
def hooked(new_world: NewWorld) -> World:
    """A service whose operator allows one receiver."""
    return new_world(webhook_allow="hooks.example.com")


def _hook(world: World, **more: object) -> dict[str, Any]:
    answer = world.client.post("/v1/webhooks", json={"url": URL, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/webhooks/{made['id']}"
    return made


def _deliveries(world: World, hook: dict[str, Any], **query: str | int) -> dict[str, Any]:
    url = f"/v1/webhooks/{hook['id']}/deliveries"
    answer: dict[str, Any] = world.client.get(url, params=query).json()
    return answer


def test_the_secret_is_shown_once(hooked: World) -> None:
    made = _hook(hooked)
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    shown = hooked.client.get(f"/v1/webhooks/{made['id']}")
    listed = hooked.client.get("/v1/webhooks")
    assert shown.json() == {key: made[key] for key in made if key != "secret"}
    assert listed.json()["items"] == [shown.json()]
    assert made["secret"] not in shown.text + listed.text


def test_without_a_list_there_are_no_webhooks(world: World) -> None:
    answer = world.client.post("/v1/webhooks", json={"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_refused")
    assert "HOLDFAST_WEBHOOK_ALLOW" in answer.json()["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://hooks.example.com:8443/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com.evil.test/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com\\@127.0.0.1/",
    ],
)
def test_an_address_that_is_not_allowed_is_refused(hooked: World, url: str) -> None:
    made = _hook(hooked)
    path = f"/v1/webhooks/{made['id']}"
    for answer in (
        hooked.client.post("/v1/webhooks", json={"url": url}),
        hooked.client.patch(path, json={"url": url}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_refused")
    assert hooked.client.get(path).json()["url"] == URL


def test_it_is_changed_and_removed(hooked: World) -> None:
    made = _hook(hooked, events=["audit.finished", "audit.finished"])
    assert made["events"] == ["audit.finished"]
    path = f"/v1/webhooks/{made['id']}"
    changed = hooked.client.patch(path, json={"events": ["verdict.changed"], "enabled": False})
    assert (changed.json()["events"], changed.json()["enabled"]) == (["verdict.changed"], False)
    hooked.done(PASSING)
    assert _deliveries(hooked, made)["items"] == []
    assert hooked.client.patch(path, json={"events": []}).status_code == 422
    assert hooked.client.patch(path, json={"colour": "red"}).status_code == 422
    assert hooked.client.delete(path).status_code == 204
    assert hooked.client.get(path).status_code == 404


def test_a_finished_audit_is_told_once_and_its_message_says_nothing_secret(hooked: World) -> None:
    made = _hook(hooked)
    audit_id = hooked.done(FAILING, branch="main")
    (item,) = _deliveries(hooked, made)["items"]
    assert (item["event"], item["state"], item["tries"]) == ("audit.finished", "waiting", 0)
    payload = json.loads(item["payload"])
    assert payload["type"] == "audit.finished"
    assert datetime.fromisoformat(payload["timestamp"]).tzinfo is not None
    data = payload["data"]
    assert (data["audit_id"], data["state"], data["decision"]) == (audit_id, "done", "failed")
    assert (data["project"], data["branch"], data["model"]) == ("default", "main", "net")
    hooked.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": FAILING})
    assert len(_deliveries(hooked, made)["items"]) == 1, "the same decision is no change"
    hooked.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": PASSING})
    newest = json.loads(_deliveries(hooked, made)["items"][0]["payload"])
    assert newest["type"] == "verdict.changed"
    assert (newest["data"]["decision"], newest["data"]["previous_decision"]) == ("passed", "failed")


def test_a_new_secret_leaves_the_old_one_a_day(hooked: World) -> None:
    made = _hook(hooked)
    rotated = hooked.client.post(f"/v1/webhooks/{made['id']}/rotate").json()
    assert rotated["secret"] != made["secret"]
    until = datetime.fromisoformat(rotated["old_secret_until"])
    assert until - datetime.now(UTC) == pytest.approx(timedelta(hours=24), abs=timedelta(minutes=1))
    hooked.client.post(f"/v1/webhooks/{made['id']}/test")
    with hooked.parts.db.reading() as session:
        (message,) = due(session, 10)
        assert message.secrets == (rotated["secret"], made["secret"])
    with hooked.parts.db.transaction() as session:
        row = session.scalars(select(WebhookRow)).one()
        row.old_secret_until = datetime.now(UTC) - timedelta(seconds=1)
    with hooked.parts.db.reading() as session:
        assert due(session, 10)[0].secrets == (rotated["secret"],)


def test_a_message_is_sent_again_under_its_id(hooked: World) -> None:
    made = _hook(hooked)
    sent = hooked.client.post(f"/v1/webhooks/{made['id']}/test")
    assert (sent.status_code, sent.json()["event"]) == (202, "webhook.test")
    with hooked.parts.db.transaction() as session:
        (message,) = due(session, 10)
        assert take(session, message)
        assert keep_sent(session, message, 200, None) == "delivered"
    (item,) = _deliveries(hooked, made)["items"]
    assert (item["state"], item["tries"], item["last_status"]) == ("delivered", 1, 200)
    url = f"/v1/webhooks/{made['id']}/deliveries/{item['id']}/redeliver"
    again = hooked.client.post(url)
    assert (again.status_code, again.json()["state"], again.json()["tries"]) == (202, "waiting", 0)
    assert again.json()["message_id"] == item["message_id"]
    other = _hook(hooked)
    foreign = f"/v1/webhooks/{other['id']}/deliveries/{item['id']}/redeliver"
    assert hooked.client.post(foreign).status_code == 404
    assert hooked.client.post(url.replace(str(item["id"]), "9" * 30)).status_code == 404


def test_messages_come_in_pages(hooked: World) -> None:
    made = _hook(hooked)
    for _ in range(3):
        hooked.client.post(f"/v1/webhooks/{made['id']}/test")
    first = _deliveries(hooked, made, limit=2)
    rest = _deliveries(hooked, made, limit=2, cursor=first["next_cursor"])
    ids = [item["id"] for page in (first, rest) for item in page["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    assert rest["next_cursor"] is None
