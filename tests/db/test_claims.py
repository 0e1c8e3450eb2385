"""Taking a shard, keeping it, giving it back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select

from holdfast.records.job import Progress
from holdfast_db import jobs
from holdfast_db.clock import db_now
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, ResultRow, ShardRow
from rows import BLOB, Look, Submit, Take

DONE = jobs.Finished(BLOB.sha256, BLOB.sha256)


def test_of_many_claimers_one_wins_each_shard(db: Database, submit: Submit, take: Take) -> None:
    audits = {submit() for _ in range(5)}
    start = threading.Barrier(8)

    def claim_all(_: int) -> list[str]:
        start.wait()
        found = []
        while (claim := take()) is not None:
            found.append(claim.audit_id)
        return found

    with ThreadPoolExecutor(8) as pool:
        taken = [audit_id for found in pool.map(claim_all, range(8)) for audit_id in found]
    assert sorted(taken) == sorted(audits)
    with db.reading() as session:
        assert set(session.scalars(select(ShardRow.attempt))) == {1}


def test_the_most_urgent_is_taken_first_then_the_oldest(submit: Submit, take: Take) -> None:
    old, urgent, new = submit(), submit(priority=5), submit()
    claims = [take(), take(), take()]
    assert [claim.audit_id for claim in claims if claim] == [urgent, old, new]


def test_a_worker_takes_only_from_its_queue(submit: Submit, take: Take) -> None:
    submit(queue="gpu")
    assert take(queue="cpu") is None
    assert take(queue="gpu") is not None


def test_a_claim_starts_the_audit(taken: jobs.Claim, look: Look, db: Database) -> None:
    audit = look(taken.audit_id)
    assert audit.state == "running"
    assert audit.started_at is not None
    with db.reading() as session:
        shard = session.get_one(ShardRow, taken.shard_id)
        assert shard.worker == "worker-1"
        assert shard.lease_until is not None
        assert shard.lease_until - db_now(session) < timedelta(seconds=61)


def test_a_heartbeat_extends_the_lease_and_keeps_the_progress(
    db: Database, taken: jobs.Claim, look: Look
) -> None:
    progress = Progress(stage="measuring", done=3, total=7)
    with db.transaction() as session:
        beat = jobs.heartbeat(session, taken, 1000.0, progress)
    assert beat == jobs.Beat(kept=True, cancel=False)
    with db.reading() as session:
        until = session.get_one(ShardRow, taken.shard_id).lease_until
        assert until is not None
        assert until > db_now(session) + timedelta(seconds=900)
    audit = look(taken.audit_id)
    assert (audit.stage, audit.progress_done, audit.progress_total) == ("measuring", 3, 7)


def test_a_heartbeat_says_that_the_owner_wants_the_end(db: Database, taken: jobs.Claim) -> None:
    with db.transaction() as session:
        assert jobs.request_cancel(session, taken.audit_id)
    with db.transaction() as session:
        assert jobs.heartbeat(session, taken, 60.0, None) == jobs.Beat(kept=True, cancel=True)


def _lose(db: Database) -> None:
    with db.transaction() as session:
        jobs.expire_leases(session)
    with db.transaction() as session:
        jobs.reconcile(session, max_attempts=3, stale_s=60)


def test_who_lost_the_lease_is_told_and_changes_nothing(
    db: Database, taken: jobs.Claim, take: Take
) -> None:
    _lose(db)
    successor = take()
    assert successor is not None
    assert successor.shard_id == taken.shard_id
    with db.transaction() as session:
        assert not jobs.heartbeat(session, taken, 60.0, None).kept
        assert not jobs.finish(session, taken, DONE)
        assert not jobs.fail(session, taken, "internal", {})
        assert not jobs.cancelled(session, taken)
        assert not jobs.release(session, taken)
        assert session.get(ResultRow, taken.shard_id) is None
        assert session.get_one(AuditRow, taken.audit_id).state == "running"


def test_a_late_finish_is_refused_and_the_successor_is_kept(
    db: Database, taken: jobs.Claim, take: Take
) -> None:
    _lose(db)
    successor = take()
    assert successor is not None
    with db.transaction() as session:
        assert jobs.finish(session, successor, DONE)
    with db.transaction() as session:
        assert not jobs.finish(session, taken, DONE)
    with db.reading() as session:
        assert session.get_one(ResultRow, taken.shard_id).attempt == 2
        assert session.get_one(AuditRow, taken.audit_id).finalized == 1


def test_a_released_shard_keeps_its_attempts(db: Database, taken: jobs.Claim, take: Take) -> None:
    with db.transaction() as session:
        assert jobs.release(session, taken)
    again = take()
    assert again is not None
    assert (again.shard_id, again.attempt) == (taken.shard_id, 1)


def test_a_shard_whose_audit_should_end_is_not_taken(
    db: Database, taken: jobs.Claim, take: Take, look: Look
) -> None:
    with db.transaction() as session:
        jobs.request_cancel(session, taken.audit_id)
    with db.transaction() as session:
        jobs.release(session, taken)
    assert take() is None
    with db.transaction() as session:
        assert jobs.reconcile(session, max_attempts=3, stale_s=60) == []
    assert look(taken.audit_id).state == "cancelled"
