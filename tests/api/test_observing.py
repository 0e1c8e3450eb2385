"""One line in the log for each request, with ids, without secrets."""

import json
import logging
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from apiworld import NewWorld, World
from holdfast_api.observing import token_prefix
from holdfast_db.logs import set_up_logs

TOKEN = "hold_" + "x" * 40


def _requests(logs: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [line for line in logs if line["event"] == "request"]


def test_a_request_is_one_line_with_status_time_and_ids(world: World) -> None:
    audit_id = world.audit()
    with capture_logs() as logs:
        answer = world.client.get(f"/v1/audits/{audit_id}?wait=0")
    (line,) = _requests(logs)
    assert line["log_level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("GET", f"/v1/audits/{audit_id}", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["audit_id"], line["sent_bytes"]) == (audit_id, len(answer.content))
    assert 0 < line["duration_ms"] < 10_000


def test_the_log_holds_only_the_beginning_of_a_token_and_no_query(new_world: NewWorld) -> None:
    world = new_world(token=TOKEN)
    sent = {"Authorization": f"Bearer {TOKEN}"}
    with capture_logs() as logs:
        world.client.get("/v1/audits?name=secret-name", headers=sent)
        world.client.get("/v1/audits", headers={"Authorization": "Bearer wrong"})
        world.client.get("/v1/audits")
    lines = _requests(logs)
    assert [line["token"] for line in lines] == ["hold_xxx…", "(short)", None]
    assert [line["status"] for line in lines] == [200, 401, 401]
    assert "secret-name" not in str(logs)
    assert TOKEN not in str(logs)


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("", None),
        ("Basic abc", None),
        ("Bearer ", None),
        ("bearer " + "k" * 24, "kkkkkkkk…"),
        ("Bearer " + "k" * 23, "(short)"),
    ],
)
def test_what_is_shown_of_a_token(header: str, shown: str | None) -> None:
    assert token_prefix(header) == shown


def test_probes_are_quiet_while_they_succeed(world: World) -> None:
    with capture_logs() as logs:
        world.client.get("/healthz")
        world.client.get("/metrics")
        world.parts.store.partials.rmdir()
        world.client.get("/readyz")
    assert [(line["path"], line["log_level"]) for line in _requests(logs)] == [
        ("/healthz", "debug"),
        ("/metrics", "debug"),
        ("/readyz", "info"),
    ]


@pytest.fixture
def real_logs() -> Iterator[None]:
    """The configuration of a service, taken back afterwards."""
    root = logging.getLogger()
    before = (root.handlers, root.level, structlog.get_config())
    yield
    root.handlers, level, config = before
    root.setLevel(level)
    structlog.configure(**config)
    logging.getLogger("uvicorn.access").disabled = False


def _written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What a service wrote; the client of the tests logs into the same stream."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if not line["logger"].startswith("httpx")]


@pytest.mark.usefixtures("real_logs")
def test_lines_are_json_and_nobody_can_forge_one(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs()
    world.client.get('/v1/x%0a{"event":"forged"}')
    world.client.get("/v1/audits/nope", headers={"X-Request-Id": "my-request-1"})
    logging.getLogger("some.library").warning("a line of a %s", "library")
    lines = _written(capsys)
    assert [line["event"] for line in lines] == ["request", "request", "a line of a library"]
    assert lines[1]["request_id"] == "my-request-1"
    assert {"timestamp", "level", "logger"} <= set(lines[2])


@pytest.mark.usefixtures("real_logs")
def test_each_line_of_a_request_says_for_which_audit(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs()
    audit_id = world.done()
    capsys.readouterr()
    for path in (world.parts.store.root / "blobs" / "sha256").rglob("*"):
        if path.is_file():
            path.unlink()
    answer = world.client.get(f"/v1/audits/{audit_id}/report.html")
    assert answer.status_code == 500
    lines = _written(capsys)
    assert [line["event"] for line in lines] == ["request_failed", "request"]
    assert {line["audit_id"] for line in lines} == {audit_id}
    assert {line["request_id"] for line in lines} == {answer.headers["x-request-id"]}
