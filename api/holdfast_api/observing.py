"""What every request leaves behind: one line in the log, and its time by route in a histogram."""

import time
from typing import Any, Final, final

import structlog
from fastapi import Request
from prometheus_client import CollectorRegistry, Gauge, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

__all__ = ["Observer", "bind_ids", "token_prefix"]

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_FIRST_ERROR: Final = 400
_SHOWN_OF_TOKEN: Final = 8
_LONG_TOKEN: Final = 24
_log = structlog.get_logger(__name__)


@final
class Observer:
    """The outermost layer: it sees what the caller sees."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        """Wrap `app`; the numbers go into `registry`."""
        self._app = app
        self._seconds = Histogram(
            "holdfast_http_request_seconds",
            "Time of a request until its last byte, by route. Long polls and streams take long.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._running = Gauge(
            "holdfast_http_requests_running", "Requests that are being answered.", registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and note it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        clear_contextvars()
        seen = _Seen(send)
        began = time.perf_counter()
        self._running.inc()
        try:
            await self._app(scope, receive, seen)
        finally:
            self._running.dec()
            self._note(scope, seen, time.perf_counter() - began)

    def _note(self, scope: Scope, seen: "_Seen", took_s: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._seconds.labels(method, _route(scope), str(seen.status)).observe(took_s)
        # A probe every few seconds is no news, unless it fails.
        quiet = scope["path"] in _PROBES and seen.status < _FIRST_ERROR
        (_log.debug if quiet else _log.info)(
            "request",
            method=method,
            path=scope["path"],
            status=seen.status,
            duration_ms=round(took_s * 1000, 1),
            sent_bytes=seen.sent_bytes,
            token=token_prefix(Headers(scope=scope).get("authorization", "")),
            **_ids(scope),
        )


@final
class _Seen:
    """Looks at what is sent. A connection that ends without an answer counts as 499."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499
        self.sent_bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.sent_bytes += len(message.get("body", b""))
        await self._send(message)


def token_prefix(authorization: str) -> str | None:
    """The beginning of a token, enough to find it in a list; nothing of one that is short."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return None
    return f"{token[:_SHOWN_OF_TOKEN]}…" if len(token) >= _LONG_TOKEN else "(short)"


def _route(scope: Scope) -> str:
    """The template of the route. What matched none counts together: callers make up paths."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    return "/static" if scope["path"].startswith("/static/") else "none"


def _ids(scope: Scope) -> dict[str, Any]:
    """The request id, and the ids in the path."""
    named = {key: value for key, value in scope.get("path_params", {}).items() if key != "path"}
    return {**{key: str(value)[:64] for key, value in named.items()}, **_request_id(scope)}


def _request_id(scope: Scope) -> dict[str, str]:
    request_id = scope.get("state", {}).get("request_id")
    return {} if request_id is None else {"request_id": request_id}


async def bind_ids(request: Request) -> None:
    """Every line that is logged for this request says for which audit, model, upload it was."""
    bind_contextvars(**_ids(request.scope))
