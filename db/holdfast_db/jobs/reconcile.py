"""What brings back the lost: shards whose worker died, audits nobody finished, rings unheard."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.jobs.ends import cancelled, fail, finalize
from holdfast_db.jobs.owner import request_cancel
from holdfast_db.jobs.parts import advance
from holdfast_db.jobs.steps import OWN_KINDS, Claim, changed, leave, lock_shards
from holdfast_db.tables import AuditRow, ShardRow

__all__ = ["expire_leases", "reconcile"]


def reconcile(session: Session, *, max_attempts: int, stale_s: float) -> list[str]:
    """Repair what crashes left behind; any number of processes may do it at any time.

    Args:
        session: an open transaction.
        max_attempts: a shard that lost this many workers fails with `worker_lost`.
        stale_s: a ring older than this counts as lost while its shard is still queued.

    Returns:
        Ids of the queued shards to ring for, most urgent first.
    """
    now = db_now(session)
    for row in _expired(session, now):
        _recover(session, row, now, max_attempts)
    for audit_id in _asked_to_end(session):
        request_cancel(session, audit_id)
    for audit_id in _idle(session):
        if not advance(session, audit_id):
            finalize(session, audit_id)
    return _silent(session, now - timedelta(seconds=stale_s))


def expire_leases(session: Session) -> int:
    """End every lease now: for the start of a service that owns its database alone."""
    running = update(ShardRow).where(ShardRow.state == "running")
    return changed(session, running.values(lease_until=db_now(session) - timedelta(seconds=1)))


def _expired(session: Session, now: datetime) -> list[Row[Any]]:
    lost = (
        select(
            ShardRow.id,
            ShardRow.audit_id,
            ShardRow.lease_token,
            ShardRow.attempt,
            ShardRow.kind,
            ShardRow.comparison_id,
            AuditRow.cancel_requested,
        )
        .join(AuditRow, AuditRow.id == ShardRow.audit_id)
        .where(ShardRow.state == "running", ShardRow.lease_until < now)
        .order_by(ShardRow.audit_id, ShardRow.id)
    )
    return list(session.execute(lost))


def _recover(session: Session, row: Row[Any], now: datetime, max_attempts: int) -> None:
    """Decide about a shard whose worker was not heard of until its lease ended."""
    lock_shards(session, row.audit_id)
    late = (ShardRow.id == row.id, ShardRow.lease_until < now)
    if not session.execute(select(ShardRow.id).where(*late)).first():
        return  # its worker was heard of a moment ago
    claim = Claim(
        row.id,
        row.audit_id,
        row.lease_token,
        row.attempt,
        kind=row.kind,
        comparison_id=row.comparison_id,
    )
    if row.cancel_requested and row.kind in OWN_KINDS:
        cancelled(session, claim)
    elif row.attempt < max_attempts:
        leave(session, claim, "queued", enqueued_at=None, worker=None)
    else:
        fail(session, claim, "worker_lost", {"n": str(row.attempt)})


def _asked_to_end(session: Session) -> list[str]:
    flagged = select(AuditRow.id).where(
        AuditRow.cancel_requested, AuditRow.state.in_(("queued", "running"))
    )
    return list(session.scalars(flagged))


def _idle(session: Session) -> list[str]:
    """Audits that are not over although nothing of them waits or runs."""
    at_work = (
        select(ShardRow.id)
        .where(
            ShardRow.audit_id == AuditRow.id,
            ShardRow.kind.in_(OWN_KINDS),
            ShardRow.state.in_(("queued", "running")),
        )
        .exists()
    )
    is_open = AuditRow.state.in_(("queued", "running"))
    return list(session.scalars(select(AuditRow.id).where(is_open, ~at_work)))


def _silent(session: Session, before: datetime) -> list[str]:
    unheard = (
        select(ShardRow.id)
        .where(
            ShardRow.state == "queued",
            or_(ShardRow.enqueued_at.is_(None), ShardRow.enqueued_at < before),
        )
        .order_by(
            ShardRow.priority.desc(),
            ShardRow.created_at,
            ShardRow.audit_id,
            ShardRow.place,
            ShardRow.id,
        )
    )
    return list(session.scalars(unheard))
