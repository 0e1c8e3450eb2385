"""The OpenAPI document: true about errors, short operation ids, the records by their names."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from holdfast_api.problems import CODES, ProblemView, declare
from holdfast_api.rendering import VERSION

__all__ = ["install", "operation_id"]

_REF: Final = "#/components/schemas/{model}"
_METHODS: Final = frozenset({"get", "head", "post", "put", "delete"})
_EVERYWHERE: Final = ("unauthorized", "cross_site", "host_not_allowed", "internal")
_WITH_JSON: Final = ("invalid_json", "body_too_large", "unsupported_media_type")

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
    {"name": "Service", "description": "Version and health."},
]


def operation_id(route: APIRoute) -> str:
    """The name of the function, which is unique here and reads well in generated clients."""
    return route.name


def install(app: FastAPI) -> None:
    """Make `app.openapi` give our document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    # Assigning the method is the documented way to extend it.
    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="Holdfast",
        version=VERSION,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        separate_input_output_schemas=False,
    )
    for operation in _operations(made):
        _complete(operation)
    _name_records(made["components"]["schemas"])
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"token": []}, {}]
    return made


def _operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in made["paths"].values():
        yield from (operation for method, operation in item.items() if method in _METHODS)


def _complete(operation: dict[str, Any]) -> None:
    """Add the errors that any endpoint of its kind may answer, which no endpoint declares."""
    responses = operation["responses"]
    codes = {code for response in responses.values() for code in response.get(CODES, [])}
    generated = responses.get("422", {}).get("content", {})
    if "application/json" in generated:
        del responses["422"]
        codes.add("invalid_request")
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        codes.update(_WITH_JSON)
    if operation["tags"] != ["Service"]:
        codes.update((*_EVERYWHERE, "database_unavailable"))
    responses.update({str(status): answer for status, answer in declare(*codes).items()})
    operation["responses"] = dict(sorted(responses.items()))


def _name_records(schemas: dict[str, Any]) -> None:
    """Say what `plan` is, and drop the framework's own form of an error."""
    _, ours = models_json_schema([(ProblemView, "serialization")], ref_template=_REF)
    schemas.update(ours["$defs"])
    schemas["AuditRequest"]["properties"]["plan"] = {"$ref": _REF.format(model="AuditPlan")}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
