"""What brings back the lost."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from holdfast_db import jobs
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, ShardRow
from rows import BLOB, Look, Submit, Take


@pytest.fixture
def reconcile(db: Database) -> Callable[..., list[str]]:
    def run(*, max_attempts: int = 3, stale_s: float = 60.0) -> list[str]:
        with db.transaction() as session:
            return jobs.reconcile(session, max_attempts=max_attempts, stale_s=stale_s)

    return run


def _expire(db: Database) -> None:
    with db.transaction() as session:
        assert jobs.expire_leases(session) == 1


def test_a_live_lease_is_left_alone(
    db: Database, taken: jobs.Claim, reconcile: Callable[..., list[str]]
) -> None:
    assert reconcile() == []
    with db.transaction() as session:
        assert jobs.heartbeat(session, taken, 60, None).kept


def test_a_lost_shard_is_queued_again_and_rung_for(
    db: Database, taken: jobs.Claim, reconcile: Callable[..., list[str]]
) -> None:
    _expire(db)
    assert reconcile() == [taken.shard_id]
    with db.reading() as session:
        shard = session.get_one(ShardRow, taken.shard_id)
        assert (shard.state, shard.attempt, shard.lease_token) == ("queued", 1, None)


def test_too_many_lost_workers_fail_the_audit(
    db: Database, submit: Submit, take: Take, reconcile: Callable[..., list[str]], look: Look
) -> None:
    audit_id = submit()
    for attempt in (1, 2, 3):
        claim = take()
        assert claim is not None
        assert claim.attempt == attempt
        _expire(db)
        reconcile(max_attempts=3)
    assert take() is None
    audit = look(audit_id)
    assert (audit.state, audit.error_code) == ("failed", "worker_lost")
    assert audit.error_fields == {"n": "3"}


def test_a_lost_shard_that_should_end_is_cancelled(
    db: Database, taken: jobs.Claim, reconcile: Callable[..., list[str]], look: Look
) -> None:
    with db.transaction() as session:
        jobs.request_cancel(session, taken.audit_id)
    _expire(db)
    assert reconcile(max_attempts=1) == []
    assert look(taken.audit_id).state == "cancelled"


def test_a_worker_that_died_before_the_last_step_loses_nothing(
    db: Database, taken: jobs.Claim, reconcile: Callable[..., list[str]], look: Look
) -> None:
    with db.transaction() as session:
        assert jobs.finish(session, taken, jobs.Finished(BLOB.sha256, BLOB.sha256))
        audit = update(AuditRow).values(state="running", finalized=0)
        session.execute(audit)
    reconcile()
    reconcile()
    assert (look(taken.audit_id).state, look(taken.audit_id).finalized) == ("done", 1)


def test_nobody_was_rung_for_a_new_shard(
    db: Database, submit: Submit, reconcile: Callable[..., list[str]]
) -> None:
    audit_id, urgent = submit(), submit(priority=1)
    with db.transaction() as session:
        ids = [jobs.unrung(session, each)[0][0] for each in (urgent, audit_id)]
    assert reconcile() == ids
    with db.transaction() as session:
        jobs.mark_rung(session, ids)
        assert jobs.unrung(session, audit_id) == []
    assert reconcile(stale_s=60) == []
    assert reconcile(stale_s=-1) == ids, "a ring that nobody heard is repeated"


def test_a_line_says_how_many_wait_and_which_are_silent(db: Database, submit: Submit) -> None:
    heard, unheard, gpu = submit(), submit(), submit(queue="gpu")
    with db.transaction() as session:
        shards = {each: jobs.unrung(session, each)[0][0] for each in (heard, unheard, gpu)}
        jobs.mark_rung(session, [shards[heard]])
        silent = jobs.reconcile(session, max_attempts=3, stale_s=60)
        lines = {line.queue: line for line in jobs.lines(session, silent)}
    assert lines["cpu"] == jobs.Line("cpu", 2, (shards[unheard],))
    assert lines["gpu"] == jobs.Line("gpu", 1, (shards[gpu],))
