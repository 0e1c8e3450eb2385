"""Projects: made by hand or by the first thing that is filed under them, removed with all in it."""

from typing import Any

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.inserting import insert_if_new
from holdfast_db.jobs.steps import changed
from holdfast_db.references import OPEN
from holdfast_db.tables import (
    AuditRow,
    BaselineRow,
    ModelRow,
    PolicyRow,
    ProbeSetRow,
    ProjectRow,
    UploadRow,
    WebhookRow,
)
from holdfast_db.tokens import revoke_tokens_of

__all__ = [
    "add_project",
    "change_project",
    "count_queued_of",
    "ensure_project",
    "get_project",
    "has_blob",
    "has_open_audits",
    "list_projects",
    "remove_project",
]


def get_project(session: Session, slug: str) -> ProjectRow | None:
    """One project."""
    return session.get(ProjectRow, slug)


def list_projects(session: Session) -> list[ProjectRow]:
    """All projects, by slug."""
    return list(session.scalars(select(ProjectRow).order_by(ProjectRow.slug)))


def add_project(session: Session, slug: str, **values: Any) -> bool:  # noqa: ANN401 - its columns
    """Make a project; False when the slug is taken."""
    named = {"name": slug, "default_branch": "main", "public_badge": False, **values}
    return insert_if_new(
        session, ProjectRow, {"slug": slug, "created_at": db_now(session), **named}
    )


def ensure_project(session: Session, slug: str) -> None:
    """Make a project of this slug unless there is one: whatever is filed needs a place."""
    if get_project(session, slug) is None:
        add_project(session, slug)


def change_project(session: Session, slug: str, **values: Any) -> bool:  # noqa: ANN401 - its columns
    """Change some columns; False when there is no such project."""
    if not values:
        return get_project(session, slug) is not None
    here = ProjectRow.slug == slug
    return changed(session, update(ProjectRow).where(here).values(**values)) > 0


def has_open_audits(session: Session, slug: str) -> bool:
    """Whether an audit of this project waits or runs."""
    is_open = (AuditRow.project == slug, AuditRow.state.in_(OPEN))
    return bool(session.scalar(select(exists().where(*is_open))))


def remove_project(session: Session, slug: str) -> None:
    """Remove a project, all that is filed under it, and what its tokens may do.

    The files stay in the store until the next clean-up finds that nobody uses them.
    """
    revoke_tokens_of(session, [slug])
    # An audit of another project may use a model of this one, from before that was refused.
    its_models = select(ModelRow.id).where(ModelRow.project == slug)
    its_probes = select(ProbeSetRow.id).where(ProbeSetRow.project == slug)
    gone = or_(
        AuditRow.project == slug,
        AuditRow.model_id.in_(its_models),
        AuditRow.probe_set_id.in_(its_probes),
    )
    changed(session, delete(AuditRow).where(gone))
    for table in (BaselineRow, ModelRow, ProbeSetRow, PolicyRow, WebhookRow, UploadRow):
        changed(session, delete(table).where(table.project == slug))
    changed(session, delete(ProjectRow).where(ProjectRow.slug == slug))


def count_queued_of(session: Session, slug: str) -> int:
    """How many audits of this project wait."""
    waiting = (AuditRow.project == slug, AuditRow.state == "queued")
    return len(session.scalars(select(AuditRow.id).where(*waiting)).all())


def has_blob(session: Session, slug: str, sha256: str) -> bool:
    """Whether a project has these bytes: sent by it, or under a name of its own."""
    users = (
        (ModelRow.project == slug, ModelRow.sha256 == sha256),
        (ProbeSetRow.project == slug, ProbeSetRow.sha256 == sha256),
        (UploadRow.project == slug, UploadRow.sha256 == sha256, UploadRow.state == "complete"),
    )
    return any(session.scalar(select(exists().where(*its))) for its in users)
