"""What brings back the lost: shards whose worker died, audits nobody finished, rings unheard."""

from datetime import datetime, timedelta

from sqlalchemy import Row, or_, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.jobs.ends import cancelled, fail, finalize, settle_cancelled
from holdfast_db.jobs.steps import Claim, changed, leave
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
        _recover(session, row, max_attempts)
    for audit_id in _asked_to_end(session):
        waiting = (ShardRow.audit_id == audit_id, ShardRow.state == "queued")
        changed(session, update(ShardRow).where(*waiting).values(state="cancelled"))
        settle_cancelled(session, audit_id)
    for audit_id in _unfinalized(session):
        finalize(session, audit_id)
    return _silent(session, now - timedelta(seconds=stale_s))


def expire_leases(session: Session) -> int:
    """End every lease now: for the start of a service that owns its database alone."""
    running = update(ShardRow).where(ShardRow.state == "running")
    return changed(session, running.values(lease_until=db_now(session) - timedelta(seconds=1)))


_Expired = Row[str, str, str | None, int, bool]


def _expired(session: Session, now: datetime) -> list[_Expired]:
    lost = (
        select(
            ShardRow.id,
            ShardRow.audit_id,
            ShardRow.lease_token,
            ShardRow.attempt,
            AuditRow.cancel_requested,
        )
        .join(AuditRow, AuditRow.id == ShardRow.audit_id)
        .where(ShardRow.state == "running", ShardRow.lease_until < now)
        .order_by(ShardRow.id)
        .with_for_update(skip_locked=True, of=ShardRow)
    )
    return list(session.execute(lost))


def _recover(session: Session, row: _Expired, max_attempts: int) -> None:
    """Decide about a shard whose worker was not heard of until its lease ended."""
    shard_id, audit_id, lease_token, attempt, cancel_requested = row
    if lease_token is None:
        return
    claim = Claim(shard_id, audit_id, lease_token, attempt)
    if cancel_requested:
        cancelled(session, claim)
    elif attempt < max_attempts:
        leave(session, claim, "queued", enqueued_at=None, worker=None)
    else:
        fail(session, claim, "worker_lost", {"n": str(attempt)})


def _asked_to_end(session: Session) -> list[str]:
    flagged = select(AuditRow.id).where(
        AuditRow.cancel_requested, AuditRow.state.in_(("queued", "running"))
    )
    return list(session.scalars(flagged))


def _unfinalized(session: Session) -> list[str]:
    unfinished = (
        select(ShardRow.id)
        .where(ShardRow.audit_id == AuditRow.id, ShardRow.state != "done")
        .exists()
    )
    return list(
        session.scalars(select(AuditRow.id).where(AuditRow.state == "running", ~unfinished))
    )


def _silent(session: Session, before: datetime) -> list[str]:
    unheard = (
        select(ShardRow.id)
        .where(
            ShardRow.state == "queued",
            or_(ShardRow.enqueued_at.is_(None), ShardRow.enqueued_at < before),
        )
        .order_by(ShardRow.priority.desc(), ShardRow.created_at, ShardRow.id)
    )
    return list(session.scalars(unheard))
