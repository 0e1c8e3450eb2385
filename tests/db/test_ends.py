"""Done, failed, cancelled, and once more."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from holdfast_db import jobs
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, ResultRow, ShardRow
from rows import BLOB, Look, Submit, Take

DONE = jobs.Finished(BLOB.sha256, "cd" * 32, '{"decision":"passed"}', "passed")


def test_a_finished_audit_has_its_files_its_verdict_and_one_result(
    db: Database, taken: jobs.Claim, look: Look
) -> None:
    with db.transaction() as session:
        assert jobs.finish(session, taken, DONE)
    audit = look(taken.audit_id)
    assert (audit.state, audit.decision, audit.finalized) == ("done", "passed", 1)
    assert (audit.result_sha256, audit.samples_sha256) == (DONE.result_sha256, DONE.samples_sha256)
    assert audit.verdict == DONE.verdict_json
    assert audit.finished_at is not None
    with db.reading() as session:
        shard = session.get_one(ShardRow, taken.shard_id)
        assert (shard.state, shard.lease_token, shard.lease_until) == ("done", None, None)
        assert session.get_one(ResultRow, taken.shard_id).attempt == 1


def test_an_audit_that_is_done_is_not_finalized_again(
    db: Database, taken: jobs.Claim, look: Look
) -> None:
    with db.transaction() as session:
        assert jobs.finish(session, taken, DONE)
        assert not jobs.finalize(session, taken.audit_id)
    assert look(taken.audit_id).finalized == 1


def test_a_failure_keeps_its_code_and_fields(db: Database, taken: jobs.Claim, look: Look) -> None:
    with db.transaction() as session:
        assert jobs.fail(session, taken, "opset", {"n": "99"})
    audit = look(taken.audit_id)
    assert (audit.state, audit.error_code, audit.error_fields) == ("failed", "opset", {"n": "99"})
    assert audit.finalized == 0


def test_an_audit_is_done_when_its_last_shard_is(
    db: Database, taken: jobs.Claim, add_shard: Callable[[str], str], take: Take, look: Look
) -> None:
    add_shard(taken.audit_id)
    with db.transaction() as session:
        assert jobs.finish(session, taken, DONE)
    assert look(taken.audit_id).state == "running"
    last = take()
    assert last is not None
    with db.transaction() as session:
        assert jobs.finish(session, last, DONE)
    audit = look(taken.audit_id)
    assert (audit.state, audit.finalized) == ("done", 1)


def test_two_last_shards_at_once_finalize_the_audit_once(
    db: Database, taken: jobs.Claim, add_shard: Callable[[str], str], take: Take, look: Look
) -> None:
    add_shard(taken.audit_id)
    other = take()
    assert other is not None
    start = threading.Barrier(2)

    def finish(claim: jobs.Claim) -> None:
        start.wait()
        with db.transaction() as session:
            assert jobs.finish(session, claim, DONE)
        with db.transaction() as session:
            jobs.reconcile(session, max_attempts=3, stale_s=60)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(finish, (taken, other)))
    audit = look(taken.audit_id)
    assert (audit.state, audit.finalized) == ("done", 1)


def test_a_failed_shard_ends_its_siblings(
    db: Database, taken: jobs.Claim, add_shard: Callable[[str], str], take: Take
) -> None:
    add_shard(taken.audit_id)
    running = take()
    assert running is not None
    queued = add_shard(taken.audit_id)
    with db.transaction() as session:
        jobs.fail(session, taken, "opset", {})
    with db.transaction() as session:
        assert session.get_one(ShardRow, queued).state == "cancelled"
        assert session.get_one(ShardRow, running.shard_id).state == "cancelled"
        assert not jobs.heartbeat(session, running, 60, None).kept
        assert session.get_one(AuditRow, taken.audit_id).state == "failed"


def test_a_queued_audit_is_cancelled_at_once(
    db: Database, submit: Submit, take: Take, look: Look
) -> None:
    audit_id = submit()
    with db.transaction() as session:
        assert jobs.request_cancel(session, audit_id)
    assert look(audit_id).state == "cancelled"
    assert take() is None


def test_a_running_audit_is_cancelled_by_its_worker(
    db: Database, taken: jobs.Claim, look: Look
) -> None:
    with db.transaction() as session:
        assert jobs.request_cancel(session, taken.audit_id)
    assert look(taken.audit_id).state == "running"
    with db.transaction() as session:
        assert jobs.cancelled(session, taken)
    assert look(taken.audit_id).state == "cancelled"


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
def test_what_is_over_cannot_be_cancelled(
    db: Database, taken: jobs.Claim, look: Look, end: str
) -> None:
    _end(db, taken, end)
    with db.transaction() as session:
        assert not jobs.request_cancel(session, taken.audit_id)
    audit = look(taken.audit_id)
    assert (audit.state, audit.cancel_requested) == (end, end == "cancelled")


def _end(db: Database, claim: jobs.Claim, end: str) -> None:
    with db.transaction() as session:
        if end == "done":
            assert jobs.finish(session, claim, DONE)
        elif end == "failed":
            assert jobs.fail(session, claim, "opset", {"n": "99"})
        else:
            assert jobs.request_cancel(session, claim.audit_id)
            assert jobs.cancelled(session, claim)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_can_be_tried_again(
    db: Database, taken: jobs.Claim, take: Take, look: Look, end: str
) -> None:
    _end(db, taken, end)
    with db.transaction() as session:
        assert jobs.retry(session, taken.audit_id)
        assert jobs.unrung(session, taken.audit_id) == [(taken.shard_id, "cpu")]
    audit = look(taken.audit_id)
    assert (audit.state, audit.error_code, audit.cancel_requested) == ("queued", None, False)
    assert (audit.error_fields, audit.started_at, audit.finished_at) == (None, None, None)
    again = take()
    assert again is not None
    assert again.attempt == 1
    with db.transaction() as session:
        assert jobs.finish(session, again, DONE)
    assert look(taken.audit_id).state == "done"


def test_nothing_else_can_be_tried_again(db: Database, taken: jobs.Claim, look: Look) -> None:
    with db.transaction() as session:
        assert not jobs.retry(session, taken.audit_id)
        assert not jobs.retry(session, "no such audit")
    assert look(taken.audit_id).started_at is not None, "what is refused changes nothing"
    _end(db, taken, "done")
    with db.transaction() as session:
        assert not jobs.retry(session, taken.audit_id)
    assert look(taken.audit_id).finished_at is not None


def test_the_database_itself_refuses_a_second_result(db: Database, taken: jobs.Claim) -> None:
    row = {"shard_id": taken.shard_id, "result_sha256": "a", "samples_sha256": "b"}
    with db.transaction() as session:
        session.add(ResultRow(attempt=1, **row))
    with pytest.raises(IntegrityError), db.transaction() as session:
        session.add(ResultRow(attempt=2, **row))


def test_the_database_itself_refuses_a_running_shard_without_a_lease(
    db: Database, submit: Submit
) -> None:
    audit_id = submit()
    with pytest.raises(IntegrityError), db.transaction() as session:
        session.add(ShardRow(audit_id=audit_id, state="running"))
