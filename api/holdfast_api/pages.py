"""The pages for people: the list of audits with its form, and one audit, live."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from holdfast.records.families import MAIN_FAMILIES
from holdfast.records.policy import Verdict
from holdfast_api import owning
from holdfast_api.audit_lines import audit_line, size_text
from holdfast_api.audit_views import audit_row, audit_views, one_audit
from holdfast_api.outcome_lines import OutcomeLine, outcome_line
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.rendering import page
from holdfast_api.requests import Slug
from holdfast_api.stored import read_result
from holdfast_db.queries import AuditFilters, get_model, get_probe_set, list_audits
from holdfast_db.tables import AuditRow

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_PER_PAGE = 50


@router.get("/")
def list_page(
    request: Request,
    parts: PartsDep,
    project: Annotated[Slug | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """All audits, newest first, and the form for a new one."""
    with parts.db.reading() as session:
        found = list_audits(session, AuditFilters(project), limit=_PER_PAGE, cursor=cursor)
        audits = audit_views(session, found.items)
    return page(
        request,
        "audits",
        audits=[audit_line(audit) for audit in audits],
        next_cursor=found.next_cursor,
        families=[family.value for family in MAIN_FAMILIES],
        max_model_bytes=parts.settings.max_model_bytes,
        max_probes_bytes=parts.settings.max_probes_bytes,
        origin=str(request.base_url).rstrip("/"),
    )


@router.get("/audits/{audit_id}")
def audit_page(audit_id: str, request: Request, parts: PartsDep) -> Response:
    """One audit: how far it is, or what came out."""
    with parts.db.reading() as session:
        row = audit_row(session, audit_id)
        audit = one_audit(session, audit_id)
        model = get_model(session, row.model_id)
        probe_set = get_probe_set(session, row.probe_set_id)
    return page(
        request,
        "audit",
        audit=audit_line(audit),
        outcome=_outcome(parts, row, audit.model_name) if audit.state == "done" else None,
        model=model,
        model_size=size_text(model.size_bytes if model else 0),
        probe_set=probe_set,
        probe_set_size=size_text(probe_set.size_bytes if probe_set else 0),
    )


@router.post("/audits/{audit_id}/cancel")
def cancel_button(audit_id: str, parts: PartsDep) -> Response:
    """The cancel button, for browsers with and without scripts."""
    audit = owning.cancel(parts, audit_id)
    return RedirectResponse(audit.links.page, 303)


@router.post("/audits/{audit_id}/retry")
def retry_button(audit_id: str, parts: PartsDep) -> Response:
    """The button that runs a failed or cancelled audit again."""
    audit = owning.retry(parts, audit_id)
    return RedirectResponse(audit.links.page, 303)


def _outcome(parts: Parts, row: AuditRow, name: str) -> OutcomeLine:
    verdict = None if row.verdict is None else Verdict.model_validate_json(row.verdict)
    return outcome_line(read_result(parts, row), verdict, name)
