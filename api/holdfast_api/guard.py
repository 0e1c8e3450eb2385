"""Who may ask: the name in the address, the site that sent it, the token.

no token set ---- only loopback names are served, so that a rebound DNS name finds nothing
unsafe method --- not from a page of another site (Sec-Fetch-Site, else Origin)
token set ------- `Authorization: Bearer`, or the session cookie of /login
"""

from typing import Final, final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.errors import HoldfastError
from holdfast_api.problems import answer, problem_of, request_id_of
from holdfast_api.sessions import COOKIE, is_valid, same_token
from holdfast_api.settings import ApiSettings

__all__ = ["Guard", "is_local_path"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN: Final = frozenset(
    {
        *("/healthz", "/readyz", "/metrics", "/login", "/v1/version"),
        *("/openapi.json", "/docs", "/problems"),
    }
)
_OPEN_BELOW: Final = ("/static/", "/problems/")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@final
class Guard:
    """Refuses before anything is routed or read."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        """Wrap `app`."""
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass, or answer it here."""
        if scope["type"] == "http":
            refusal = self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        try:
            self._check_host(request)
            _check_site(request)
            self._check_token(request)
        except HoldfastError as error:
            if error.code == "unauthorized" and _wants_page(request):
                return RedirectResponse(f"/login?next={quote(_target(request))}", 303)
            return answer(problem_of(error, request_id_of(request)))
        return None

    def _check_host(self, request: Request) -> None:
        if self._settings.has_token:
            return
        name, _ = _host(f"//{request.headers.get('host', '')}")
        if name not in self._settings.hosts:
            names = ", ".join(sorted(self._settings.hosts))
            raise HoldfastError("host_not_allowed", names=names)

    def _check_token(self, request: Request) -> None:
        path = request.scope["path"]
        if not self._settings.has_token or path in _OPEN or path.startswith(_OPEN_BELOW):
            return
        token = self._settings.token.get_secret_value()
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same_token(given.strip(), token):
            return
        if not is_valid(request.cookies.get(COOKIE, ""), token):
            raise HoldfastError("unauthorized")


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
