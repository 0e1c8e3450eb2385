"""What the owner of an audit asks for: submit, cancel, retry. One transaction, then a ring."""

from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan
from holdfast_api.audit_views import audit_row, one_audit
from holdfast_api.filing import filed_under
from holdfast_api.ids import known_id
from holdfast_api.parts import Parts
from holdfast_api.requests import AuditRequest
from holdfast_api.views import AuditView
from holdfast_db import jobs
from holdfast_db.projects import count_queued_of, ensure_project, get_project
from holdfast_db.queries import count_queued, get_model, get_probe_set
from holdfast_db.removal import ask_for_removal, remove_audit
from holdfast_db.tables import ModelRow

__all__ = ["cancel", "remove", "retry", "submit"]

_RETRY_S: Final = 30
_log = structlog.get_logger(__name__)


def submit(parts: Parts, body: AuditRequest) -> AuditView:
    """Write an audit and ring for a worker.

    Raises:
        HoldfastError: `invalid_plan`, `invalid_policy`, `unknown_assertion`, `not_found` for the
            project, the model or the probe set, `queue_full`, `project_queue_full`.
    """
    plan = read_record(AuditPlan, body.plan, "invalid_plan")
    policy = None if body.policy is None else read_policy(body.policy).model_dump_json()
    project = filed_under(parts, body.project)
    new = jobs.NewAudit(
        model_id=known_id(body.model_id, "model"),
        probe_set_id=known_id(body.probe_set_id, "probe set"),
        plan=plan.model_dump_json(),
        policy=policy,
        project=project,
        branch=body.branch,
        commit=body.commit,
        priority=body.priority,
    )
    with parts.db.transaction() as session:
        model = _check_parts(session, new)
        if plan.architecture is None and model.architecture is not None:
            named = plan.model_copy(update={"architecture": model.architecture})
            new = replace(new, plan=named.model_dump_json())
        ensure_project(session, project)
        _check_queue(session, parts, project)
        audit_id = jobs.submit(session, new)
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


def remove(parts: Parts, audit_id: str) -> AuditView | None:
    """Remove an audit; while a worker still has it, its view: it goes with the next clean-up.

    Raises:
        HoldfastError: `not_found`.
    """
    with parts.db.transaction() as session:
        row = audit_row(session, audit_id)
        jobs.request_cancel(session, row.id)
        if remove_audit(session, row.id):
            return None
        ask_for_removal(session, row.id)
        session.expire_all()
        return one_audit(session, audit_id)


def retry(parts: Parts, audit_id: str) -> AuditView:
    """Queue a failed or cancelled audit again.

    Raises:
        HoldfastError: `not_found`, `not_retryable`, `queue_full`, `project_queue_full`.
    """
    with parts.db.transaction() as session:
        row = audit_row(session, audit_id)
        _check_queue(session, parts, row.project)
        if row.remove_requested or not jobs.retry(session, row.id):
            raise HoldfastError("not_retryable", id=row.id, state=row.state)
        session.expire_all()
        view = one_audit(session, audit_id)
    _ring(parts, audit_id)
    return view


def _check_parts(session: Session, new: jobs.NewAudit) -> ModelRow:
    """An audit uses what is in its own project, or its readers would see another's names."""
    model, probe_set = get_model(session, new.model_id), get_probe_set(session, new.probe_set_id)
    if model is None or model.project != new.project:
        raise HoldfastError("not_found", what=f"model in project {new.project}")
    if probe_set is None or probe_set.project != new.project:
        raise HoldfastError("not_found", what=f"probe set in project {new.project}")
    return model


def _check_queue(session: Session, parts: Parts, slug: str) -> None:
    """Refuse a job more than the project, or the service, may let wait."""
    project = get_project(session, slug)
    if project is not None and project.max_queued is not None:
        own = count_queued_of(session, slug)
        if own >= project.max_queued:
            raise HoldfastError("project_queue_full", n=own, project=slug, s=_RETRY_S)
    with parts.whole_db.reading() as whole:
        waiting = count_queued(whole)
    if waiting >= parts.settings.max_queued:
        raise HoldfastError("queue_full", n=waiting, s=_RETRY_S)


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
