"""Messages to real receivers behind TLS, and to addresses that nobody may be sent to."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from holdfast_db.hook_rules import read_allow
from holdfast_db.outbox import BACKOFF_S, Due, due, keep_sent, post, take
from holdfast_db.session import Database
from holdfast_db.tables import DeliveryRow, WebhookRow
from holdfast_worker import posting
from holdfast_worker.posting import Poster
from holdfast_worker.settings import WorkerSettings
from holdfast_worker.webhooks import WebhookSender, sending
from receivers import certificate, receiving, signed_by
from workers import Place, wait_for

_KEYS = [f"whsec_{base64.b64encode(bytes([n]) * 24).decode()}" for n in (1, 2)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the receivers."""
    return certificate(tmp_path_factory.mktemp("tls"))


def _settings(place: Place, made: Path | None, allow: str) -> WorkerSettings:
    values = {"data": place.data, "webhook_allow": allow, "reconcile_s": 0.05}
    return WorkerSettings.model_validate({**values, "webhook_ca": str(made or "")})


def _sender(place: Place, made: Path | None, allow: str) -> WebhookSender:
    return WebhookSender(place.db, _settings(place, made, allow))


def _message(db: Database, url: str, **columns: object) -> int:
    with db.transaction() as session:
        hook = WebhookRow(project="default", url=url, events=[], secret=_KEYS[0], **columns)
        session.add(hook)
        session.flush()
        return post(session, hook, "webhook.test", {"n": 1}).id


def _row(db: Database, message_id: int) -> DeliveryRow:
    with db.reading() as session:
        return session.get_one(DeliveryRow, message_id)


def _here(port: int) -> str:
    return f"localhost:{port}@127.0.0.0/8+::1/128"


def test_a_message_arrives_signed(place: Place, made: Path) -> None:
    with receiving(made) as receiver:
        sent = _message(place.db, receiver.url)
        assert _sender(place, made, _here(receiver.port)).round() == 1
    row = _row(place.db, sent)
    assert (row.state, row.tries, row.last_status, row.last_error) == ("delivered", 1, 200, None)
    assert row.delivered_at is not None
    ((headers, body),) = receiver.came
    assert body.decode() == row.payload
    assert json.loads(body)["type"] == "webhook.test"
    assert headers["webhook-id"] == row.message_id
    assert headers["host"] == f"localhost:{receiver.port}"
    assert headers[":path"] == "/hook?x=1"
    assert headers["content-type"] == "application/json"
    assert signed_by(headers, body, _KEYS[0])
    assert not signed_by(headers, body, _KEYS[1])
    assert not signed_by(headers, body + b" ", _KEYS[0])


def test_the_old_secret_signs_along_until_its_day_is_over(place: Place, made: Path) -> None:
    now = datetime.now(UTC)
    with receiving(made) as receiver:
        for hours in (1, -1):
            until = now + timedelta(hours=hours)
            _message(place.db, receiver.url, old_secret=_KEYS[1], old_secret_until=until)
        assert _sender(place, made, _here(receiver.port)).round() == 2
    signed = [signed_by(headers, body, _KEYS[1]) for headers, body in receiver.came]
    assert sorted(signed) == [False, True]
    assert all(signed_by(headers, body, _KEYS[0]) for headers, body in receiver.came)


def _status(code: int) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()

    return answer


@pytest.mark.parametrize("code", [302, 307, 404, 500])
def test_only_success_is_an_arrival_and_nothing_is_followed(
    place: Place, made: Path, code: int
) -> None:
    with receiving(made, _status(code)) as receiver:
        sent = _message(place.db, receiver.url)
        _sender(place, made, _here(receiver.port)).round()
    row = _row(place.db, sent)
    assert (row.state, row.tries, row.last_status) == ("waiting", 1, code)
    assert len(receiver.came) == 1


def test_a_message_is_tried_for_days_and_then_given_up(place: Place) -> None:
    sent = _message(place.db, "https://localhost/")
    pauses = []
    for _ in range(len(BACKOFF_S) + 1):
        with place.db.transaction() as session:
            session.get_one(DeliveryRow, sent).next_try_at = datetime.now(UTC) - timedelta(days=1)
        with place.db.transaction() as session:
            (message,) = due(session, 10)
            assert take(session, message)
            assert not take(session, message), "one of two senders"
            state = keep_sent(session, message, 500, "status")
        row = _row(place.db, sent)
        pauses.append((row.next_try_at - datetime.now(UTC)).total_seconds())
    assert (state, row.tries) == ("given_up", len(BACKOFF_S) + 1)
    assert pauses[:-1] == pytest.approx(BACKOFF_S, abs=2)
    assert (BACKOFF_S[0], BACKOFF_S[-1]) == (5, 24 * 3600)
    with place.db.transaction() as session:
        assert due(session, 10) == []


