"""Baselines: the audit that others of a branch are compared with."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from holdfast_db.tables import AuditRow, BaselineRow, ProbeSetRow

__all__ = ["Baseline", "find_baseline", "last_passed", "list_baselines", "pinned"]


@dataclass(frozen=True)
class Baseline:
    """The baseline of a branch, and why it is that."""

    branch: str
    audit: AuditRow
    by: Literal["pinned", "last_passed"]
    reason: str = ""


def find_baseline(
    session: Session, project: str, branch: str, *, probes_sha256: str, plan_digest: str
) -> Baseline | None:
    """The pinned audit of a branch, else the last passed one of the same images and plan."""
    row = pinned(session, project, branch)
    if row is not None:
        return Baseline(branch, session.get_one(AuditRow, row.audit_id), "pinned", row.reason)
    asked = (
        _passed(project)
        .join(ProbeSetRow, ProbeSetRow.id == AuditRow.probe_set_id)
        .where(
            AuditRow.branch == branch,
            AuditRow.plan_digest == plan_digest,
            ProbeSetRow.sha256 == probes_sha256,
        )
    )
    audit = session.scalars(asked.limit(1)).first()
    return None if audit is None else Baseline(branch, audit, "last_passed")


def pinned(session: Session, project: str, branch: str) -> BaselineRow | None:
    """The row of a pinned baseline."""
    return session.get(BaselineRow, (project, branch))


def last_passed(session: Session, project: str, branch: str) -> AuditRow | None:
    """The last passed audit of a branch, whatever its images and plan."""
    return session.scalars(_passed(project).where(AuditRow.branch == branch).limit(1)).first()


def list_baselines(session: Session, project: str) -> list[Baseline]:
    """The baseline of every branch that has one, pinned ones in place of passed ones."""
    newest = (
        select(AuditRow.branch, func.max(AuditRow.finished_at).label("at"))
        .where(AuditRow.project == project, AuditRow.decision == "passed")
        .where(AuditRow.state == "done", AuditRow.branch.is_not(None))
        .group_by(AuditRow.branch)
        .subquery()
    )
    latest = _passed(project).join(
        newest, (newest.c.branch == AuditRow.branch) & (newest.c.at == AuditRow.finished_at)
    )
    found = {
        audit.branch: Baseline(audit.branch, audit, "last_passed")
        for audit in session.scalars(latest)
        if audit.branch is not None
    }
    pins = (
        select(BaselineRow, AuditRow)
        .join(AuditRow, AuditRow.id == BaselineRow.audit_id)
        .where(BaselineRow.project == project)
    )
    for row, audit in session.execute(pins):
        found[row.branch] = Baseline(row.branch, audit, "pinned", row.reason)
    return [found[branch] for branch in sorted(found)]


def _passed(project: str) -> Select[AuditRow]:
    """Passed audits, newest first."""
    wanted = (
        AuditRow.project == project,
        AuditRow.state == "done",
        AuditRow.decision == "passed",
    )
    return select(AuditRow).where(*wanted).order_by(AuditRow.finished_at.desc(), AuditRow.id.desc())
