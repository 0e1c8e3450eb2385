"""Stored policies: they never change, so a verdict can always be made again."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.records.base import digest
from holdfast.records.policy import GatePolicy
from holdfast_api.filing import filed_under
from holdfast_api.ids import known_id
from holdfast_api.parts import PartsDep
from holdfast_api.policy_faults import PolicyFault, faults_of
from holdfast_api.problems import declare
from holdfast_api.requests import (
    POLICY_SCHEMA,
    Block,
    PageQuery,
    PolicyBlock,
    ProjectSlug,
    Request,
    Title,
)
from holdfast_db.policies import add_policy, list_policies
from holdfast_db.projects import ensure_project
from holdfast_db.tables import PolicyRow

__all__ = ["router"]

router = APIRouter(prefix="/v1/policies", tags=["Policies"])


class PolicyRequest(Request):
    """Stores a policy: the `gate:` block of `holdfast.yaml`, under a name."""

    project: ProjectSlug = None
    name: Title
    policy: PolicyBlock


class PolicyView(BaseModel):
    """A stored policy. `digest` is what verdicts by it carry."""

    id: str
    project: str
    name: str
    digest: str
    policy: GatePolicy
    created_at: datetime
    archived: bool


class PolicyListView(BaseModel):
    """A page of policies, newest first; archived ones are left out."""

    items: list[PolicyView]
    next_cursor: str | None


class PolicyCheck(Request):
    """A policy to look at; it may be anything."""

    policy: Block


class PolicyCheckView(BaseModel):
    """Whether a policy can be used, and what is wrong with it."""

    ok: bool
    errors: list[PolicyFault]


class PolicyQuery(PageQuery):
    """Which policies to list."""

    name: Title | None = None


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": PolicyView, "description": "The same policy is here under this name."},
        **declare("not_found", "invalid_policy", "unknown_assertion"),
    },
)
def create_policy(body: PolicyRequest, parts: PartsDep, response: Response) -> PolicyView:
    """Store a policy. It never changes; another one gets another id."""
    policy = read_policy(body.policy)
    project = filed_under(parts, body.project)
    with parts.db.transaction() as session:
        ensure_project(session, project)
        row, is_new = add_policy(
            session, project, body.name, digest(policy), policy.model_dump_json()
        )
        view = _view(row)
    if not is_new:
        response.status_code = 200
    response.headers["Location"] = f"/v1/policies/{view.id}"
    return view


@router.get("", responses=declare("invalid_request"))
def get_policies(parts: PartsDep, query: Annotated[PolicyQuery, Query()]) -> PolicyListView:
    """Stored policies, newest first."""
    with parts.db.reading() as session:
        found = list_policies(
            session, query.project, query.name, limit=query.limit, cursor=query.cursor
        )
        items = [_view(row) for row in found.items]
    return PolicyListView(items=items, next_cursor=found.next_cursor)


@router.post("/validate")
def validate_policy(body: PolicyCheck) -> PolicyCheckView:
    """Whether a policy can be used; every fault with a JSON pointer into the body."""
    faults = faults_of(body.policy)
    return PolicyCheckView(ok=not faults, errors=faults)


@router.get("/schema")
def get_policy_schema() -> dict[str, Any]:
    """The JSON Schema of a policy, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Holdfast policy",
        **POLICY_SCHEMA,
    }


@router.get("/{policy_id}", responses=declare("not_found"))
def get_one_policy(policy_id: str, parts: PartsDep) -> PolicyView:
    """One policy, archived or not."""
    with parts.db.reading() as session:
        return _view(_row(session, policy_id))


@router.delete("/{policy_id}", status_code=204, responses=declare("not_found"))
def archive_policy(policy_id: str, parts: PartsDep) -> None:
    """Hide a policy: no new audit can name it, and what it decided stays."""
    with parts.db.transaction() as session:
        row = _row(session, policy_id)
        row.archived_at = row.archived_at or datetime.now(UTC)


def _row(session: Session, policy_id: str) -> PolicyRow:
    row = session.get(PolicyRow, known_id(policy_id, "policy"))
    if row is None:
        raise HoldfastError("not_found", what="policy")
    return row


def _view(row: PolicyRow) -> PolicyView:
    return PolicyView(
        id=row.id,
        project=row.project,
        name=row.name,
        digest=row.digest,
        policy=GatePolicy.model_validate_json(row.policy),
        created_at=row.created_at,
        archived=row.archived_at is not None,
    )