def _endless(handler: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, one byte at a time: no single read is slow."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            handler.wfile.write(b"x")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.02)


def _huge(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(2000):
            handler.wfile.write(bytes(100_000))
    except OSError:
        return


def test_a_slow_receiver_is_cut_off(
    place: Place, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "_LIMIT_S", 0.4)
    with receiving(made, _endless) as receiver:
        sent = _message(place.db, receiver.url)
        started = time.monotonic()
        _sender(place, made, _here(receiver.port)).round()
        assert time.monotonic() - started < 5
    assert (_row(place.db, sent).state, _row(place.db, sent).last_error) == ("waiting", "late")


def test_of_a_large_answer_little_is_read(place: Place, made: Path) -> None:
    with receiving(made, _huge) as receiver:
        sent = _message(place.db, receiver.url)
        started = time.monotonic()
        _sender(place, made, _here(receiver.port)).round()
        assert time.monotonic() - started < 3
    assert _row(place.db, sent).state == "delivered"


def test_a_certificate_of_another_name_or_authority_is_no_receiver(made: Path) -> None:
    with receiving(made) as receiver:
        for host, ca, error in [
            ("localhost", str(made), None),
            ("localhost", "", "tls"),
            ("127.0.0.1", str(made), "tls"),
        ]:
            allowed = read_allow(f"{host}:{receiver.port}@127.0.0.0/8+::1/128")
            url = receiver.url.replace("localhost", host)
            message = Due(1, 0, url, (_KEYS[0],), "msg_1", "{}")
            assert Poster(allowed, ca).post(message).error == error
    assert len(receiver.came) == 1


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"]
)
def test_nothing_of_this_machine_is_reached_unless_it_is_named(
    place: Place, made: Path, host: str
) -> None:
    with receiving(made) as receiver:
        sent = _message(place.db, f"https://{host}:{receiver.port}/")
        _sender(place, made, f"*:{receiver.port}").round()
    row = _row(place.db, sent)
    assert (row.state, row.last_error, row.last_status) == ("waiting", "refused", None)
    assert receiver.came == []


def test_every_address_of_a_name_must_be_public(
    place: Place, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("93.184.216.34", port)), (*kind, ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    sent = _message(place.db, "https://rebound.example.com/")
    _sender(place, made, "*").round()
    assert _row(place.db, sent).last_error == "refused"
    assert asked == ["rebound.example.com"], "resolved once"


def test_the_address_that_was_judged_is_the_one_that_is_used(
    place: Place, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(made) as receiver:
        real, answers = socket.getaddrinfo, iter(["127.0.0.1"])

        def resolve(host: str, port: int, **more: object) -> list[tuple[object, ...]]:
            if host != "localhost":
                return list(real(host, port, **more))  # type: ignore[arg-type]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        sent = _message(place.db, receiver.url)
        _sender(place, made, _here(receiver.port)).round()
    assert _row(place.db, sent).state == "delivered", "a second look-up would have found nothing"


def test_a_name_that_is_nobody_s_is_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    sent = _message(place.db, "https://nobody.invalid/")
    _sender(place, None, "*").round()
    assert (_row(place.db, sent).state, _row(place.db, sent).last_error) == (
        "waiting",
        "unresolved",
    )


def test_after_a_month_a_message_that_is_over_is_forgotten(place: Place) -> None:
    url, now = "https://nobody.invalid/", datetime.now(UTC)
    kept = []
    for state, days in [("delivered", 31), ("given_up", 31), ("delivered", 29), ("waiting", 31)]:
        sent = _message(place.db, url, enabled=False)
        with place.db.transaction() as session:
            row = session.get_one(DeliveryRow, sent)
            row.state, row.next_try_at = state, now - timedelta(days=days)
        kept += [sent] if days == 29 or state == "waiting" else []
    _sender(place, None, "*").round()
    with place.db.reading() as session:
        assert [row.id for row in session.query(DeliveryRow).order_by(DeliveryRow.id)] == kept


def test_of_two_senders_one_sends(place: Place, made: Path) -> None:
    with receiving(made) as receiver:
        _message(place.db, receiver.url)
        first, second = (_sender(place, made, _here(receiver.port)) for _ in range(2))
        assert [first.round(), second.round()] == [1, 0]
    assert len(receiver.came) == 1


def test_a_webhook_that_is_off_waits(place: Place, made: Path) -> None:
    with receiving(made) as receiver:
        sent = _message(place.db, receiver.url, enabled=False)
        assert _sender(place, made, _here(receiver.port)).round() == 0
    assert _row(place.db, sent).state == "waiting"


def test_the_thread_sends_and_ends(place: Place, made: Path) -> None:
    with receiving(made) as receiver:
        with sending(place.db, _settings(place, made, _here(receiver.port))):
            sent = _message(place.db, receiver.url)
            wait_for("the message", lambda: _row(place.db, sent).state == "delivered", 10)
        assert not [each for each in threading.enumerate() if each.name.startswith("webhook")]


def test_without_a_list_nothing_runs(place: Place) -> None:
    with sending(place.db, _settings(place, None, "")):
        assert not [each for each in threading.enumerate() if each.name == "webhooks"]
