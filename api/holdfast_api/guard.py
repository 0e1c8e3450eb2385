"""Who may ask: the name in the address, the site that sent it, the token.

no tokens in use -- only loopback names are served, so that a rebound DNS name finds nothing
unsafe method ----- not from a page of another site (Sec-Fetch-Site, else Origin)
tokens in use ----- `Authorization: Bearer`, or the session cookie of /login

What the caller may do with the endpoint that is then found is the matter of `scopes`.
"""

import re
from typing import Final, final
from urllib.parse import quote, urlsplit

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.errors import HoldfastError
from holdfast_api.callers import EVERYBODY, NOBODY, Caller, Door
from holdfast_api.pace import Pace
from holdfast_api.problems import answer, problem_of, request_id_of
from holdfast_api.sessions import COOKIE
from holdfast_api.settings import ApiSettings

__all__ = ["Guard", "is_local_path"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN: Final = frozenset(
    {
        *("/healthz", "/readyz", "/metrics", "/login", "/v1/version"),
        *("/openapi.json", "/docs", "/problems", "/v1/policies/schema"),
    }
)
_OPEN_BELOW: Final = ("/static/", "/problems/")
_MAYBE_OPEN: Final = re.compile(r"/v1/projects/[^/]+/badge\.(svg|json)")
"""The endpoint decides: a badge may be public."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_log = structlog.get_logger(__name__)


@final
class Guard:
    """Refuses before anything is routed or read."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, door: Door) -> None:
        """Wrap `app`."""
        self._app = app
        self._settings = settings
        self._door = door
        self._pace = Pace(settings.rate_limit, settings.rate_store)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass, or answer it here."""
        if scope["type"] == "http":
            found = await self._caller(Request(scope))
            if isinstance(found, Response):
                await found(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = found
        await self._app(scope, receive, send)

    async def _caller(self, request: Request) -> Caller | Response:
        try:
            return await anyio.to_thread.run_sync(self._admit, request)
        except HoldfastError as error:
            if error.code == "unauthorized" and _wants_page(request):
                return RedirectResponse(f"/login?next={quote(_target(request))}", 303)
            return answer(problem_of(error, request_id_of(request)))

    def _admit(self, request: Request) -> Caller:
        is_open = _is_open(request)
        is_on = self._is_on(is_open=is_open)
        if not is_on:
            self._check_host(request)
        _check_site(request)
        if is_open:
            return NOBODY if is_on else EVERYBODY
        caller = self._identified(request) if is_on else EVERYBODY
        self._pace.check(caller)
        return caller

    def _is_on(self, *, is_open: bool) -> bool:
        try:
            return self._door.is_on()
        except SQLAlchemyError:
            if is_open:  # whether the process lives must not depend on its database
                return False
            _log.exception("database_failed")
            raise HoldfastError("database_unavailable") from None

    def _check_host(self, request: Request) -> None:
        name, _ = _host(f"//{request.headers.get('host', '')}")
        if name not in self._settings.hosts:
            names = ", ".join(sorted(self._settings.hosts))
            raise HoldfastError("host_not_allowed", names=names)

    def _identified(self, request: Request) -> Caller:
        try:
            caller = self._door.known(request.headers, request.cookies.get(COOKIE, ""))
        except SQLAlchemyError:
            _log.exception("database_failed")
            raise HoldfastError("database_unavailable") from None
        if caller is None and _MAYBE_OPEN.fullmatch(request.scope["path"]):
            return NOBODY
        if caller is None:
            raise HoldfastError("unauthorized")
        return caller


def _is_open(request: Request) -> bool:
    path = request.scope["path"]
    if path == "/v1/uploads":  # what a tus client may do here is asked before it signs in
        return request.method == "OPTIONS"
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _check_site(request: Request) -> None:
    """Browsers name the sender of every unsafe request; programs send neither header."""
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise HoldfastError("cross_site")
        return
    origin = request.headers.get("origin")
    if origin is None:
        return
    scheme = origin.partition(":")[0]
    here = _host(f"{scheme}://{request.headers.get('host', '')}")
    if _host(origin) != here or not here[0]:
        raise HoldfastError("cross_site")


def _host(url: str) -> tuple[str, int | None]:
    """The name and port of an address; an empty name when it cannot be read."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", None


def _wants_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _target(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return f"{request.scope['path']}?{query}" if query else str(request.scope["path"])


def is_local_path(target: str) -> bool:
    """Whether a redirect to `target` stays on this service."""
    return target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
