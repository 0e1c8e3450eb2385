"""Signing in with the shared token: a form, a signed cookie, nothing stored."""

from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from holdfast_api.guard import is_local_path
from holdfast_api.parts import PartsDep
from holdfast_api.rendering import page
from holdfast_api.sessions import COOKIE, same_token, sign

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_MAX_FIELDS: Final = 8


@router.get("/login")
def login_page(
    request: Request, parts: PartsDep, target: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """The form. Without a token there is nothing to sign in to."""
    if not parts.settings.has_token:
        return RedirectResponse("/", 303)
    return page(request, "login", next=_local(target), wrong=False)


@router.post("/login")
async def login(request: Request, parts: PartsDep) -> Response:
    """Compare the token and set the cookie."""
    # Read by hand: FastAPI's forms need a parser for multipart, which nothing else here needs.
    fields = _fields(await request.body())
    target = _local(fields.get("next", ["/"])[0])
    token = parts.settings.token.get_secret_value()
    if not token:
        return RedirectResponse(target, 303)
    if not same_token(fields.get("token", [""])[0].strip(), token):
        return page(request, "login", 401, next=target, wrong=True)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        sign(token, parts.settings.session_s),
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


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}


def _local(target: str) -> str:
    return target if is_local_path(target) else "/"
