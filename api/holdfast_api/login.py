"""Signing in with a token: a form, a signed cookie that names the token, nothing stored."""

from typing import Annotated, Final
from urllib.parse import parse_qs

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from holdfast_api.callers import Door
from holdfast_api.guard import is_local_path
from holdfast_api.parts import PartsDep
from holdfast_api.rendering import page
from holdfast_api.sessions import COOKIE

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_MAX_FIELDS: Final = 8


@router.get("/login")
def login_page(
    request: Request, parts: PartsDep, target: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """The form. Without tokens there is nothing to sign in to."""
    if not parts.door.is_on():
        return RedirectResponse("/", 303)
    return page(request, "login", next=_local(target), wrong=False)


@router.post("/login")
async def login(request: Request, parts: PartsDep) -> Response:
    """Look the token up and set the cookie."""
    # Read by hand: FastAPI's forms need a parser for multipart, which nothing else here needs.
    fields = _fields(await request.body())
    target = _local(fields.get("next", ["/"])[0])
    if not await anyio.to_thread.run_sync(parts.door.is_on):
        return RedirectResponse(target, 303)
    token = fields.get("token", [""])[0].strip()
    cookie = await anyio.to_thread.run_sync(_session, parts.door, token)
    if cookie is None:
        return page(request, "login", 401, next=target, wrong=True)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=parts.settings.session_s,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
def logout() -> Response:
    """Take the cookie away."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def _session(door: Door, token: str) -> str | None:
    caller = door.by_secret(token)
    return None if caller is None else door.cookie_of(caller)


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}


def _local(target: str) -> str:
    return target if is_local_path(target) else "/"
