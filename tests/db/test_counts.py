"""The operator's numbers, against rows that were written by hand."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.counts import Ended, read_counts
from holdfast_db.ids import new_id
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, BlobRow, LeaseRow, ShardRow, WorkerRow
from rows import BLOB, Submit


def _change(session: Session, audit_id: str, state: str, ages_s: dict[str, float]) -> None:
    """Bring an audit and its shard into a state, its times so many seconds ago."""
    row = session.get_one(AuditRow, audit_id)
    row.state = state
    now = db_now(session)
    for name, age_s in ages_s.items():
        setattr(row, name, now - timedelta(seconds=age_s))
    (shard,) = session.query(ShardRow).filter_by(audit_id=row.id)
    shard.state = state
    shard.created_at = row.created_at
    shard.started_at, shard.finished_at = row.started_at, row.finished_at
    shard.lease_token = new_id() if state == "running" else None


def test_an_empty_service_counts_nothing(db: Database) -> None:
    with db.reading() as session:
        counts = read_counts(session)
    assert (counts.shards, counts.audits, counts.oldest_queued_s) == ({}, {}, {})
    assert (counts.workers, counts.ended, counts.scheduler_until_s) == ((), (), None)
    assert (counts.blobs, counts.blob_bytes) == (0, 0)


_AUDITS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("queued", "cpu", {"created_at": 100}),
    ("queued", "cpu", {"created_at": 300}),
    ("queued", "gpu", {"created_at": 7}),
    ("running", "cpu", {}),
    ("done", "cpu", {"started_at": 120, "finished_at": 20}),
    ("failed", "cpu", {"started_at": 50, "finished_at": 40}),
    ("done", "cpu", {"started_at": 9000, "finished_at": 8000}),
    ("cancelled", "cpu", {"finished_at": 10}),
)


def test_everything_is_counted_by_what_it_is(db: Database, submit: Submit) -> None:
    ids = [submit(queue=queue) for _, queue, _ in _AUDITS]
    with db.transaction() as session:
        for audit_id, (state, _, ages_s) in zip(ids, _AUDITS, strict=True):
            _change(session, audit_id, state, ages_s)
        session.add(BlobRow(sha256="a" * 64, size_bytes=5 << 30))
        session.add(BlobRow(sha256="b" * 64, size_bytes=2))
        now = db_now(session)
        session.add(LeaseRow(name="scheduler", holder="x", until=now + timedelta(seconds=8)))
        seen = {"queues": ["cpu"], "sandbox": {}, "boot_id": new_id()}
        for name, age_s in (("new", 1), ("old", 500)):
            last_seen = now - timedelta(seconds=age_s)
            session.add(WorkerRow(hostname=name, last_seen=last_seen, **seen))
        session.flush()
        counts = read_counts(session)
    assert counts.shards == {
        ("queued", "cpu"): 2,
        ("queued", "gpu"): 1,
        ("running", "cpu"): 1,
        ("done", "cpu"): 2,
        ("failed", "cpu"): 1,
        ("cancelled", "cpu"): 1,
    }
    assert counts.audits == {"queued": 3, "running": 1, "done": 2, "failed": 1, "cancelled": 1}
    assert counts.oldest_queued_s == pytest.approx({"cpu": 300, "gpu": 7}, abs=3)
    assert counts.ended == (Ended("done", 100.0), Ended("failed", 10.0))
    assert counts.ended_shards == (Ended("done", 100.0, "cpu"), Ended("failed", 10.0, "cpu"))
    assert [worker.hostname for worker in counts.workers] == ["new", "old"]
    assert [worker.silent_s for worker in counts.workers] == pytest.approx([1, 500], abs=3)
    assert counts.scheduler_until_s == pytest.approx(8, abs=3)
    assert (counts.blobs, counts.blob_bytes) == (3, (5 << 30) + 2 + BLOB.size_bytes)
