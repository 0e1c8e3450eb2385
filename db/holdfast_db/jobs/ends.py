"""How a shard and its audit end: done, failed, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.comparisons import lose_comparison
from holdfast_db.gates import Measured, keep_outcome
from holdfast_db.jobs.steps import Claim, changed, leave, move_audit
from holdfast_db.tables import AuditRow, ResultRow, ShardRow

__all__ = ["Finished", "cancelled", "fail", "finalize", "finish", "settle_cancelled"]


@dataclass(frozen=True)
class Finished:
    """What an audit left in the store, and what the gate said when it had a policy."""

    result_sha256: str
    samples_sha256: str
    verdict_json: str | None = None
    decision: str | None = None
    measured: tuple[Measured, ...] = ()


def finish(session: Session, claim: Claim, finished: Finished) -> bool:
    """Keep the result and end the audit; False when the shard is no longer ours."""
    if not leave(session, claim, "done"):
        return False
    files = {
        "result_sha256": finished.result_sha256,
        "samples_sha256": finished.samples_sha256,
    }
    row = {"shard_id": claim.shard_id, "attempt": claim.attempt, "created_at": db_now(session)}
    session.execute(insert(ResultRow).values(**row, **files))
    said = {"verdict": finished.verdict_json, "decision": finished.decision}
    here = AuditRow.id == claim.audit_id
    told = {"progress_done": AuditRow.progress_total}
    changed(session, update(AuditRow).where(here).values(**files, **said, **told))
    keep_outcome(session, claim.audit_id, finished.verdict_json, finished.measured)
    finalize(session, claim.audit_id)
    return True


def finalize(session: Session, audit_id: str) -> bool:
    """End a running audit whose shards are all done. Of many callers one gets True."""
    open_shard = _shard_in(audit_id, "queued", "running", "failed", "cancelled")
    if session.execute(select(open_shard)).scalar_one():
        return False
    return move_audit(session, audit_id, ("running",), "done", finalized=AuditRow.finalized + 1)


def fail(session: Session, claim: Claim, code: str, fields: Mapping[str, Any]) -> bool:
    """End the audit with an error; False when the shard is no longer ours."""
    if not leave(session, claim, "failed", error_code=code):
        return False
    if lose_comparison(session, claim.shard_id, code, fields):
        return True
    waiting = (ShardRow.audit_id == claim.audit_id, ShardRow.state == "queued")
    changed(session, update(ShardRow).where(*waiting).values(state="cancelled"))
    old = ("queued", "running")
    error = {"error_code": code, "error_fields": dict(fields)}
    move_audit(session, claim.audit_id, old, "failed", **error)
    return True


def cancelled(session: Session, claim: Claim) -> bool:
    """The work was stopped because it was asked for; False when the shard is no longer ours."""
    if not leave(session, claim, "cancelled"):
        return False
    settle_cancelled(session, claim.audit_id)
    return True


def settle_cancelled(session: Session, audit_id: str) -> bool:
    """End an audit whose cancellation was asked for, once nothing of it runs."""
    asked = select(AuditRow.cancel_requested & ~_shard_in(audit_id, "queued", "running"))
    if not session.execute(asked.where(AuditRow.id == audit_id)).scalar_one_or_none():
        return False
    return move_audit(session, audit_id, ("queued", "running"), "cancelled")


def _shard_in(audit_id: str, *states: str) -> ColumnElement[bool]:
    return (
        select(ShardRow.id)
        .where(ShardRow.audit_id == audit_id, ShardRow.state.in_(states))
        .exists()
    )
