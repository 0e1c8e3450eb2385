"""Audits: ask for one, list them, wait for one, cancel, try again."""

import time
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Response

from holdfast_api import owning
from holdfast_api.audit_views import OPEN_STATES, audit_views, one_audit
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.repeating import RepeatableRoute
from holdfast_api.requests import AuditQuery, AuditRequest, CancelRequest
from holdfast_api.views import AuditListView, AuditView
from holdfast_db.queries import AuditFilters, list_audits

__all__ = ["router"]

router = APIRouter(prefix="/v1/audits", tags=["Audits"], route_class=RepeatableRoute)


@router.post(
    "",
    status_code=201,
    responses=declare(
        *("not_found", "invalid_plan", "invalid_policy", "unknown_assertion"),
        *("queue_full", "project_queue_full", "baseline_not_done", "not_comparable"),
    ),
)
def create_audit(body: AuditRequest, parts: PartsDep, response: Response) -> AuditView:
    """Ask for an audit of a model on a probe set; a worker runs it, unless it was run before."""
    view = owning.submit(parts, body)
    response.headers["Location"] = view.links.self
    return view


@router.get("", responses=declare("invalid_request"))
def get_audits(parts: PartsDep, query: Annotated[AuditQuery, Query()]) -> AuditListView:
    """Audits, newest first."""
    wanted = query.model_dump(exclude={"limit", "cursor"})
    with parts.db.reading() as session:
        found = list_audits(session, AuditFilters(**wanted), limit=query.limit, cursor=query.cursor)
        items = audit_views(session, found.items)
    return AuditListView(items=items, next_cursor=found.next_cursor)


@router.get("/{audit_id}", responses=declare("not_found"))
async def get_one_audit(
    audit_id: str, parts: PartsDep, wait: Annotated[float, Query(ge=0, le=30)] = 0
) -> AuditView:
    """One audit. With `wait`, answers after that many seconds, or as soon as it moves on."""
    # A waiting `def` endpoint would hold one of few threads for half a minute.
    first = view = await anyio.to_thread.run_sync(_read, parts, audit_id)
    deadline = time.monotonic() + wait
    while view == first and view.state in OPEN_STATES and time.monotonic() < deadline:
        await anyio.sleep(min(parts.settings.poll_s, max(0.0, deadline - time.monotonic())))
        view = await anyio.to_thread.run_sync(_read, parts, audit_id)
    return view


@router.post(
    "/{audit_id}/cancel", status_code=202, responses=declare("not_found", "already_finished")
)
def cancel_audit(audit_id: str, parts: PartsDep, body: CancelRequest | None = None) -> AuditView:
    """Cancel a queued or running audit; a running one ends within seconds."""
    return owning.cancel(parts, audit_id, None if body is None else body.reason)


@router.post(
    "/{audit_id}/retry",
    status_code=202,
    responses=declare("not_found", "not_retryable", "queue_full", "project_queue_full"),
)
def retry_audit(audit_id: str, parts: PartsDep) -> AuditView:
    """Run a failed or cancelled audit again."""
    return owning.retry(parts, audit_id)


@router.delete(
    "/{audit_id}",
    status_code=204,
    responses={
        202: {"model": AuditView, "description": "It is being cancelled and removed after that."},
        **declare("not_found"),
    },
)
def delete_audit(audit_id: str, parts: PartsDep) -> Response:
    """Remove an audit and what it left; one that runs is cancelled first."""
    view = owning.remove(parts, audit_id)
    if view is None:
        return Response(status_code=204)
    return Response(view.model_dump_json(), status_code=202, media_type="application/json")


def _read(parts: Parts, audit_id: str) -> AuditView:
    with parts.db.reading() as session:
        return one_audit(session, audit_id)
