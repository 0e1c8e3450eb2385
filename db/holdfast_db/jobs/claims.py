"""What a worker does while it works: claim, heartbeat, release."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update
from sqlalchemy.orm import Session

from holdfast.records.job import Progress
from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.jobs.progress import note_progress
from holdfast_db.jobs.steps import OWN_KINDS, Claim, changed, leave, move_audit, still_mine
from holdfast_db.tables import AuditRow, ProjectRow, ShardRow

__all__ = ["Beat", "Claim", "claim", "heartbeat", "release"]

_CLAIMED = ("id", "audit_id", "attempt", "kind", "place", "start", "stop", "comparison_id")
_TRIES = 5


@dataclass(frozen=True)
class Beat:
    """What a heartbeat brings back: is the shard still ours, and must the work end?"""

    kept: bool
    cancel: bool


def claim(session: Session, *, queue: str, worker: str, lease_s: float) -> Claim | None:
    """Take the most urgent queued shard of a queue, or None when there is nothing to do.

    Among equally urgent ones the project with the fewest running shards comes first, then the
    oldest audit, then its parts in their order. No project gets more running audits than it may.
    """
    for _ in range(_TRIES):
        row = session.execute(_best(queue)).first()
        if row is None:
            return None
        if row.audit_state != "queued" or _may_start(session, row.project, row.max_running):
            return _take(session, row, worker, lease_s)
    return None


def _best(queue: str) -> Select[Any]:
    busy = (
        select(AuditRow.project, func.count().label("shards"))
        .join(ShardRow, ShardRow.audit_id == AuditRow.id)
        .where(ShardRow.state == "running")
        .group_by(AuditRow.project)
        .subquery()
    )
    running = _running().group_by(AuditRow.project).subquery()
    may_start = or_(
        AuditRow.state != "queued",
        ProjectRow.max_running.is_(None),
        func.coalesce(running.c.audits, 0) < ProjectRow.max_running,
    )
    return (
        select(
            *(getattr(ShardRow, name) for name in _CLAIMED),
            AuditRow.state.label("audit_state"),
            AuditRow.project,
            ProjectRow.max_running,
        )
        .join(AuditRow, AuditRow.id == ShardRow.audit_id)
        .outerjoin(ProjectRow, ProjectRow.slug == AuditRow.project)
        .outerjoin(busy, busy.c.project == AuditRow.project)
        .outerjoin(running, running.c.project == AuditRow.project)
        .where(
            ShardRow.state == "queued",
            ShardRow.queue == queue,
            ~AuditRow.cancel_requested,
            may_start,
        )
        .order_by(
            ShardRow.priority.desc(),
            func.coalesce(busy.c.shards, 0),
            ShardRow.created_at,
            ShardRow.audit_id,
            ShardRow.place,
            ShardRow.id,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=ShardRow)  # SQLite leaves this out; it has one writer
    )


def _running() -> Select[str, int]:
    counted = select(AuditRow.project, func.count().label("audits"))
    return counted.where(AuditRow.state == "running")


def _may_start(session: Session, project: str, max_running: int | None) -> bool:
    """Look once more, with the project's row locked: another worker may start an audit just now."""
    if max_running is None:
        return True
    session.execute(select(ProjectRow.slug).where(ProjectRow.slug == project).with_for_update())
    running = _running().where(AuditRow.project == project).group_by(AuditRow.project)
    row = session.execute(running).first()
    return row is None or row.audits < max_running


def _take(session: Session, row: Row[Any], worker: str, lease_s: float) -> Claim | None:
    now = db_now(session)
    mine = Claim(
        shard_id=row.id,
        audit_id=row.audit_id,
        lease_token=new_id(),
        attempt=row.attempt + 1,
        kind=row.kind,
        place=row.place,
        start=row.start,
        stop=row.stop,
        comparison_id=row.comparison_id,
    )
    taken = {
        "state": "running",
        "attempt": mine.attempt,
        "lease_token": mine.lease_token,
        "lease_until": now + timedelta(seconds=lease_s),
        "worker": worker,
        "started_at": now,
        "finished_at": None,
    }
    is_free = (ShardRow.id == row.id, ShardRow.state == "queued")
    if not changed(session, update(ShardRow).where(*is_free).values(taken)):
        return None
    move_audit(session, mine.audit_id, ("queued",), "running", started_at=now)
    return mine


def heartbeat(session: Session, claim: Claim, lease_s: float, progress: Progress | None) -> Beat:
    """Extend the lease, store how far the audit is, and learn whether to go on."""
    now = db_now(session)
    longer: dict[str, object] = {"lease_until": now + timedelta(seconds=lease_s)}
    if progress is not None:
        longer |= {"progress_done": progress.done, "progress_total": progress.total}
    if not changed(session, update(ShardRow).where(still_mine(claim)).values(longer)):
        return Beat(kept=False, cancel=False)
    if claim.kind not in OWN_KINDS:
        return Beat(kept=True, cancel=False)
    if progress is not None:
        note_progress(session, claim, progress, now)
    seen = select(AuditRow.state, AuditRow.cancel_requested).where(AuditRow.id == claim.audit_id)
    audit = session.execute(seen).one()
    return Beat(kept=True, cancel=audit.cancel_requested or audit.state != "running")


def release(session: Session, claim: Claim) -> bool:
    """Give a shard back unfinished, with its attempt: a shutdown is not a death."""
    return leave(session, claim, "queued", attempt=claim.attempt - 1, enqueued_at=None, worker=None)
