"""Numbers for the operator at one moment: what waits, what runs, who lives, what is stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.tables import AuditRow, BlobRow, LeaseRow, ShardRow, WorkerRow

__all__ = ["Counts", "Ended", "WorkerAge", "read_counts"]

_RECENT_S = 3600
_MAX_ENDED = 10_000


@dataclass(frozen=True)
class WorkerAge:
    """How long ago a worker said that it lives, and what it then said of itself."""

    hostname: str
    queues: tuple[str, ...]
    silent_s: float
    slots: int = 1
    gpu: str | None = None
    sandboxed: bool = True


@dataclass(frozen=True)
class Ended:
    """An audit or shard that came to an end within the last hour; `took_s` from its claim.

    `queue` is empty for an audit, whose shards may come from several.
    """

    state: str
    took_s: float
    queue: str = ""


@dataclass(frozen=True)
class Counts:
    """All numbers at one moment.

    Attributes:
        shards: how many there are, by state and queue.
        audits: how many there are, by state.
        oldest_queued_s: how long the oldest waiting shard of a queue has been waiting.
        ended: audits of the last hour, at most the newest 10,000.
        ended_shards: shards of the last hour, at most the newest 10,000.
        workers: all that were heard of and not forgotten.
        scheduler_until_s: how long the scheduler's lease still lasts; None without any.
        blobs: how many files are stored.
        blob_bytes: their size together.
    """

    shards: dict[tuple[str, str], int]
    audits: dict[str, int]
    oldest_queued_s: dict[str, float]
    ended: tuple[Ended, ...]
    ended_shards: tuple[Ended, ...]
    workers: tuple[WorkerAge, ...]
    scheduler_until_s: float | None
    blobs: int
    blob_bytes: int


def read_counts(session: Session) -> Counts:
    """Count everything now, by the clock of the database."""
    now = db_now(session)
    blobs = select(func.count(), func.coalesce(func.sum(BlobRow.size_bytes), 0)).select_from(
        BlobRow
    )
    n_blobs, blob_bytes = session.execute(blobs).one()
    return Counts(
        shards=_shards(session),
        audits=_audits(session),
        oldest_queued_s=_oldest_queued(session, now),
        ended=_ended(session, AuditRow, now),
        ended_shards=_ended(session, ShardRow, now),
        workers=_workers(session, now),
        scheduler_until_s=_scheduler_until(session, now),
        blobs=n_blobs,
        blob_bytes=int(blob_bytes),
    )


def _shards(session: Session) -> dict[tuple[str, str], int]:
    by_state = select(ShardRow.state, ShardRow.queue, func.count())
    rows = session.execute(by_state.group_by(ShardRow.state, ShardRow.queue))
    return {(state, queue): number for state, queue, number in rows}


def _audits(session: Session) -> dict[str, int]:
    rows = session.execute(select(AuditRow.state, func.count()).group_by(AuditRow.state))
    return {row.state: row[1] for row in rows}


def _oldest_queued(session: Session, now: datetime) -> dict[str, float]:
    waiting = select(ShardRow.queue, func.min(ShardRow.created_at))
    rows = session.execute(waiting.where(ShardRow.state == "queued").group_by(ShardRow.queue))
    return {queue: _seconds(since, now) for queue, since in rows}


def _ended(session: Session, table: type[AuditRow | ShardRow], now: datetime) -> tuple[Ended, ...]:
    queue = ShardRow.queue if table is ShardRow else literal("")
    recent = table.finished_at > now - timedelta(seconds=_RECENT_S)
    query = select(table.state, table.started_at, table.finished_at, queue)
    rows = session.execute(query.where(recent).order_by(table.finished_at.desc()).limit(_MAX_ENDED))
    return tuple(
        Ended(state, _seconds(started_at, finished_at), where)
        for state, started_at, finished_at, where in rows
        if started_at is not None and finished_at is not None
    )


def _workers(session: Session, now: datetime) -> tuple[WorkerAge, ...]:
    rows = session.scalars(select(WorkerRow).order_by(WorkerRow.hostname))
    return tuple(
        WorkerAge(
            hostname=row.hostname,
            queues=tuple(row.queues),
            silent_s=_seconds(row.last_seen, now),
            slots=row.slots,
            gpu=row.gpu,
            sandboxed=bool(row.sandbox.get("ok")),
        )
        for row in rows
    )


def _scheduler_until(session: Session, now: datetime) -> float | None:
    until = session.scalar(select(LeaseRow.until).where(LeaseRow.name == "scheduler"))
    return None if until is None else (until - now).total_seconds()


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
