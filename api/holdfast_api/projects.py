"""Projects: what belongs to one team, and its limits."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast_api.parts import PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import Request, Slug, Title
from holdfast_db.projects import (
    add_project,
    get_project,
    has_open_audits,
    list_projects,
    remove_project,
)
from holdfast_db.projects import (
    change_project as change_row,
)
from holdfast_db.tables import PolicyRow, ProjectRow

__all__ = ["router"]

router = APIRouter(prefix="/v1/projects", tags=["Projects and tokens"])
_QUOTAS: Final = {"max_queued", "max_running"}
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class ProjectChange(Request):
    """Changes a project; what is left out stays, null takes a limit away.

    `retention_days` is how long finished audits are kept. `max_queued` and `max_running` limit its
    audits beyond the limits of the service. `policy_id` judges audits that bring no policy.
    """

    name: Title | None = None
    default_branch: Title | None = None
    policy_id: Annotated[str, Field(max_length=64)] | None = None
    public_badge: bool | None = None
    retention_days: Days | None = None
    max_queued: Count | None = None
    max_running: Count | None = None

    @model_validator(mode="after")
    def _has_values(self) -> "ProjectChange":
        for name in ("name", "default_branch", "public_badge"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self


class ProjectRequest(ProjectChange):
    """Asks for a project; its name is the slug when none is given."""

    slug: Slug


class ProjectView(BaseModel):
    """A project."""

    slug: str
    name: str
    default_branch: str
    policy_id: str | None
    public_badge: bool
    retention_days: int | None
    max_queued: int | None
    max_running: int | None
    created_at: datetime


class ProjectListView(BaseModel):
    """All projects that the caller may see, by slug."""

    items: list[ProjectView]


@router.post("", status_code=201, responses=declare("bound_token", "not_found", "project_taken"))
def create_project(body: ProjectRequest, parts: PartsDep, response: Response) -> ProjectView:
    """Make a project. One is also made by the first thing that is filed under its slug."""
    if parts.caller.project is not None:
        raise HoldfastError("bound_token")
    values = body.model_dump(exclude_unset=True, exclude={"slug"})
    with parts.db.transaction() as session:
        if not add_project(session, body.slug, **values):
            raise HoldfastError("project_taken", slug=body.slug)
        _check_policy(session, body.slug, body.policy_id)
        view = _view(session, body.slug)
    response.headers["Location"] = f"/v1/projects/{body.slug}"
    return view


@router.get("")
def get_projects(parts: PartsDep) -> ProjectListView:
    """The projects that the token reaches."""
    with parts.db.reading() as session:
        return ProjectListView(items=[_shown(row) for row in list_projects(session)])


@router.get("/{slug}", responses=declare("not_found"))
def get_one_project(slug: str, parts: PartsDep) -> ProjectView:
    """One project."""
    with parts.db.reading() as session:
        return _view(session, slug)


@router.patch("/{slug}", responses=declare("bound_token", "not_found"))
def change_project(slug: str, body: ProjectChange, parts: PartsDep) -> ProjectView:
    """Change what the body names; quotas are not for the project's own admins."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    if parts.caller.project is not None and _QUOTAS & set(values):
        raise HoldfastError("bound_token")
    with parts.db.transaction() as session:
        if not change_row(session, slug, **values):
            raise HoldfastError("not_found", what="project")
        _check_policy(session, slug, body.policy_id)
        session.expire_all()
        return _view(session, slug)


@router.delete(
    "/{slug}", status_code=204, responses=declare("bound_token", "not_found", "open_audits")
)
def delete_project(slug: str, parts: PartsDep) -> None:
    """Remove a project with its models, probe sets, audits, policies and webhooks.

    Tokens that are bound to it are revoked.
    """
    if parts.caller.project is not None:
        raise HoldfastError("bound_token")
    with parts.db.transaction() as session:
        _view(session, slug)
        if has_open_audits(session, slug):
            raise HoldfastError("open_audits", what="project")
        remove_project(session, slug)


def _check_policy(session: Session, slug: str, policy_id: str | None) -> None:
    """A policy of another project would tell what that one asks for."""
    if policy_id is None:
        return
    row = session.get(PolicyRow, policy_id)
    if row is None or row.project != slug or row.archived_at is not None:
        raise HoldfastError("not_found", what="policy in this project")


def _view(session: Session, slug: str) -> ProjectView:
    row = get_project(session, slug)
    if row is None:
        raise HoldfastError("not_found", what="project")
    return _shown(row)


def _shown(row: ProjectRow) -> ProjectView:
    return ProjectView.model_validate(row, from_attributes=True)
