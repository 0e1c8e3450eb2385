"""For which shards a worker should be rung, and for which one was."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.jobs.steps import changed
from holdfast_db.tables import ShardRow

__all__ = ["Line", "lines", "mark_rung", "unrung"]


@dataclass(frozen=True)
class Line:
    """The waiting line of one queue: how many wait, and for which a ring seems lost."""

    queue: str
    queued: int
    silent: tuple[str, ...]


def unrung(session: Session, audit_id: str) -> list[tuple[str, str]]:
    """The shards of an audit for which nobody was rung yet, as (shard id, queue)."""
    waiting = select(ShardRow.id, ShardRow.queue).where(
        ShardRow.audit_id == audit_id, ShardRow.state == "queued", ShardRow.enqueued_at.is_(None)
    )
    return [(row.id, row.queue) for row in session.execute(waiting)]


def mark_rung(session: Session, shard_ids: Sequence[str]) -> None:
    """Note that a worker was rung for these shards."""
    waiting = (ShardRow.id.in_(shard_ids), ShardRow.state == "queued")
    changed(session, update(ShardRow).where(*waiting).values(enqueued_at=db_now(session)))


def lines(session: Session, silent_ids: Sequence[str]) -> list[Line]:
    """The waiting lines, with the shards that `reconcile` named, in its order."""
    count = select(ShardRow.queue, func.count().label("queued")).where(ShardRow.state == "queued")
    rows = session.execute(count.group_by(ShardRow.queue)).all()
    where = select(ShardRow.id, ShardRow.queue).where(ShardRow.id.in_(silent_ids))
    queue_of = {row.id: row.queue for row in session.execute(where)}
    return [
        Line(row.queue, row.queued, tuple(i for i in silent_ids if queue_of.get(i) == row.queue))
        for row in rows
    ]
