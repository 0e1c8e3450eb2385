"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is done once.

Use `router = APIRouter(route_class=RepeatableRoute)`: every POST of the router then honours the
key, and the OpenAPI document says so. Successful answers are kept for a day; a refused request
frees its key.
"""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

import anyio
import anyio.to_thread
from fastapi import Request, Response
from fastapi.routing import APIRoute

from holdfast.errors import HoldfastError
from holdfast_api.scopes import caller_of
from holdfast_db import idempotency
from holdfast_db.session import Database

__all__ = ["IDEMPOTENCY_KEY", "REPEATABLE_CODES", "RepeatableRoute"]

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
REPEATABLE_CODES: Final = ("idempotency_key_reused", "idempotency_in_flight", "invalid_request")
_MAX_KEY_CHARS: Final = 255
_KEPT_HEADERS: Final = (
    *("content-type", "location", "cache-control", "upload-offset", "upload-expires"),
    "tus-resumable",
)
_ASKED_HEADERS: Final = ("upload-length", "upload-metadata")
"""Headers that are part of what is asked."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RepeatableRoute(APIRoute):
    """An endpoint whose POST may be sent again under the same key."""

    def get_route_handler(self) -> Handler:
        """Wrap the endpoint."""
        handler = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(IDEMPOTENCY_KEY)
            if key is None or request.method != "POST":
                return await handler(request)
            return await _once(request, key, handler)

        return once


async def _once(request: Request, key: str, handler: Handler) -> Response:
    if not key or len(key) > _MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise HoldfastError("invalid_request")
    db: Database = request.app.state.parts.whole_db
    digest = _digest(request, await request.body())
    found = await anyio.to_thread.run_sync(_begin, db, caller_of(request).id, key, digest)
    if isinstance(found, idempotency.Answer):
        headers = {**found.headers, "Idempotency-Replayed": "true"}
        return Response(found.body, found.status, headers)
    response = None
    try:
        response = await handler(request)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_end, db, found, response)
    return response


def _digest(request: Request, body: bytes) -> str:
    asked = [request.url.path, request.url.query]
    asked += [request.headers.get(name, "") for name in _ASKED_HEADERS]
    return hashlib.sha256(b"\0".join([*(text.encode() for text in asked), body])).hexdigest()


def _begin(db: Database, caller: str, key: str, digest: str) -> idempotency.Answer | str:
    with db.transaction() as session:
        return idempotency.begin(session, caller, key, digest)


def _end(db: Database, row_id: str, response: Response | None) -> None:
    with db.transaction() as session:
        if response is None or response.status_code >= 400:  # noqa: PLR2004 - HTTP's errors
            idempotency.forget(session, row_id)
            return
        headers = {
            name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
        }
        body = bytes(response.body).decode()
        idempotency.keep(session, row_id, idempotency.Answer(response.status_code, headers, body))
