"""What an audit left: verdict, result, report, samples. Nothing here runs a model."""

import hashlib
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse

from holdfast.errors import HoldfastError
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_api.audit_views import audit_row
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.rendering import VERSION
from holdfast_api.requests import GateRequest
from holdfast_db.queries import get_model
from holdfast_db.tables import AuditRow
from holdfast_reports.html import CONTENT_SECURITY_POLICY, html_report

__all__ = ["read_result", "router"]

router = APIRouter(prefix="/v1/audits", tags=["Outcomes"])
_JSON: Final = "application/json"
_PARQUET: Final = "application/vnd.apache.parquet"
IfNoneMatch = Annotated[str | None, Header()]


@router.post(
    "/{audit_id}/gate",
    responses=declare("not_found", "not_done", "invalid_policy", "unknown_assertion"),
)
def judge_audit(audit_id: str, body: GateRequest, parts: PartsDep) -> Verdict:
    """Judge the stored result by this policy and keep the verdict; no model is run."""
    policy = read_policy(body.policy)
    verdict = judge(read_result(parts, _done(parts, audit_id)), policy)
    with parts.db.transaction() as session:
        row = audit_row(session, audit_id)
        row.policy = policy.model_dump_json()
        row.verdict = verdict.model_dump_json()
        row.decision = verdict.decision.value
    return verdict


@router.get(
    "/{audit_id}/verdict",
    response_model=Verdict,
    responses=declare("not_found", "not_done", "no_verdict"),
)
def get_verdict(audit_id: str, parts: PartsDep) -> Response:
    """What the gate said last, exactly as it was stored."""
    row = _done(parts, audit_id)
    if row.verdict is None:
        raise HoldfastError("no_verdict", id=row.id)
    return Response(row.verdict, media_type=_JSON)


@router.get(
    "/{audit_id}/result.json",
    response_model=AuditResult,
    responses={304: {"description": "Not changed."}, **declare("not_found", "not_done")},
)
def get_result(audit_id: str, parts: PartsDep, if_none_match: IfNoneMatch = None) -> Response:
    """Everything that was measured, exactly as the audit wrote it."""
    row = _done(parts, audit_id)
    return _file(parts, row.result_sha256, f"result-{row.id}.json", _JSON, if_none_match)


@router.get(
    "/{audit_id}/samples.parquet",
    response_class=FileResponse,
    responses={
        200: {"content": {_PARQUET: {}}, "description": "One row per image and cell."},
        206: {"content": {_PARQUET: {}}, "description": "The range that was asked for."},
        304: {"description": "Not changed."},
        416: {"description": "The range is not in the file."},
        **declare("not_found", "not_done"),
    },
)
def get_samples(audit_id: str, parts: PartsDep, if_none_match: IfNoneMatch = None) -> Response:
    """The scores of every image in every cell; every number can be computed again from it."""
    row = _done(parts, audit_id)
    return _file(parts, row.samples_sha256, f"samples-{row.id}.parquet", _PARQUET, if_none_match)


@router.get(
    "/{audit_id}/report.html",
    response_class=Response,
    responses={
        200: {"content": {"text/html": {}}, "description": "One self-contained page."},
        304: {"description": "Not changed."},
        **declare("not_found", "not_done"),
    },
)
def get_report(
    audit_id: str, parts: PartsDep, *, download: bool = False, if_none_match: IfNoneMatch = None
) -> Response:
    """The report, rendered from result and verdict; `download=true` to keep it as a file."""
    row = _done(parts, audit_id)
    seen = f"{row.result_sha256} {row.verdict} {VERSION}"
    headers = _headers(hashlib.sha256(seen.encode()).hexdigest())
    if _is_known(headers, if_none_match):
        return NotModifiedResponse(Headers(headers))
    verdict = None if row.verdict is None else Verdict.model_validate_json(row.verdict)
    text = html_report(read_result(parts, row), verdict, name=_model_name(parts, row))
    how = "attachment" if download else "inline"
    headers["Content-Disposition"] = f'{how}; filename="audit-{row.id}.html"'
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["Referrer-Policy"] = "no-referrer"
    return Response(text, headers=headers, media_type="text/html")


def read_result(parts: Parts, row: AuditRow) -> AuditResult:
    """The stored result of a finished audit."""
    return AuditResult.model_validate_json(parts.store.path(row.result_sha256 or "").read_bytes())


def _model_name(parts: Parts, row: AuditRow) -> str:
    with parts.db.reading() as session:
        model = get_model(session, row.model_id)
    return model.name if model else ""


def _done(parts: Parts, audit_id: str) -> AuditRow:
    with parts.db.reading() as session:
        row = audit_row(session, audit_id)
    if row.state != "done":
        raise HoldfastError("not_done", id=row.id, state=row.state)
    return row


def _file(
    parts: Parts, sha256: str | None, name: str, media_type: str, if_none_match: str | None
) -> Response:
    """A file of the store; its digest is its ETag."""
    headers = _headers(sha256 or "")
    if _is_known(headers, if_none_match):
        return NotModifiedResponse(Headers(headers))
    path = parts.store.path(sha256 or "")
    return FileResponse(path, filename=name, media_type=media_type, headers=headers)


def _headers(digest: str) -> dict[str, str]:
    return {"ETag": f'"{digest[:32]}"', "Cache-Control": "private, no-cache"}


def _is_known(headers: dict[str, str], if_none_match: str | None) -> bool:
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return headers["ETag"] in given
