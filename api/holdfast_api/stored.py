"""What finished audits left, read from the store: results, comparisons, and what serves them."""

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

from holdfast.errors import HoldfastError
from holdfast.records.comparison import Comparison
from holdfast.records.result import AuditResult
from holdfast_api.audit_views import audit_row
from holdfast_api.parts import Parts
from holdfast_db.queries import get_model
from holdfast_db.tables import AuditRow

__all__ = [
    "done_audit",
    "file_response",
    "is_known",
    "model_name",
    "not_modified",
    "read_comparison",
    "read_result",
    "tagged",
]


def done_audit(parts: Parts, audit_id: str) -> AuditRow:
    """A finished audit.

    Raises:
        HoldfastError: `not_found`, `not_done`.
    """
    with parts.db.reading() as session:
        row = audit_row(session, audit_id)
    if row.state != "done":
        raise HoldfastError("not_done", id=row.id, state=row.state)
    return row


def read_result(parts: Parts, row: AuditRow) -> AuditResult:
    """The stored result of a finished audit."""
    return AuditResult.model_validate_json(parts.store.path(row.result_sha256 or "").read_bytes())


def read_comparison(parts: Parts, sha256: str) -> Comparison:
    """A stored comparison."""
    return Comparison.model_validate_json(parts.store.path(sha256).read_bytes())


def model_name(parts: Parts, row: AuditRow) -> str:
    """What people call the model of an audit."""
    with parts.db.reading() as session:
        model = get_model(session, row.model_id)
    return model.name if model else ""


def file_response(
    parts: Parts, sha256: str | None, name: str, media_type: str, if_none_match: str | None
) -> Response:
    """A file of the store; its digest is its ETag."""
    headers = tagged(sha256 or "")
    if is_known(headers, if_none_match):
        return not_modified(headers)
    path = parts.store.path(sha256 or "")
    return FileResponse(path, filename=name, media_type=media_type, headers=headers)


def tagged(digest: str) -> dict[str, str]:
    """The headers of something that is asked for again and again."""
    return {"ETag": f'"{digest[:32]}"', "Cache-Control": "private, no-cache"}


def is_known(headers: dict[str, str], if_none_match: str | None) -> bool:
    """Whether the caller has exactly this."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return headers["ETag"] in given


def not_modified(headers: dict[str, str]) -> Response:
    """304."""
    return NotModifiedResponse(Headers(headers))
