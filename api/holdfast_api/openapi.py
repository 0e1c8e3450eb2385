"""The OpenAPI document: true about errors, short operation ids, the records by their names."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from holdfast_api.problems import CODES, ProblemView, declare
from holdfast_api.rendering import VERSION
from holdfast_api.repeating import IDEMPOTENCY_KEY, REPEATABLE_CODES, RepeatableRoute
from holdfast_api.routers import API_ROUTERS
from holdfast_api.scopes import OPEN, SCOPES

__all__ = ["EVERYWHERE", "document"]

_REF: Final = "#/components/schemas/{model}"
_METHODS: Final = ("get", "head", "options", "post", "put", "patch", "delete")
_UNSAFE: Final = ("post", "put", "patch", "delete")
SCOPE: Final = "x-holdfast-scope"
"""Where the document says what an operation needs; see `scopes`."""
_UNDECLARED: Final = "undeclared"
"""An endpoint that `scopes` does not name; it answers 403, and a test fails."""
EVERYWHERE: Final = ("host_not_allowed", "internal", "database_unavailable")
"""What every endpoint under /v1 may answer."""
_WITH_TOKEN: Final = ("unauthorized", "missing_scope", "rate_limited")
_WITH_JSON: Final = (
    *("invalid_json", "invalid_request", "body_too_large", "unsupported_media_type"),
)

_DESCRIPTION: Final = (
    "Audits vision models for robustness to translation, scale and rotation. Upload a model and "
    "images, ask for an audit, wait for it, read verdict, result and report. Errors are problem "
    "documents (RFC 9457); their codes are explained under /problems."
)
_TAGS: Final = [
    {"name": "Uploads", "description": "Bytes, sent as raw bodies and known by their SHA-256."},
    {"name": "Models and probe sets", "description": "Uploaded bytes under a name."},
    {"name": "Audits", "description": "The jobs."},
    {"name": "Outcomes", "description": "What an audit left."},
    {"name": "Comparisons", "description": "What changed from one audit to another."},
    {"name": "Branches", "description": "Baselines, histories and badges."},
    {"name": "Policies", "description": "Gates under a name; they never change."},
    {"name": "Webhooks", "description": "Signed messages when an audit ends."},
    {"name": "Projects and tokens", "description": "Who may do what, and where it belongs."},
    {"name": "Service", "description": "Version and health."},
]


@cache
def document() -> dict[str, Any]:
    """The whole document; the same for every instance, whatever its settings."""
    app = FastAPI(generate_unique_id_function=_operation_id)
    for router in API_ROUTERS:
        app.include_router(router)
    made = get_openapi(
        title="Holdfast",
        version=VERSION,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        separate_input_output_schemas=False,
    )
    repeatable = _repeatable()
    for method, operation in _operations(made):
        if method == "post" and operation["operationId"] in repeatable:
            _take_key(operation)
        _complete(method, operation)
    _name_records(made["components"]["schemas"])
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return made


def _operation_id(route: APIRoute) -> str:
    """The name of the function, which is unique here and reads well in generated clients."""
    return route.name


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in made["paths"].values():
        yield from ((method, item[method]) for method in item if method in _METHODS)


def _repeatable() -> set[str]:
    """The names of the endpoints that honour an `Idempotency-Key`."""
    routes = (route for router in API_ROUTERS for route in router.routes)
    return {route.name for route in routes if isinstance(route, RepeatableRoute)}


def _take_key(operation: dict[str, Any]) -> None:
    """Say that a POST may be sent again under the same key, and what may come of it."""
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    key = {"name": IDEMPOTENCY_KEY, "in": "header", "required": False, "schema": schema}
    operation.setdefault("parameters", []).append(key)
    _declare(operation, REPEATABLE_CODES)


def _declare(operation: dict[str, Any], more: Iterable[str]) -> None:
    """Add errors to those that an operation declares."""
    responses = operation["responses"]
    codes = {code for response in responses.values() for code in response.get(CODES, [])}
    declared = declare(*codes, *more)
    responses.update({str(status): answer for status, answer in declared.items()})


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Add the errors that any endpoint of its kind may answer, which no endpoint declares."""
    responses = operation["responses"]
    codes = {code for response in responses.values() for code in response.get(CODES, [])}
    if CODES not in responses.get("422", {CODES: []}):
        del responses["422"]  # the framework's own form of an error
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        codes.update(_WITH_JSON)
    if any(parameter["in"] != "path" for parameter in operation.get("parameters", [])):
        codes.add("invalid_request")
    scope = operation[SCOPE] = SCOPES.get(operation["operationId"], _UNDECLARED)
    if operation["tags"] != ["Service"] or scope != OPEN:
        codes.update(EVERYWHERE)
        codes.update(("cross_site",) if method in _UNSAFE else ())
    if scope != OPEN:
        codes.update(_WITH_TOKEN)
        operation["security"] = [{"token": []}, {}]
    responses.update({str(status): answer for status, answer in declare(*codes).items()})
    operation["responses"] = dict(sorted(responses.items()))


def _name_records(schemas: dict[str, Any]) -> None:
    """Say what `plan` is, and drop the framework's own form of an error."""
    _, ours = models_json_schema([(ProblemView, "serialization")], ref_template=_REF)
    schemas.update(ours["$defs"])
    schemas["AuditRequest"]["properties"]["plan"] = {"$ref": _REF.format(model="AuditPlan")}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
