"""The outermost layer: a request id, security headers, a limit on bodies, and the last catch."""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import HoldfastError
from holdfast_api.problems import answer, problem_of

__all__ = ["PAGE_CSP", "Edge"]

PAGE_CSP: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: under it a form posts with `Origin: null`, which looks cross-site.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "private, no-cache",
}
_GIVEN_ID: Final = re.compile(r"^[A-Za-z0-9_-]{8,64}$")
_log = structlog.get_logger(__name__)


@final
class Edge:
    """Wraps the whole application; what nobody caught ends here as a 500 without its cause."""

    def __init__(self, app: ASGIApp, max_json_bytes: int) -> None:
        """Wrap `app`; bodies of anything but an upload end at `max_json_bytes`."""
        self._app = app
        self._max_json_bytes = max_json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        sender = _Sender(send, request_id)
        if not _takes_files(scope):
            receive = _limited(scope, receive, self._max_json_bytes)
        try:
            await self._app(scope, receive, sender)
        except Exception:
            _log.exception("request_failed", request_id=request_id, path=scope["path"])
            if sender.started:
                raise
            error = HoldfastError("internal", request_id=request_id)
            await answer(problem_of(error, request_id))(scope, receive, sender)


@final
class _Sender:
    """Adds the headers that an answer does not set itself."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith("text/html"):
                _allow_own_parts(headers)
            headers["x-request-id"] = self._request_id
        await self._send(message)


def _allow_own_parts(headers: MutableHeaders) -> None:
    """A page that set no policy of its own may use our style sheet and scripts."""
    if headers["content-security-policy"] == _HEADERS["content-security-policy"]:
        headers["content-security-policy"] = PAGE_CSP


def _takes_files(scope: Scope) -> bool:
    """Whether the body is that of an upload, which has limits of its own."""
    return scope["method"] in ("PUT", "PATCH") and scope["path"].startswith("/v1/uploads/")


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.match(given) else uuid.uuid4().hex


def _limited(scope: Scope, receive: Receive, limit: int) -> Callable[[], Awaitable[Message]]:
    """Count the body; FastAPI's own limit answers an honest length with plain text."""
    announced = Headers(scope=scope).get("content-length", "")
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
            raise _BodyTooLarge(limit)
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _BodyTooLarge(limit)
        return message

    return limited


class _BodyTooLarge(HTTPException):
    """An HTTPException, because FastAPI lets no other kind pass while it reads a body."""

    def __init__(self, limit: int) -> None:
        super().__init__(status_code=413)
        self.fields = {"limit": limit, "setting": "HOLDFAST_MAX_JSON_BYTES"}
