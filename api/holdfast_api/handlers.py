"""Turns exceptions into problem documents, and into pages where a browser asks for one."""

from collections.abc import Mapping, Sequence

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from holdfast.errors import HoldfastError
from holdfast_api.problems import (
    FieldErrorView,
    answer,
    from_http,
    from_validation,
    problem_of,
    request_id_of,
)
from holdfast_api.rendering import page

__all__ = ["install"]

_log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Replace the framework's answers by ours; what is not caught here, `edge` catches."""
    app.add_exception_handler(HoldfastError, _on_holdfast)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(DataError, _on_data)
    app.add_exception_handler(OperationalError, _on_database)


async def _on_holdfast(request: Request, error: Exception) -> Response:
    if not isinstance(error, HoldfastError):  # Starlette's type of a handler is wider
        raise error
    return _respond(request, error)


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    return _respond(request, from_http(error, request), headers=error.headers)


async def _on_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    meaning, fields = from_validation(error)
    return _respond(request, meaning, fields)


async def _on_data(request: Request, _error: Exception) -> Response:
    # A text that the database cannot hold, for example with a NUL, inside a cursor.
    return _respond(request, HoldfastError("invalid_request"))


async def _on_database(request: Request, _error: Exception) -> Response:
    _log.exception("database_failed", request_id=request_id_of(request))
    return _respond(request, HoldfastError("database_unavailable"))


def _respond(
    request: Request,
    error: HoldfastError,
    fields: Sequence[FieldErrorView] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = problem_of(error, request_id_of(request), fields)
    if not request.url.path.startswith("/v1/") and _accepts_html(request):
        return page(request, "error", problem.status, problem=problem)
    return answer(problem, headers)


def _accepts_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
