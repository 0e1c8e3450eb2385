"""What a branch of a project has: its baseline and the history of its numbers."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast_api.choosing import BranchName
from holdfast_api.ids import known_id
from holdfast_api.parts import PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import Request, Slug, Title
from holdfast_db.baselines import Baseline, list_baselines, pinned
from holdfast_db.gates import HistoryPoint, history
from holdfast_db.projects import get_project
from holdfast_db.queries import get_audit
from holdfast_db.tables import AuditRow, BaselineRow

__all__ = ["router"]

router = APIRouter(prefix="/v1/projects", tags=["Branches"])
SlugPath = Annotated[Slug, Path()]
Branch = Annotated[BranchName, Path()]


class BaselineView(BaseModel):
    """The audit that audits of a branch are compared with, and why it is that."""

    branch: str
    audit_id: str
    by: Literal["last_passed", "pinned"]
    reason: str
    commit: str | None
    finished_at: datetime | None


class BaselineListView(BaseModel):
    """The baseline of every branch that has one."""

    items: list[BaselineView]


class BaselineRequest(Request):
    """Pins an audit as the baseline of a branch, until it is unpinned."""

    audit_id: Annotated[str, Field(max_length=64)]
    reason: Title


class PointView(BaseModel):
    """One number of one audit; null where it was not measured."""

    audit_id: str
    branch: str | None
    commit: str | None
    created_at: datetime
    value: float | None
    low: float | None
    high: float | None
    verdict: Literal["passed", "failed", "inconclusive"] | None


class HistoryView(BaseModel):
    """One measurement over the audits of a branch, oldest first."""

    assertion: str
    branch: str | None
    points: list[PointView]


@router.get("/{slug}/baselines", responses=declare("not_found", "invalid_request"))
def get_baselines(slug: SlugPath, parts: PartsDep) -> BaselineListView:
    """The baselines of a project: pinned, or the last audit of a branch that passed."""
    with parts.db.reading() as session:
        _check_project(session, slug)
        return BaselineListView(items=[_baseline(each) for each in list_baselines(session, slug)])


@router.put(
    "/{slug}/baselines/{branch:path}",
    responses=declare("not_found", "baseline_not_done"),
)
def pin_baseline(
    slug: SlugPath, branch: Branch, body: BaselineRequest, parts: PartsDep
) -> BaselineView:
    """Pin an audit as the baseline of a branch."""
    with parts.db.transaction() as session:
        _check_project(session, slug)
        audit = _finished(session, slug, body.audit_id)
        row = pinned(session, slug, branch) or BaselineRow(project=slug, branch=branch)
        row.audit_id, row.reason, row.created_at = audit.id, body.reason, datetime.now(UTC)
        session.add(row)
        return _baseline(Baseline(branch, audit, "pinned", row.reason))


@router.delete(
    "/{slug}/baselines/{branch:path}",
    status_code=204,
    responses=declare("not_found", "invalid_request"),
)
def unpin_baseline(slug: SlugPath, branch: Branch, parts: PartsDep) -> None:
    """Go back to the last audit of the branch that passed."""
    with parts.db.transaction() as session:
        _check_project(session, slug)
        row = pinned(session, slug, branch)
        if row is None:
            raise HoldfastError("not_found", what="pinned baseline")
        session.delete(row)


@router.get("/{slug}/history", responses=declare("not_found"))
def get_history(
    slug: SlugPath,
    parts: PartsDep,
    assertion: Annotated[str, Query(max_length=120, description="The id of a measurement.")],
    branch: Annotated[Title | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> HistoryView:
    """How one measurement went on, from audit to audit; without a branch over all of them."""
    with parts.db.reading() as session:
        _check_project(session, slug)
        points = history(session, slug, branch, assertion, limit)
        shown = [_point(point) for point in points]
    return HistoryView(assertion=assertion, branch=branch, points=shown)


def _check_project(session: Session, slug: str) -> None:
    if get_project(session, slug) is None:
        raise HoldfastError("not_found", what="project")


def _finished(session: Session, slug: str, audit_id: str) -> AuditRow:
    audit = get_audit(session, known_id(audit_id, "audit"))
    if audit is None or audit.project != slug:
        raise HoldfastError("not_found", what="audit")
    if audit.state != "done":
        raise HoldfastError("baseline_not_done", id=audit.id, state=audit.state)
    return audit


def _baseline(found: Baseline) -> BaselineView:
    return BaselineView(
        branch=found.branch,
        audit_id=found.audit.id,
        by=found.by,
        reason=found.reason,
        commit=found.audit.commit,
        finished_at=found.audit.finished_at,
    )


def _point(point: HistoryPoint) -> PointView:
    audit = point.audit
    return PointView.model_validate(
        {
            "audit_id": audit.id,
            "branch": audit.branch,
            "commit": audit.commit,
            "created_at": audit.created_at,
            "value": point.value,
            "low": point.low,
            "high": point.high,
            "verdict": audit.decision,
        }
    )
