"""Pages made from what the code says: the errors and the API."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.errors import ERRORS, HoldfastError, Kind
from holdfast_api.problems import CODES, title_of
from holdfast_api.rendering import page
from holdfast_api.statuses import status_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_WHO: Final = {
    Kind.usage: "The request or the configuration is wrong",
    Kind.refused: "The model or the images cannot be audited",
    Kind.broken: "The audit, the service or the connection broke",
}
_EVERYWHERE: Final = (
    *(
        "unauthorized",
        "missing_scope",
        "rate_limited",
        "host_not_allowed",
        "cross_site",
        "internal",
        "database_unavailable",
    ),
    *("invalid_json", "invalid_request", "body_too_large", "unsupported_media_type"),
)
"""Codes that would stand at nearly every endpoint; the page names them once."""
_METHODS: Final = ("get", "head", "options", "post", "put", "patch", "delete")


@router.get("/problems")
def problems_page(request: Request) -> Response:
    """All errors."""
    groups = [
        {"who": who, "codes": sorted(code for code, text in ERRORS.items() if text.kind is kind)}
        for kind, who in _WHO.items()
    ]
    return page(request, "problems", groups=groups)


@router.get("/problems/{code}")
def problem_page(code: str, request: Request) -> Response:
    """One error; the `type` of its problem documents leads here."""
    text = ERRORS.get(code)
    if text is None:
        raise HoldfastError("unknown_address")
    return page(
        request,
        "problem",
        code=code,
        title=title_of(code),
        sentence=text.sentence,
        hint=text.hint,
        who=_WHO[text.kind],
        status=status_of(code),
    )


@router.get("/docs")
def docs_page(request: Request) -> Response:
    """The endpoints in short; no script from elsewhere."""
    operations = [
        _operation(method, path, item[method])
        for path, item in request.app.openapi()["paths"].items()
        for method in _METHODS
        if method in item
    ]
    tags = dict.fromkeys(operation["tag"] for operation in operations)
    groups = [
        {"tag": tag, "operations": [one for one in operations if one["tag"] == tag]} for tag in tags
    ]
    return page(request, "docs", groups=groups, everywhere=_EVERYWHERE)


def _operation(method: str, path: str, item: dict[str, Any]) -> dict[str, Any]:
    codes = [code for answer in item["responses"].values() for code in answer.get(CODES, [])]
    return {
        "tag": item["tags"][0],
        "method": method.upper(),
        "path": path,
        "summary": item["description"].replace("`", ""),
        "parameters": [parameter["name"] for parameter in item.get("parameters", [])],
        "codes": [code for code in codes if code not in _EVERYWHERE],
    }
