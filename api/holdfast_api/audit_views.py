"""Rows of an audit as callers see them."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from holdfast.errors import ERRORS, HoldfastError
from holdfast_api.ids import known_id
from holdfast_api.problems import title_of
from holdfast_api.views import AuditErrorView, AuditLinksView, AuditView, ProgressView
from holdfast_db.queries import get_audit, get_models, get_probe_sets
from holdfast_db.tables import AuditRow, ModelRow, ProbeSetRow

__all__ = ["OPEN_STATES", "audit_row", "audit_views", "one_audit"]

OPEN_STATES: Final = frozenset({"queued", "running"})
_COPIED: Final = (
    *("id", "project", "branch", "commit", "model_id", "probe_set_id", "state"),
    *("cancel_requested", "cancel_reason", "decision", "priority", "baseline_id", "reused_id"),
    "stopped_early",
    *("created_at", "started_at", "finished_at"),
)


def audit_row(session: Session, audit_id: str) -> AuditRow:
    """One audit.

    Raises:
        HoldfastError: `not_found`.
    """
    row = get_audit(session, known_id(audit_id, "audit"))
    if row is None:
        raise HoldfastError("not_found", what="audit")
    return row


def one_audit(session: Session, audit_id: str) -> AuditView:
    """One audit as callers see it."""
    return audit_views(session, [audit_row(session, audit_id)])[0]


def audit_views(session: Session, rows: Sequence[AuditRow]) -> list[AuditView]:
    """Several audits, with the names of their models and probe sets."""
    models = get_models(session, (row.model_id for row in rows))
    probe_sets = get_probe_sets(session, (row.probe_set_id for row in rows))
    return [
        _view(row, _name(models.get(row.model_id)), _name(probe_sets.get(row.probe_set_id)))
        for row in rows
    ]


def _view(row: AuditRow, model_name: str, probe_set_name: str) -> AuditView:
    progress = ProgressView(stage=row.stage, done=row.progress_done, total=row.progress_total)
    return AuditView.model_validate(
        {
            **{name: getattr(row, name) for name in _COPIED},
            "device": row.queue,
            "model_name": model_name,
            "probe_set_name": probe_set_name,
            "progress": progress,
            "error": _error(row),
            "links": _links(row),
        }
    )


def _name(row: ModelRow | ProbeSetRow | None) -> str:
    # Before projects were kept apart an audit could use what another project had.
    return "" if row is None else row.name


def _error(row: AuditRow) -> AuditErrorView | None:
    if row.error_code is None:
        return None
    # A worker of a newer release may know codes that we do not.
    code = row.error_code if row.error_code in ERRORS else "internal"
    error = HoldfastError(code, **{"request_id": row.id, **(row.error_fields or {})})
    return AuditErrorView(
        code=error.code,
        title=title_of(error.code),
        sentence=error.sentence,
        hint=error.hint,
        type=f"/problems/{error.code}",
    )


def _links(row: AuditRow) -> AuditLinksView:
    here = f"/v1/audits/{row.id}"
    is_done = row.state == "done"
    return AuditLinksView(
        self=here,
        page=f"/audits/{row.id}",
        events=f"{here}/events",
        verdict=f"{here}/verdict" if is_done and row.verdict is not None else None,
        result=f"{here}/result.json" if is_done else None,
        report=f"{here}/report.html" if is_done else None,
        samples=f"{here}/samples.parquet" if is_done else None,
        comparison=_comparison(row) if is_done else None,
    )


def _comparison(row: AuditRow) -> str | None:
    return None if row.baseline_id is None else f"/v1/compare?a={row.baseline_id}&b={row.id}"
