"""How a shard and its audit end: done, failed, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.gates import Measured, keep_outcome
from holdfast_db.jobs.steps import (
    OWN_KINDS,
    Claim,
    changed,
    leave,
    lock_shards,
    move_audit,
    take_away,
    undecided,
)
from holdfast_db.tables import AuditRow, ComparisonRow, ResultRow, ShardRow

__all__ = ["Finished", "cancelled", "fail", "finalize", "finish", "keep", "settle_cancelled"]


@dataclass(frozen=True)
class Finished:
    """What an audit left in the store, and what the gate said when it had a policy.

    `stopped_early` is None for an audit that was not to stop before its last image.
    """

    result_sha256: str
    samples_sha256: str
    verdict_json: str | None = None
    decision: str | None = None
    measured: tuple[Measured, ...] = ()
    stopped_early: bool | None = None


def finish(session: Session, claim: Claim, finished: Finished) -> bool:
    """Keep the result and end the audit; False when the shard is no longer ours."""
    lock_shards(session, claim.audit_id)
    if not keep(session, claim, finished.result_sha256, finished.samples_sha256):
        return False
    files = {"result_sha256": finished.result_sha256, "samples_sha256": finished.samples_sha256}
    said = {"verdict": finished.verdict_json, "decision": finished.decision}
    here = AuditRow.id == claim.audit_id
    told = {"progress_done": AuditRow.progress_total, "stopped_early": finished.stopped_early}
    changed(session, update(AuditRow).where(here).values(**files, **said, **told))
    keep_outcome(session, claim.audit_id, finished.verdict_json, finished.measured)
    finalize(session, claim.audit_id)
    return True


def keep(session: Session, claim: Claim, result_sha256: str, samples_sha256: str) -> bool:
    """End a shard with what it left in the store; False when it is no longer ours."""
    if not leave(session, claim, "done"):
        return False
    row = {"shard_id": claim.shard_id, "attempt": claim.attempt, "created_at": db_now(session)}
    files = {"result_sha256": result_sha256, "samples_sha256": samples_sha256}
    session.execute(insert(ResultRow).values(**row, **files))
    return True


def finalize(session: Session, audit_id: str) -> bool:
    """End a running audit whose shards are all done. Of many callers one gets True.

    An audit in parts is done when they are merged.
    """
    left = _shard_in(audit_id, "queued", "running", "failed", "cancelled")
    parts = _shard_in(audit_id, "done", kind="part")
    merged = _shard_in(audit_id, "done", kind="merge")
    if not session.execute(select(~left & (~parts | merged))).scalar_one():
        return False
    moved = move_audit(session, audit_id, ("running",), "done", finalized=AuditRow.finalized + 1)
    if moved:
        _forget_parts(session, audit_id)
    return moved


def _forget_parts(session: Session, audit_id: str) -> None:
    """What parts left is in the result now; nobody holds on to their files any more."""
    parts = select(ShardRow.id).where(ShardRow.audit_id == audit_id, ShardRow.kind == "part")
    changed(session, delete(ResultRow).where(ResultRow.shard_id.in_(parts)))


def fail(session: Session, claim: Claim, code: str, fields: Mapping[str, Any]) -> bool:
    """End the audit with an error; False when the shard is no longer ours.

    Its other shards are taken away from whoever works on them. A comparison fails alone.
    """
    lock_shards(session, claim.audit_id)
    if not leave(session, claim, "failed", error_code=code):
        return False
    error = {"error_code": code, "error_fields": dict(fields)}
    if claim.kind not in OWN_KINDS:
        _end_comparison(session, claim, "failed", **error)
        return True
    siblings = (ShardRow.audit_id == claim.audit_id) & ShardRow.kind.in_(OWN_KINDS)
    take_away(session, siblings)
    move_audit(session, claim.audit_id, ("queued", "running"), "failed", **error)
    return True


def cancelled(session: Session, claim: Claim) -> bool:
    """The work was stopped because it was asked for; False when the shard is no longer ours."""
    lock_shards(session, claim.audit_id)
    if not leave(session, claim, "cancelled"):
        return False
    if claim.kind not in OWN_KINDS:
        _end_comparison(session, claim, "cancelled")
    settle_cancelled(session, claim.audit_id)
    return True


def settle_cancelled(session: Session, audit_id: str) -> bool:
    """End an audit whose cancellation was asked for, once nothing of it runs."""
    asked = select(AuditRow.cancel_requested & ~_shard_in(audit_id, "queued", "running"))
    if not session.execute(asked.where(AuditRow.id == audit_id)).scalar_one_or_none():
        return False
    return move_audit(session, audit_id, ("queued", "running"), "cancelled")


def _end_comparison(session: Session, claim: Claim, state: str, **values: object) -> None:
    here = ComparisonRow.id == claim.comparison_id
    changed(session, update(ComparisonRow).where(here).values(state=state, **values))


def _shard_in(audit_id: str, *states: str, kind: str | None = None) -> ColumnElement[bool]:
    kinds = OWN_KINDS if kind is None else (kind,)
    return (
        select(ShardRow.id)
        .where(
            ShardRow.audit_id == audit_id,
            ShardRow.kind.in_(kinds),
            ShardRow.state.in_(states),
            undecided(),
        )
        .exists()
    )
