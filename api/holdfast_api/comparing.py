"""Comparisons of two finished audits: there at once, or computed by a worker meanwhile."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from holdfast.errors import ERRORS, HoldfastError
from holdfast.records.comparison import Comparison
from holdfast_api.outcome_names import of_audits
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.rendering import VERSION, page
from holdfast_api.ringing import ring_for
from holdfast_api.stored import done_audit, is_known, not_modified, read_comparison, tagged
from holdfast_db.comparisons import MARGIN, Options, ask, forget
from holdfast_reports.comparing import comparison_html, render_comparison_markdown
from holdfast_reports.html import CONTENT_SECURITY_POLICY

__all__ = ["Pending", "compared", "pending_response", "router"]

router = APIRouter(prefix="/v1", tags=["Comparisons"])
_RETRY_S: Final = 2
_FINAL: Final = frozenset({"not_comparable", "invalid_result", "invalid_samples"})
"""What would come out again; anything else is told once and tried again for the next caller."""


class Pending(BaseModel):
    """A comparison that is not there yet."""

    state: Literal["queued", "running"]
    baseline_id: str
    audit_id: str
    retry_after_s: int = _RETRY_S


class PairQuery(BaseModel, frozen=True):
    """Which audits: `a` is the older one; at most `margin` of a score may be lost."""

    a: Annotated[str, Field(max_length=64)]
    b: Annotated[str, Field(max_length=64)]
    format: Literal["json", "html", "md"] = "json"
    margin: Annotated[float, Field(ge=0, lt=1)] = MARGIN


def compared(
    parts: Parts, baseline_id: str, audit_id: str, margin: float = MARGIN
) -> Comparison | Pending:
    """The comparison of two finished audits, or that a worker is on it.

    Raises:
        HoldfastError: `not_comparable`, or what broke while it was computed.
    """
    with parts.db.transaction() as session:
        row = ask(session, baseline_id, audit_id, Options(margin))
        if row.state == "cancelled":
            forget(session, row)
            row = ask(session, baseline_id, audit_id, Options(margin))
        state, code, fields, sha256 = row.state, row.error_code, row.error_fields, row.sha256
        if state == "failed" and code not in _FINAL:
            forget(session, row)
    if state == "done" and sha256 is not None:
        return read_comparison(parts, sha256)
    if state == "failed":
        known = code if code in ERRORS else "internal"
        raise HoldfastError(known or "internal", **(fields or {}))
    ring_for(parts, audit_id)
    return Pending(state="queued", baseline_id=baseline_id, audit_id=audit_id)


def pending_response(pending: Pending) -> Response:
    """202: ask again in a moment."""
    headers = {"Retry-After": str(_RETRY_S)}
    return JSONResponse(pending.model_dump(), status_code=202, headers=headers)


@router.get(
    "/compare",
    response_model=Comparison,
    responses={
        200: {
            "content": {"text/html": {}, "text/markdown": {}},
            "description": "What changed, in the format that was asked for.",
        },
        202: {"model": Pending, "description": "It is being computed; ask again."},
        304: {"description": "Not changed."},
        **declare("not_found", "not_done", "not_comparable"),
    },
)
def get_comparison(
    request: Request, parts: PartsDep, query: Annotated[PairQuery, Query()]
) -> Response:
    """What changed from one audit to another, paired image by image."""
    form = query.format
    old, new = done_audit(parts, query.a), done_audit(parts, query.b)
    # Rounded, so that nobody can ask for any number of comparisons of two audits.
    found = compared(parts, old.id, new.id, round(query.margin, 3))
    if isinstance(found, Pending):
        if form == "html":
            return page(request, "pending", 202, audit_id=new.id, retry_s=_RETRY_S)
        return pending_response(found)
    names = of_audits(parts, old, new)
    headers = tagged(names.etag(f"{found.model_dump_json()} {form} {VERSION}"))
    if is_known(headers, request.headers.get("if-none-match")):
        return not_modified(headers)
    if form == "json":
        return Response(found.model_dump_json(), headers=headers, media_type="application/json")
    if form == "md":
        text = render_comparison_markdown(found, names.baseline, names.candidate)
        return Response(text, headers=headers, media_type="text/markdown")
    headers |= {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    text = comparison_html(found, names.baseline, names.candidate)
    return Response(text, headers=headers, media_type="text/html")
