"""The state of a branch as a badge; the only thing of a project that may be public."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from holdfast.errors import HoldfastError
from holdfast.records.policy import Decision, Verdict
from holdfast_api.callers import NOBODY
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import Slug, Title
from holdfast_db.gates import last_audit
from holdfast_db.projects import get_project
from holdfast_reports.formats.badge import Badge, badge_json, badge_svg

__all__ = ["router"]

router = APIRouter(prefix="/v1/projects", tags=["Branches"])
_FRESH: Final = {"Cache-Control": "no-cache, max-age=0"}
_SVG: Final = "image/svg+xml"


class ShieldView(BaseModel):
    """What shields.io draws a badge from (endpoint schema 1)."""

    schemaVersion: int  # noqa: N815 - the name in the schema
    label: str
    message: str
    color: str


class BadgeQuery(BaseModel, frozen=True):
    """Which branch, and of what."""

    branch: Title | None = None
    assertion: Annotated[str, Field(max_length=160)] | None = None


@router.get(
    "/{slug}/badge.svg",
    response_class=Response,
    responses={
        200: {"content": {_SVG: {}}, "description": "A badge that needs no network."},
        **declare("not_found", "unauthorized"),
    },
)
def get_project_badge(
    slug: Annotated[Slug, Path()], parts: PartsDep, query: Annotated[BadgeQuery, Query()]
) -> Response:
    """The last decision on a branch as a badge: of the gate, or of one assertion."""
    return Response(badge_svg(_badge(parts, slug, query)), headers=_FRESH, media_type=_SVG)


@router.get(
    "/{slug}/badge.json",
    response_model=ShieldView,
    responses=declare("not_found", "unauthorized"),
)
def get_project_shield(
    slug: Annotated[Slug, Path()], parts: PartsDep, query: Annotated[BadgeQuery, Query()]
) -> Response:
    """The same for shields.io."""
    text = badge_json(_badge(parts, slug, query))
    return Response(text, headers=_FRESH, media_type="application/json")


def _badge(parts: Parts, slug: str, query: BadgeQuery) -> Badge:
    with parts.whole_db.reading() as session:
        project = get_project(session, slug)
        if project is None or not (project.public_badge or _may_read(parts, slug)):
            # Who may not see a project is not told whether there is one.
            raise HoldfastError(
                "unauthorized" if parts.caller is NOBODY else "not_found", what="project"
            )
        audit = last_audit(session, slug, query.branch or project.default_branch)
    if audit is None or audit.verdict is None:
        return Badge(query.assertion or "holdfast")
    verdict = Verdict.model_validate_json(audit.verdict)
    if query.assertion is None:
        return Badge("holdfast", verdict.decision)
    return _of_assertion(verdict, query.assertion)


def _may_read(parts: Parts, slug: str) -> bool:
    return parts.caller.has("read") and parts.caller.project in (None, slug)


def _of_assertion(verdict: Verdict, assertion: str) -> Badge:
    found = [each for each in verdict.judgements if each.id == assertion]
    if not found:
        return Badge(assertion)
    judgement = found[0]
    value = "" if judgement.value is None else f"{judgement.value:.3f}"
    return Badge(assertion, Decision(judgement.decision), value)
