"""What the owner of an audit asks for: submit, cancel, retry. One transaction, then a ring."""

from dataclasses import replace
from typing import Final

from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast_api.audit_views import audit_row, one_audit
from holdfast_api.choosing import (
    Question,
    choose_baseline,
    choose_policy,
    choose_queue,
    is_sequential,
    plan_digest,
)
from holdfast_api.filing import filed_under
from holdfast_api.ids import known_id
from holdfast_api.parts import Parts
from holdfast_api.requests import AuditRequest
from holdfast_api.reusing import are_kept, find_taken, sameness
from holdfast_api.ringing import ring_for
from holdfast_api.views import AuditView
from holdfast_db import jobs
from holdfast_db.projects import count_queued_of, ensure_project, get_project
from holdfast_db.queries import count_queued, get_model, get_probe_set
from holdfast_db.removal import ask_for_removal, remove_audit
from holdfast_db.tables import ModelRow

__all__ = ["cancel", "remove", "retry", "submit"]

_RETRY_S: Final = 30


def submit(parts: Parts, body: AuditRequest) -> AuditView:
    """Write an audit and ring for a worker, unless the same was measured before.

    Raises:
        HoldfastError: `invalid_plan`, `invalid_policy`, `unknown_assertion`, `not_found` for the
            model, the probe set, the policy or the baseline, `baseline_not_done`,
            `not_comparable`, `queue_full`, `project_queue_full`.
    """
    plan = read_record(AuditPlan, body.plan, "invalid_plan")
    project = filed_under(parts, body.project)
    with parts.db.reading() as session:
        policy = choose_policy(session, project, body.policy, body.policy_id)
        if _is_compared(body, policy):  # two results are compared on all their images
            plan = plan.model_copy(update={"full": True})
        new = _asked(session, body, project, _with_architecture(session, plan, body), policy)
        queue = choose_queue(session, body.device, parts.settings.worker_fresh_s)
        new = replace(new, queue=queue)
        _check_parts(session, new)
    same = sameness(parts, new, sequential=is_sequential(plan, policy))
    taken = None if body.fresh else find_taken(parts, same, policy)
    with parts.db.transaction() as session:
        _check_parts(session, new)
        ensure_project(session, project)
        if taken is None or not are_kept(session, parts, taken):
            _check_queue(session, parts, project)
            audit_id = jobs.submit(session, new, shard_images=parts.settings.shard_images)
        else:
            audit_id = jobs.submit_done(session, new, taken)
        session.expire_all()
        view = one_audit(session, audit_id)
    ring_for(parts, audit_id)
    return view


def _asked(
    session: Session,
    body: AuditRequest,
    project: str,
    plan: AuditPlan,
    policy: GatePolicy | None,
) -> jobs.NewAudit:
    """What is asked, with the baseline that the branch has at this moment."""
    probe_set_id = known_id(body.probe_set_id, "probe set")
    probe_set = get_probe_set(session, probe_set_id)
    asked = plan_digest(plan, policy)
    question = Question(project, probe_set.sha256 if probe_set else "", asked)
    baseline = choose_baseline(session, question, body.baseline, policy)
    return jobs.NewAudit(
        model_id=known_id(body.model_id, "model"),
        probe_set_id=probe_set_id,
        plan=plan.model_dump_json(),
        policy=None if policy is None else policy.model_dump_json(),
        plan_digest=asked,
        baseline_id=baseline.id if baseline else None,
        project=project,
        branch=body.branch,
        commit=body.commit,
        priority=body.priority,
    )


def _with_architecture(session: Session, plan: AuditPlan, body: AuditRequest) -> AuditPlan:
    """The plan, with the architecture under which the weights were filed unless it names one."""
    model = get_model(session, known_id(body.model_id, "model"))
    if plan.architecture is not None or model is None or model.architecture is None:
        return plan
    return plan.model_copy(update={"architecture": model.architecture})


def _is_compared(body: AuditRequest, policy: GatePolicy | None) -> bool:
    """Whether a baseline is asked for: then every image counts, in the first audit as well."""
    return body.baseline is not None or (policy is not None and policy.baseline.branch is not None)


def cancel(parts: Parts, audit_id: str, reason: str | None = None) -> AuditView:
    """Ask for the end of an audit, and keep why.

    Raises:
        HoldfastError: `not_found`, `already_finished`.
    """
    with parts.db.transaction() as session:
        row = audit_row(session, audit_id)
        if not jobs.request_cancel(session, row.id, reason):
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
    ring_for(parts, audit_id)
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
