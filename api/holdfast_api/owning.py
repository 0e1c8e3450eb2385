"""What the owner of an audit asks for: submit, cancel, retry. One transaction, then a ring."""

import structlog
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan
from holdfast_api.audit_views import audit_row, one_audit
from holdfast_api.ids import known_id
from holdfast_api.parts import Parts
from holdfast_api.requests import AuditRequest
from holdfast_api.views import AuditView
from holdfast_db import jobs
from holdfast_db.queries import count_queued, get_model, get_probe_set

__all__ = ["cancel", "retry", "submit"]

_log = structlog.get_logger(__name__)


def submit(parts: Parts, body: AuditRequest) -> AuditView:
    """Write an audit and ring for a worker.

    Raises:
        HoldfastError: `invalid_plan`, `invalid_policy`, `unknown_assertion`, `not_found` for the
            model or the probe set, `queue_full`.
    """
    plan = read_record(AuditPlan, body.plan, "invalid_plan")
    policy = None if body.policy is None else read_policy(body.policy).model_dump_json()
    new = jobs.NewAudit(
        model_id=known_id(body.model_id, "model"),
        probe_set_id=known_id(body.probe_set_id, "probe set"),
        plan=plan.model_dump_json(),
        policy=policy,
        project=body.project,
        branch=body.branch,
        commit=body.commit,
        priority=body.priority,
    )
    with parts.db.transaction() as session:
        _check_parts(session, new)
        _check_queue(session, parts.settings.max_queued)
        audit_id = jobs.submit(session, new, shard_images=parts.settings.shard_images)
        view = one_audit(session, audit_id)
    _ring(parts, audit_id)
    return view


def cancel(parts: Parts, audit_id: str) -> AuditView:
    """Ask for the end of an audit.

    Raises:
        HoldfastError: `not_found`, `already_finished`.
    """
    with parts.db.transaction() as session:
        row = audit_row(session, audit_id)
        if not jobs.request_cancel(session, row.id):
            raise HoldfastError("already_finished", id=row.id, state=row.state)
        session.expire_all()
        return one_audit(session, audit_id)


def retry(parts: Parts, audit_id: str) -> AuditView:
    """Queue a failed or cancelled audit again.

    Raises:
        HoldfastError: `not_found`, `not_retryable`, `queue_full`.
    """
    with parts.db.transaction() as session:
        row = audit_row(session, audit_id)
        _check_queue(session, parts.settings.max_queued)
        if not jobs.retry(session, row.id):
            raise HoldfastError("not_retryable", id=row.id, state=row.state)
        session.expire_all()
        view = one_audit(session, audit_id)
    _ring(parts, audit_id)
    return view


def _check_parts(session: Session, new: jobs.NewAudit) -> None:
    if get_model(session, new.model_id) is None:
        raise HoldfastError("not_found", what="model")
    if get_probe_set(session, new.probe_set_id) is None:
        raise HoldfastError("not_found", what="probe set")


def _check_queue(session: Session, max_queued: int) -> None:
    waiting = count_queued(session)
    if waiting >= max_queued:
        raise HoldfastError("queue_full", n=waiting, s=30)


def _ring(parts: Parts, audit_id: str) -> None:
    """Ring after the commit. The rows are the job: a lost ring is rung again by the reconciler."""
    try:
        with parts.db.reading() as session:
            shards = jobs.unrung(session, audit_id)
        for _, queue in shards:
            parts.ring(queue)
        with parts.db.transaction() as session:
            jobs.mark_rung(session, [shard_id for shard_id, _ in shards])
    except Exception:  # noqa: BLE001 - whatever the broker raises, the audit is written
        _log.warning("ring_failed", audit_id=audit_id, exc_info=True)
