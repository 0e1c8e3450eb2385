"""Which rows need which: what may be removed and what may not."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from holdfast_db.tables import (
    AuditRow,
    BaselineRow,
    BlobRow,
    ComparisonRow,
    ModelRow,
    ProbeSetRow,
    ResultRow,
    UploadRow,
)

__all__ = ["BLOB_USERS", "OPEN", "OVER", "audit_is_needed", "blob_is_used", "count_audits"]

OPEN: Final = ("queued", "running")
OVER: Final = ("done", "failed", "cancelled")
BLOB_USERS: Final[tuple[InstrumentedAttribute[Any], ...]] = (
    AuditRow.result_sha256,
    AuditRow.samples_sha256,
    ComparisonRow.sha256,
    ModelRow.sha256,
    ProbeSetRow.sha256,
    ResultRow.result_sha256,
    ResultRow.samples_sha256,
    UploadRow.sha256,
)
"""Every column that names a file of the store. A test knows when a table gets one more."""


def blob_is_used() -> ColumnElement[bool]:
    """For a condition on `BlobRow`: whether any row names it."""
    return or_(*(exists().where(column == BlobRow.sha256) for column in BLOB_USERS))


def audit_is_needed() -> ColumnElement[bool]:
    """For a condition on `AuditRow`: whether it must stay however old it is.

    Needed is what is pinned as a baseline, what an open audit or comparison is compared with, and
    the newest audit that passed on each branch, because it is the baseline when none is pinned.
    """
    other, newer = aliased(AuditRow), aliased(AuditRow)
    pinned = exists().where(BaselineRow.audit_id == AuditRow.id)
    compared = exists().where(other.baseline_id == AuditRow.id, other.state.in_(OPEN))
    being_paired = exists().where(
        or_(ComparisonRow.audit_id == AuditRow.id, ComparisonRow.baseline_id == AuditRow.id),
        ComparisonRow.state.in_(OPEN),
    )
    later = or_(
        newer.created_at > AuditRow.created_at,
        and_(newer.created_at == AuditRow.created_at, newer.id > AuditRow.id),
    )
    passed_since = exists().where(
        newer.project == AuditRow.project,
        newer.branch == AuditRow.branch,
        newer.decision == "passed",
        newer.state == "done",
        later,
    )
    is_last_passed = and_(
        func.coalesce(AuditRow.decision, "") == "passed",  # NULL would make all of this NULL
        AuditRow.state == "done",
        AuditRow.branch.is_not(None),
        ~passed_since,
    )
    return or_(pinned, compared, being_paired, is_last_passed)


def count_audits(
    session: Session, column: InstrumentedAttribute[str], row_id: str
) -> dict[str, int]:
    """How many audits of a model or probe set there are in each state."""
    counted = (
        select(AuditRow.state, func.count().label("number"))
        .where(column == row_id)
        .group_by(AuditRow.state)
    )
    return {row.state: row.number for row in session.execute(counted)}
