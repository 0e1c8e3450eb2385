import json
import threading

import pytest

from apiworld import PASSING, World, result_of


def _read(text: str) -> list[tuple[int, str, dict[str, object]]]:
    """The events of a finished stream: id, kind, data."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if line[:1] not in ("", ":")
        )
        if fields:
            events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return events


def test_a_finished_audit_tells_its_story_and_ends(world: World) -> None:
    audit_id = world.audit(policy=PASSING)
    claim = world.claim()
    world.beat(claim, 5, 10)
    world.finish(claim, result_of(), PASSING)
    answer = world.client.get(f"/v1/audits/{audit_id}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    events = _read(answer.text)
    assert [kind for _, kind, _ in events] == ["state", "state", "progress", "finished"]
    assert events[2][2] == {"stage": "probing", "done": 5, "total": 10}
    assert events[-1][2] == {
        "state": "done",
        "decision": "passed",
        "error_code": None,
        "cancel_reason": None,
    }


def test_a_reader_resumes_where_it_was(world: World) -> None:
    audit_id = world.failed()
    url = f"/v1/audits/{audit_id}/events"
    events = _read(world.client.get(url).text)
    rest = world.client.get(url, headers={"Last-Event-ID": str(events[0][0])})
    assert _read(rest.text) == events[1:]


def test_after_the_last_event_a_reader_is_sent_home(world: World) -> None:
    url = f"/v1/audits/{world.failed()}/events"
    last = _read(world.client.get(url).text)[-1][0]
    answer = world.client.get(url, headers={"Last-Event-ID": str(last)})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_reader_hears_what_happens_while_it_listens(world: World) -> None:
    audit_id = world.audit()
    claim = world.claim()

    def work() -> None:
        world.beat(claim, 1, 2)
        world.fail(claim, "time_limit", limit="1", setting="x")

    timer = threading.Timer(0.3, work)
    timer.start()
    events = _read(world.client.get(f"/v1/audits/{audit_id}/events").text)
    timer.join()
    assert [kind for _, kind, _ in events[-2:]] == ["progress", "finished"]
    assert events[-1][2]["error_code"] == "time_limit"


def test_an_audit_that_is_not_there_has_no_events(world: World) -> None:
    answer = world.client.get("/v1/audits/00000000-0000-7000-8000-000000000000/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("given", ["x", "-1", "1e3", "9" * 30])
def test_an_id_that_we_never_gave_is_refused(world: World, given: str) -> None:
    url = f"/v1/audits/{world.audit()}/events"
    answer = world.client.get(url, headers={"Last-Event-ID": given})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
