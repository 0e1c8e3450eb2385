"""Progress of one audit as server-sent events; an event's id is its row, so readers can resume."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from holdfast_api.audit_views import OPEN_STATES, audit_row
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.sessions import COOKIE
from holdfast_db.queries import events_after

__all__ = ["router"]

router = APIRouter(prefix="/v1/audits", tags=["Audits"])


@dataclass(frozen=True)
class _Step:
    """The events since the last look, and whether more may come."""

    events: list[ServerSentEvent]
    last_id: int
    is_open: bool


def _look(parts: Parts, audit_id: str, after_id: int) -> _Step:
    # The state is read first: the last event is written together with it, so it cannot be missed.
    with parts.db.reading() as session:
        is_open = audit_row(session, audit_id).state in OPEN_STATES
        rows = events_after(session, audit_id, after_id)
        found = [_event(row.id, row.kind, row.data) for row in rows]
    return _Step(found, rows[-1].id if rows else after_id, is_open)


def _event(row_id: int, kind: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(id=str(row_id), event=kind, data=data)


def _may_stay(request: Request, parts: Parts) -> bool:
    cookie = request.cookies.get(COOKIE, "")
    return parts.door.lets_stay(parts.caller, request.headers, cookie)


def _first(
    audit_id: str,
    parts: PartsDep,
    last_event_id: Annotated[int, Header(ge=0, lt=1 << 62)] = 0,
) -> _Step:
    """Refuse or end the stream before it starts: an EventSource stops asking only at 204."""
    step = _look(parts, audit_id, last_event_id)
    if not step.events and not step.is_open:
        raise HTTPException(204)
    return step


@router.get(
    "/{audit_id}/events",
    response_class=EventSourceResponse,
    responses={204: {"description": "Nothing more will come."}, **declare("not_found")},
)
async def get_events(
    audit_id: str, request: Request, parts: PartsDep, step: Annotated[_Step, Depends(_first)]
) -> AsyncIterator[ServerSentEvent]:
    """Events `state`, `progress`, `decided` and `finished`; resumes after `Last-Event-ID`.

    The stream ends with the token that it was asked for with.
    """
    while True:
        for event in step.events:
            yield event
        if not step.is_open:
            return
        await anyio.sleep(parts.settings.poll_s)
        if not await anyio.to_thread.run_sync(_may_stay, request, parts):
            return
        step = await anyio.to_thread.run_sync(_look, parts, audit_id, step.last_id)
