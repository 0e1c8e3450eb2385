"""What the owner of an audit may do: submit, cancel, retry."""

from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.jobs.ends import settle_cancelled
from holdfast_db.jobs.steps import changed, move_audit, tell
from holdfast_db.tables import AuditRow, EventRow, ShardRow

__all__ = ["NewAudit", "request_cancel", "retry", "submit", "write_audit"]


@dataclass(frozen=True)
class NewAudit:
    """What is asked; `plan` and `policy` are JSON of `AuditPlan` and `GatePolicy`."""

    model_id: str
    probe_set_id: str
    plan: str
    policy: str | None = None
    plan_digest: str | None = None
    baseline_id: str | None = None
    project: str = "default"
    branch: str | None = None
    commit: str | None = None
    priority: int = 0
    queue: str = "cpu"


def submit(session: Session, new: NewAudit) -> str:
    """Write an audit and its shard; returns the audit's id. Ring after the commit."""
    now, audit_id = db_now(session), write_audit(session, new)
    shard = ShardRow(audit_id=audit_id, queue=new.queue, priority=new.priority, created_at=now)
    session.add(shard)
    session.flush()
    return audit_id


def write_audit(session: Session, new: NewAudit) -> str:
    """Write the row of a queued audit that has no work yet, and tell its readers."""
    now, audit_id = db_now(session), new_id()
    session.add(
        AuditRow(
            id=audit_id,
            project=new.project,
            branch=new.branch,
            commit=new.commit,
            model_id=new.model_id,
            probe_set_id=new.probe_set_id,
            plan=new.plan,
            plan_digest=new.plan_digest,
            policy=new.policy,
            baseline_id=new.baseline_id,
            priority=new.priority,
            created_at=now,
        )
    )
    session.flush()
    tell(session, audit_id, "state", _QUEUED, now)
    return audit_id


_QUEUED = {"state": "queued", "decision": None, "error_code": None}


def request_cancel(session: Session, audit_id: str) -> bool:
    """Ask for the end of an audit; False when it is already over or there is none.

    What is queued ends now; what runs ends when its worker sees the flag with the next heartbeat.
    """
    waiting = (ShardRow.audit_id == audit_id, ShardRow.state == "queued")
    changed(session, update(ShardRow).where(*waiting).values(state="cancelled"))
    is_open = (AuditRow.id == audit_id, AuditRow.state.in_(("queued", "running")))
    if not changed(session, update(AuditRow).where(*is_open).values(cancel_requested=True)):
        return False
    settle_cancelled(session, audit_id)
    return True


def retry(session: Session, audit_id: str) -> bool:
    """Queue a failed or cancelled audit again; False for any other. Ring after the commit."""
    blank = {
        "cancel_requested": False,
        "error_code": None,
        "error_fields": None,
        "stage": None,
        "progress_done": 0,
        "progress_total": 0,
        "started_at": None,
        "finished_at": None,
    }
    # A reader who comes now is told the new story only.
    is_over = (AuditRow.id == audit_id, AuditRow.state.in_(("failed", "cancelled")))
    if not changed(session, update(AuditRow).where(*is_over).values(blank)):
        return False
    changed(session, delete(EventRow).where(EventRow.audit_id == audit_id))
    ended = (ShardRow.audit_id == audit_id, ShardRow.state.in_(("failed", "cancelled")))
    again = {"state": "queued", "attempt": 0, "enqueued_at": None, "error_code": None}
    changed(session, update(ShardRow).where(*ended).values(again))
    return move_audit(session, audit_id, ("failed", "cancelled"), "queued")
