"""Audits that need no worker: the same was measured before, so the result is taken over."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.gates import Measured, keep_outcome
from holdfast_db.jobs.owner import NewAudit, write_audit
from holdfast_db.jobs.steps import changed, move_audit
from holdfast_db.tables import AuditRow, ModelRow, ProbeSetRow, ShardRow

__all__ = ["Sameness", "Taken", "find_same", "submit_done"]


@dataclass(frozen=True)
class Sameness:
    """What two audits must share for one result to serve both.

    `policy` is there for a sequential audit only: where it stops depends on what it is asked.
    `queue` is there because a GPU rounds otherwise than a CPU.
    """

    project: str
    model_sha256: str
    probes_sha256: str
    plan_digest: str
    policy: str | None
    queue: str = "cpu"


@dataclass(frozen=True)
class Taken:
    """A result that is taken over, and what the new audit's own policy says about it."""

    source: AuditRow
    measured: Sequence[Measured]
    verdict_json: str | None = None
    decision: str | None = None


def find_same(session: Session, same: Sameness) -> AuditRow | None:
    """The newest finished audit of the same question."""
    wanted = [
        AuditRow.project == same.project,
        AuditRow.state == "done",
        AuditRow.plan_digest == same.plan_digest,
        AuditRow.queue == same.queue,
        ModelRow.sha256 == same.model_sha256,
        ProbeSetRow.sha256 == same.probes_sha256,
    ]
    if same.policy is not None:
        wanted.append(AuditRow.policy == same.policy)
    query = (
        select(AuditRow)
        .join(ModelRow, ModelRow.id == AuditRow.model_id)
        .join(ProbeSetRow, ProbeSetRow.id == AuditRow.probe_set_id)
        .where(*wanted)
        .order_by(AuditRow.finished_at.desc(), AuditRow.id.desc())
    )
    return session.scalars(query.limit(1)).first()


def submit_done(session: Session, new: NewAudit, taken: Taken) -> str:
    """Write an audit with a result that is there already; returns its id.

    It is done at once, with events and webhooks like any other. With a baseline it waits for its
    comparison first: ring after the commit.
    """
    audit_id = write_audit(session, new)
    values = {
        "reused_id": taken.source.reused_id or taken.source.id,
        "result_sha256": taken.source.result_sha256,
        "samples_sha256": taken.source.samples_sha256,
        "stopped_early": taken.source.stopped_early,
        "progress_done": taken.source.progress_total,
        "progress_total": taken.source.progress_total,
        "verdict": taken.verdict_json,
        "decision": taken.decision,
    }
    changed(session, update(AuditRow).where(AuditRow.id == audit_id).values(values))
    session.expire_all()
    keep_outcome(session, audit_id, taken.verdict_json, taken.measured)
    if not _waits(session, audit_id):
        started = {"started_at": db_now(session), "finalized": AuditRow.finalized + 1}
        move_audit(session, audit_id, ("queued",), "done", **started)
    return audit_id


def _waits(session: Session, audit_id: str) -> bool:
    shards = select(ShardRow.id).where(ShardRow.audit_id == audit_id)
    return session.scalars(shards).first() is not None
