"""RFC 9457 problem documents: the only form in which this service says no.

HoldfastError ----------- code -> status from `statuses`
HTTPException ----------- status -> code (no such page, method, body too large, not JSON)
RequestValidationError -- 422 `invalid_request` with the fields, 400 `invalid_json`, 415
anything else ----------- 500 `internal` with the request id, never a stack trace (see `edge`)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, PrivateAttr
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from holdfast.errors import HoldfastError, clean
from holdfast_api.statuses import status_of

__all__ = [
    "CODES",
    "FieldErrorView",
    "ProblemView",
    "answer",
    "declare",
    "from_http",
    "from_validation",
    "problem_of",
    "request_id_of",
    "title_of",
]

CODES: Final = "x-holdfast-codes"
"""Where the OpenAPI document lists the codes behind a status."""
MEDIA_TYPE: Final = "application/problem+json"
_CUT_OFF: Final = frozenset(
    {
        *("body_too_large", "slow_body", "storage_full", "length_required"),
        *("upload_busy", "wrong_offset"),
    }
)
_NAMES: Final = {
    **{word: word.upper() for word in ("onnx", "npz", "json", "ir", "url")},
    "torchscript": "TorchScript",
    "torch": "PyTorch",
    "pt2": ".pt2",
}
"""Words of codes that are not written in small letters."""
_RETRIED: Final = frozenset({429, 503})
_RETRY_S: Final = "30"
_MAX_FIELD_ERRORS = 20
_CODES = {
    400: "invalid_json",
    401: "unauthorized",
    403: "forbidden",
    404: "unknown_address",
    405: "method_not_allowed",
    413: "body_too_large",
}


class FieldErrorView(BaseModel):
    """One field that is wrong: where it stands and why."""

    where: Literal["body", "query", "path", "header", "cookie"]
    pointer: str
    """A JSON pointer into the body, or the name of the parameter."""
    detail: str


class ProblemView(BaseModel):
    """An error, as RFC 9457 describes it; `code` is stable, texts may change."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    request_id: str
    errors: list[FieldErrorView] = []
    _retry_after_s: str | None = PrivateAttr(None)


def title_of(code: str) -> str:
    """The short name of an error, the same in every occurrence."""
    words = code.capitalize().split("_")
    return " ".join(_NAMES.get(word.lower(), word) for word in words)


def problem_of(
    error: HoldfastError, request_id: str, errors: Sequence[FieldErrorView] = ()
) -> ProblemView:
    """The document for one error."""
    problem = ProblemView(
        type=f"/problems/{error.code}",
        title=title_of(error.code),
        status=status_of(error.code),
        code=error.code,
        detail=error.sentence,
        hint=error.hint,
        request_id=request_id,
        errors=list(errors),
    )
    if problem.status in _RETRIED:
        problem._retry_after_s = error.fields.get("s", _RETRY_S)  # noqa: SLF001 - our own class
    return problem


def answer(problem: ProblemView, headers: Mapping[str, str] | None = None) -> Response:
    """The document as a response, with the headers that its status asks for."""
    extra = dict(headers or {})
    if problem.code == "unauthorized":
        extra["WWW-Authenticate"] = "Bearer"
    if problem._retry_after_s is not None:  # noqa: SLF001 - our own class
        extra["Retry-After"] = problem._retry_after_s  # noqa: SLF001 - our own class
    if problem.code == "tus_version":
        extra["Tus-Version"] = "1.0.0"
    if problem.code in _CUT_OFF:
        # Otherwise the server goes on receiving, and throwing away, what the client still sends.
        extra["Connection"] = "close"
    return Response(
        problem.model_dump_json(), status_code=problem.status, headers=extra, media_type=MEDIA_TYPE
    )


def request_id_of(request: Request) -> str:
    """The id that `edge` gave this request."""
    return str(request.scope.get("state", {}).get("request_id", "-"))


def from_http(error: HTTPException, request: Request) -> HoldfastError:
    """What an exception of the framework means in our words."""
    code = _CODES.get(error.status_code, "internal")
    fields: dict[str, object] = getattr(error, "fields", {})
    return HoldfastError(code, request_id=request_id_of(request), **fields)


def from_validation(
    error: RequestValidationError,
) -> tuple[HoldfastError, list[FieldErrorView]]:
    """What a request that does not fit its description means, and which fields are wrong."""
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return HoldfastError("invalid_json"), []
    if isinstance(error.body, bytes):
        # FastAPI hands bytes over when the Content-Type does not say JSON.
        return HoldfastError("unsupported_media_type", expected="application/json"), []
    return HoldfastError("invalid_request"), [_field(item) for item in found[:_MAX_FIELD_ERRORS]]


def _field(item: Mapping[str, Any]) -> FieldErrorView:
    # A key of the body may stand in the path, so it is foreign text; the input itself is left out.
    where, *path = item["loc"]
    escaped = [clean(part).replace("~", "~0").replace("/", "~1") for part in path]
    pointer = "".join(f"/{part}" for part in escaped) if where == "body" else ".".join(escaped)
    return FieldErrorView(where=where, pointer=pointer, detail=clean(item["msg"], 240))


def declare(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of an endpoint that may answer these codes, grouped by status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(status_of(code), []).append(code)
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in sorted(group)),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
            CODES: sorted(group),
        }
        for status, group in sorted(by_status.items())
    }
