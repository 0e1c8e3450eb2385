"""What a reader of an audit's events is told."""

from holdfast.records.job import Progress
from holdfast_db import jobs
from holdfast_db.queries import events_after
from holdfast_db.session import Database
from holdfast_db.tables import EventRow
from rows import BLOB, Submit


def _story(db: Database, audit_id: str, after_id: int = 0) -> list[EventRow]:
    with db.reading() as session:
        return events_after(session, audit_id, after_id)


def _beat(db: Database, claim: jobs.Claim, done: int) -> None:
    with db.transaction() as session:
        jobs.heartbeat(session, claim, 60, Progress(stage="measuring", done=done, total=9))


def test_the_events_tell_the_life_of_an_audit(db: Database, taken: jobs.Claim) -> None:
    _beat(db, taken, 4)
    with db.transaction() as session:
        finished = jobs.Finished(BLOB.sha256, BLOB.sha256, "{}", "failed")
        jobs.finish(session, taken, finished)
    story = _story(db, taken.audit_id)
    assert [(event.kind, event.data.get("state")) for event in story] == [
        ("state", "queued"),
        ("state", "running"),
        ("progress", None),
        ("finished", "done"),
    ]
    assert story[2].data == {"stage": "measuring", "done": 4, "total": 9}
    assert story[3].data["decision"] == "failed"
    later = _story(db, taken.audit_id, story[2].id)
    assert [event.id for event in later] == [story[3].id]


def test_only_the_newest_progress_is_kept_and_ids_never_repeat(
    db: Database, taken: jobs.Claim
) -> None:
    seen = []
    for done in range(4):
        _beat(db, taken, done)
        seen.append([event for event in _story(db, taken.audit_id) if event.kind == "progress"])
    assert [[event.data["done"] for event in events] for events in seen] == [[0], [1], [2], [3]]
    ids = [events[0].id for events in seen]
    assert ids == sorted(set(ids))


def test_a_retry_starts_a_new_story_with_higher_ids(db: Database, submit: Submit) -> None:
    audit_id = submit()
    with db.transaction() as session:
        jobs.request_cancel(session, audit_id)
    last = _story(db, audit_id)[-1]
    assert (last.kind, last.data["state"]) == ("finished", "cancelled")
    with db.transaction() as session:
        jobs.retry(session, audit_id)
    (first,) = _story(db, audit_id)
    assert (first.kind, first.data["state"]) == ("state", "queued")
    assert first.id > last.id
