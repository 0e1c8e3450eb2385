"""What a worker does while it works: claim, heartbeat, release."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holdfast.records.job import Progress
from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.jobs.steps import (
    Claim,
    changed,
    leave,
    move_audit,
    still_mine,
    tell_progress,
)
from holdfast_db.tables import AuditRow, ShardRow

__all__ = ["Beat", "Claim", "claim", "heartbeat", "release"]


@dataclass(frozen=True)
class Beat:
    """What a heartbeat brings back: is the shard still ours, and must the work end?"""

    kept: bool
    cancel: bool


def claim(session: Session, *, queue: str, worker: str, lease_s: float) -> Claim | None:
    """Take the most urgent queued shard of a queue, or None when there is nothing to do."""
    best = (
        select(ShardRow.id, ShardRow.audit_id, ShardRow.attempt)
        .join(AuditRow, AuditRow.id == ShardRow.audit_id)
        .where(ShardRow.state == "queued", ShardRow.queue == queue, ~AuditRow.cancel_requested)
        .order_by(ShardRow.priority.desc(), ShardRow.created_at, ShardRow.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=ShardRow)  # SQLite leaves this out; it has one writer
    )
    row = session.execute(best).first()
    if row is None:
        return None
    now = db_now(session)
    mine = Claim(row.id, row.audit_id, new_id(), row.attempt + 1)
    taken = {
        "state": "running",
        "attempt": mine.attempt,
        "lease_token": mine.lease_token,
        "lease_until": now + timedelta(seconds=lease_s),
        "worker": worker,
    }
    is_free = (ShardRow.id == row.id, ShardRow.state == "queued")
    if not changed(session, update(ShardRow).where(*is_free).values(taken)):
        return None
    move_audit(session, mine.audit_id, ("queued",), "running", started_at=now)
    return mine


def heartbeat(session: Session, claim: Claim, lease_s: float, progress: Progress | None) -> Beat:
    """Extend the lease, store how far the audit is, and learn whether to go on."""
    now = db_now(session)
    longer = {"lease_until": now + timedelta(seconds=lease_s)}
    if not changed(session, update(ShardRow).where(still_mine(claim)).values(longer)):
        return Beat(kept=False, cancel=False)
    if progress is not None:
        values = {
            "stage": progress.stage,
            "progress_done": progress.done,
            "progress_total": progress.total,
        }
        here = AuditRow.id == claim.audit_id
        changed(session, update(AuditRow).where(here).values(values))
        tell_progress(session, claim.audit_id, progress.model_dump(), now)
    seen = select(AuditRow.state, AuditRow.cancel_requested).where(AuditRow.id == claim.audit_id)
    audit = session.execute(seen).one()
    # A comparison may run for an audit that is done; nothing else of it can.
    over = audit.state not in ("running", "done")
    return Beat(kept=True, cancel=audit.cancel_requested or over)


def release(session: Session, claim: Claim) -> bool:
    """Give a shard back unfinished, with its attempt: a shutdown is not a death."""
    return leave(session, claim, "queued", attempt=claim.attempt - 1, enqueued_at=None, worker=None)
