"""The formats of a finished audit, each rendered when somebody asks for it and never stored."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse

from holdfast.errors import HoldfastError
from holdfast.records.job import ChildLimits
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast.sandbox.table import samples_csv
from holdfast_api.outcomes import AgainstId, IfNoneMatch, PolicyDigest, verdict_json
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.rendering import VERSION
from holdfast_api.stored import (
    done_audit,
    is_known,
    model_name,
    not_modified,
    read_result,
    tagged,
)
from holdfast_db.tables import AuditRow
from holdfast_reports.formats.badge import render_badge_svg
from holdfast_reports.formats.junit import render_junit
from holdfast_reports.formats.markdown import render_markdown
from holdfast_reports.formats.sarif import render_sarif
from holdfast_reports.html import CONTENT_SECURITY_POLICY, html_report

__all__ = ["router"]

router = APIRouter(prefix="/v1/audits", tags=["Outcomes"])
_CSV_LIMITS: Final = ChildLimits(memory_bytes=2 << 30, wall_s=3600.0, stall_s=60.0)


@dataclass(frozen=True)
class _Subject:
    """A finished audit with the verdict that was asked for."""

    row: AuditRow
    verdict: str | None
    if_none_match: str | None


def _subject(
    audit_id: str,
    parts: PartsDep,
    policy_digest: PolicyDigest = None,
    baseline: AgainstId = None,
    if_none_match: IfNoneMatch = None,
) -> _Subject:
    row = done_audit(parts, audit_id)
    found = verdict_json(parts, row.id, row.verdict, policy_digest, baseline)
    return _Subject(row, found, if_none_match)


Render = Callable[[AuditResult, Verdict | None, str], str]


def _answers(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"content": {media_type: {}}, "description": what},
        304: {"description": "Not changed."},
        **declare("not_found", "not_done", "not_judged"),
    }


@dataclass(frozen=True)
class _Form:
    """How one format is made and served."""

    media_type: str
    suffix: str
    render: Render
    headers: tuple[tuple[str, str], ...] = ()


def _html(result: AuditResult, verdict: Verdict | None, name: str) -> str:
    return html_report(result, verdict, name=name)


def _junit(result: AuditResult, verdict: Verdict | None, name: str) -> str:
    return render_junit(result, verdict, name=name)


def _sarif(result: AuditResult, verdict: Verdict | None, name: str) -> str:
    return render_sarif(result, verdict, name=name)


def _markdown(result: AuditResult, verdict: Verdict | None, name: str) -> str:
    return render_markdown(result, verdict, name=name)


def _badge(result: AuditResult, verdict: Verdict | None, name: str) -> str:
    return render_badge_svg(result, verdict, name=name)


_LOCKED: Final = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "no-referrer"),
)
_HTML: Final = _Form("text/html", "html", _html, _LOCKED)
_JUNIT: Final = _Form("application/xml", "junit.xml", _junit)
_SARIF: Final = _Form("application/sarif+json", "sarif", _sarif)
_MARKDOWN: Final = _Form("text/markdown", "md", _markdown)
_BADGE: Final = _Form("image/svg+xml", "svg", _badge)


@router.get(
    "/{audit_id}/report.html",
    response_class=Response,
    responses=_answers("text/html", "One self-contained page."),
)
def get_report(
    subject: Annotated[_Subject, Depends(_subject)], parts: PartsDep, *, download: bool = False
) -> Response:
    """The report, rendered from result and verdict; `download=true` to keep it as a file."""
    return _rendered(parts, subject, _HTML, download=download)


@router.get(
    "/{audit_id}/junit.xml",
    response_class=Response,
    responses=_answers("application/xml", "A test report: a case for each assertion."),
)
def get_junit(subject: Annotated[_Subject, Depends(_subject)], parts: PartsDep) -> Response:
    """The verdict as JUnit XML."""
    return _rendered(parts, subject, _JUNIT, download=True)


@router.get(
    "/{audit_id}/results.sarif",
    response_class=Response,
    responses=_answers("application/sarif+json", "Problems, as code scanning reads them."),
)
def get_sarif(subject: Annotated[_Subject, Depends(_subject)], parts: PartsDep) -> Response:
    """The problems as SARIF 2.1.0."""
    return _rendered(parts, subject, _SARIF, download=True)


@router.get(
    "/{audit_id}/summary.md",
    response_class=Response,
    responses=_answers("text/markdown", "A summary for a pull request."),
)
def get_summary(subject: Annotated[_Subject, Depends(_subject)], parts: PartsDep) -> Response:
    """The verdict in GitHub's Markdown."""
    return _rendered(parts, subject, _MARKDOWN, download=True)


@router.get(
    "/{audit_id}/badge.svg",
    response_class=Response,
    responses=_answers("image/svg+xml", "A badge that needs no network."),
)
def get_badge(subject: Annotated[_Subject, Depends(_subject)], parts: PartsDep) -> Response:
    """The decision of one audit as a badge."""
    return _rendered(parts, subject, _BADGE, download=False)


@router.get(
    "/{audit_id}/samples.csv",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {}}, "description": "One row per image and cell."},
        304: {"description": "Not changed."},
        **declare("not_found", "not_done", "invalid_samples", "missing_extra"),
    },
)
def get_samples_csv(audit_id: str, parts: PartsDep, if_none_match: IfNoneMatch = None) -> Response:
    """The per-sample file for a spreadsheet, read in a locked child while it is sent."""
    row = done_audit(parts, audit_id)
    headers = tagged(hashlib.sha256(f"{row.samples_sha256} csv {VERSION}".encode()).hexdigest())
    if is_known(headers, if_none_match):
        return not_modified(headers)
    if find_spec("pyarrow") is None:
        raise HoldfastError("missing_extra", extra="server")
    blocks = samples_csv(
        parts.store.path(row.samples_sha256 or ""), mode=parts.settings.sandbox, limits=_CSV_LIMITS
    )
    first = next(blocks, b"")  # what the file is refused for is still an answer of its own
    headers["Content-Disposition"] = f'attachment; filename="samples-{row.id}.csv"'
    return StreamingResponse(chain([first], blocks), headers=headers, media_type="text/csv")


def _rendered(parts: Parts, subject: _Subject, form: _Form, *, download: bool) -> Response:
    row = subject.row
    name = model_name(parts, row)
    seen = f"{row.result_sha256} {subject.verdict} {name} {form.suffix} {VERSION}"
    headers = tagged(hashlib.sha256(seen.encode()).hexdigest())
    if is_known(headers, subject.if_none_match):
        return not_modified(headers)
    found = subject.verdict
    verdict = None if found is None else Verdict.model_validate_json(found)
    text = form.render(read_result(parts, row), verdict, name)
    how = "attachment" if download else "inline"
    headers["Content-Disposition"] = f'{how}; filename="audit-{row.id}.{form.suffix}"'
    return Response(text, headers={**headers, **dict(form.headers)}, media_type=form.media_type)
