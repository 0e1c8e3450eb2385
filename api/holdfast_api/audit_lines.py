"""An audit as a page words it: states, times and sizes ready to be shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from holdfast_api.audit_views import OPEN_STATES
from holdfast_api.views import AuditErrorView, AuditView, ProgressView

__all__ = ["AuditLine", "audit_line", "size_text"]

_STAGES: Final = {
    "loading": "Opening the model",
    "probing": "Moving the images",
    "measuring": "Computing the numbers",
    "writing": "Writing the result",
    "comparing": "Comparing with the baseline",
}
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_STEP: Final = 1024


@dataclass(frozen=True)
class AuditLine:
    """One audit; every `_text` is ready for the page, an empty one is left out."""

    id: str
    project: str
    model_name: str
    probe_set_name: str
    context: str
    state_word: str
    state_class: str
    is_open: bool
    is_done: bool
    can_retry: bool
    cancel_requested: bool
    cancel_reason: str | None
    decision: str | None
    error: AuditErrorView | None
    stage_text: str
    percent: int | None
    counts_text: str
    created_iso: str
    created_text: str
    started_text: str
    finished_text: str
    took_text: str
    reused_id: str | None
    baseline_id: str | None
    comparison_url: str | None


def audit_line(audit: AuditView) -> AuditLine:
    """Word one audit."""
    is_open = audit.state in OPEN_STATES
    stopping = is_open and audit.cancel_requested
    names = [audit.project if audit.project != "default" else "", audit.branch, audit.commit]
    return AuditLine(
        id=audit.id,
        project=audit.project,
        model_name=audit.model_name,
        probe_set_name=audit.probe_set_name,
        context=" · ".join(name for name in names if name),
        state_word="cancelling" if stopping else _word(audit),
        state_class="error" if audit.state == "failed" else audit.state,
        is_open=is_open,
        is_done=audit.state == "done",
        can_retry=audit.state in ("failed", "cancelled"),
        cancel_requested=audit.cancel_requested,
        cancel_reason=audit.cancel_reason,
        decision=audit.decision,
        error=audit.error,
        stage_text=_stage(audit),
        percent=_percent(audit.progress),
        counts_text=_counts(audit.progress),
        created_iso=audit.created_at.isoformat(),
        created_text=_time(audit.created_at),
        started_text=_time(audit.started_at),
        finished_text=_time(audit.finished_at),
        took_text="" if audit.reused_id else _took(audit.started_at, audit.finished_at),
        reused_id=audit.reused_id,
        baseline_id=audit.baseline_id,
        comparison_url=f"{compared}&format=html" if (compared := audit.links.comparison) else None,
    )


def _word(audit: AuditView) -> str:
    # "failed" is also what a gate says; an audit that broke has an error instead.
    return "error" if audit.state == "failed" else audit.state


def _stage(audit: AuditView) -> str:
    if audit.state == "queued":
        return "Waiting for a worker"
    return _STAGES.get(audit.progress.stage or "", "Starting")


def _percent(progress: ProgressView) -> int | None:
    return 100 * progress.done // progress.total if progress.total else None


def _counts(progress: ProgressView) -> str:
    return f"{progress.done:,} of {progress.total:,} views" if progress.total else ""


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def _took(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return ""
    seconds = round((end - start).total_seconds())
    if seconds < _MINUTE_S:
        return f"{seconds} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min {seconds % _MINUTE_S} s"
    return f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S} min"


def size_text(size_bytes: int) -> str:
    """`12.3 MiB`."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} GiB"
