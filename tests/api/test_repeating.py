"""Idempotency-Key: a POST that is sent again is done once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from apiworld import NewWorld, World
from holdfast_db.tables import AuditRow, IdempotencyRow, UploadRow
from holdfast_db.tokens import NewToken, add_token

_BODY = {"kind": "model", "size_bytes": 64}


def _key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


def _count(world: World, table: Any) -> int:
    with world.parts.whole_db.reading() as session:
        return len(session.scalars(select(table)).all())


def test_the_same_request_is_done_once_and_answered_twice(world: World) -> None:
    first, again, other = (
        world.client.post("/v1/uploads", json=_BODY, headers=_key(key)) for key in "aab"
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content != other.content
    assert first.headers["Location"] == again.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in first.headers
    assert _count(world, UploadRow) == 2


def test_an_audit_is_submitted_once(world: World) -> None:
    body = {"model_id": world.model(), "probe_set_id": world.probe_set()}
    answers = [world.client.post("/v1/audits", json=body, headers=_key("k")) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert _count(world, AuditRow) == 1
    assert world.rings == ["cpu"]


def test_an_upload_of_tus_is_created_once(world: World) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": "kind bW9kZWw="}
    first, again = (
        world.client.post("/v1/uploads", headers={**headers, **_key("k")}) for _ in range(2)
    )
    assert first.headers["Location"] == again.headers["Location"]
    longer = world.client.post(
        "/v1/uploads", headers={**headers, "Upload-Length": "8", **_key("k")}
    )
    assert longer.json()["code"] == "idempotency_key_reused"


def test_a_key_is_for_one_request(world: World) -> None:
    world.client.post("/v1/uploads", json=_BODY, headers=_key("k"))
    answer = world.client.post("/v1/uploads", json={**_BODY, "size_bytes": 65}, headers=_key("k"))
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    answer = world.client.post("/v1/audits", json=_BODY, headers=_key("k"))
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_request_frees_its_key(world: World) -> None:
    wrong = world.client.post("/v1/uploads", json={**_BODY, "size_bytes": 0}, headers=_key("k"))
    assert wrong.status_code == 422
    assert world.client.post("/v1/uploads", json=_BODY, headers=_key("k")).status_code == 201


def test_keys_of_two_tokens_are_apart(new_world: NewWorld) -> None:
    world = new_world(auth="on")
    with world.parts.whole_db.transaction() as session:
        secrets = [add_token(session, NewToken("t", "audit"))[1] for _ in range(2)]
    urls = {
        world.client.post(
            "/v1/uploads",
            json=_BODY,
            headers={**_key("k"), "Authorization": f"Bearer {secret}"},
        ).json()["url"]
        for secret in secrets
    }
    assert len(urls) == 2


def test_many_at_once_are_one(world: World) -> None:
    body = {"model_id": world.model(), "probe_set_id": world.probe_set()}
    codes: list[int] = []

    def send() -> None:
        codes.append(world.client.post("/v1/audits", json=body, headers=_key("k")).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert _count(world, AuditRow) == 1


def test_who_died_while_answering_does_not_hold_the_key(world: World) -> None:
    first = world.client.post("/v1/uploads", json=_BODY, headers=_key("k"))
    with world.parts.whole_db.transaction() as session:
        row = session.scalars(select(IdempotencyRow)).one()
        row.status = None
    answer = world.client.post("/v1/uploads", json=_BODY, headers=_key("k"))
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")
    with world.parts.whole_db.transaction() as session:
        row = session.scalars(select(IdempotencyRow)).one()
        row.created_at -= timedelta(minutes=3)
    answer = world.client.post("/v1/uploads", json=_BODY, headers=_key("k"))
    assert answer.status_code == 201
    assert answer.json()["url"] != first.json()["url"]


def test_after_a_day_a_key_is_new(world: World) -> None:
    first = world.client.post("/v1/uploads", json=_BODY, headers=_key("k")).json()
    with world.parts.whole_db.transaction() as session:
        session.scalars(select(IdempotencyRow)).one().created_at -= timedelta(hours=25)
    assert world.client.post("/v1/uploads", json=_BODY, headers=_key("k")).json() != first


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_senseless_key_is_refused(world: World, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = world.client.post("/v1/uploads", json=_BODY, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_reading_takes_no_key(world: World) -> None:
    assert world.client.get("/v1/audits", headers=_key("k")).status_code == 200
    assert _count(world, IdempotencyRow) == 0
