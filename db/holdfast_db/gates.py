"""What the gate keeps of an audit: verdicts by policy, and its numbers for histories."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from holdfast.records.result import AuditResult
from holdfast_db.clock import db_now
from holdfast_db.comparisons import queue_comparison
from holdfast_db.ids import new_id
from holdfast_db.inserting import insert_or_update
from holdfast_db.tables import AuditRow, MeasurementRow, VerdictRow

__all__ = [
    "HistoryPoint",
    "Judged",
    "Measured",
    "find_verdict",
    "history",
    "keep_measurements",
    "keep_outcome",
    "keep_verdict",
    "last_audit",
    "measured",
]


@dataclass(frozen=True)
class Measured:
    """One number of a result; all None for one that is not there."""

    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Judged:
    """A verdict and what it was made with, as JSON; without a baseline, `baseline_id` is empty."""

    verdict_json: str
    policy_json: str
    baseline_id: str = ""


@dataclass(frozen=True)
class HistoryPoint:
    """One measurement of one audit of a branch."""

    audit: AuditRow
    value: float | None
    low: float | None
    high: float | None


def measured(result: AuditResult) -> tuple[Measured, ...]:
    """The numbers of a result, for its audit's history."""
    return tuple(Measured(each.id, each.value, each.low, each.high) for each in result.measurements)


def keep_outcome(
    session: Session, audit_id: str, verdict_json: str | None, numbers: Sequence[Measured]
) -> None:
    """Keep what a result says, in the transaction that stores it.

    With a baseline nothing is decided yet: a shard is queued that compares the two, and the audit
    stays open until that one is done.
    """
    keep_measurements(session, audit_id, numbers)
    asked = select(AuditRow.policy, AuditRow.baseline_id).where(AuditRow.id == audit_id)
    policy, baseline_id = session.execute(asked).one()
    if baseline_id is not None and queue_comparison(session, baseline_id, audit_id):
        blank = update(AuditRow).where(AuditRow.id == audit_id)
        session.execute(blank.values(verdict=None, decision=None, stage="comparing"))
    elif verdict_json is not None and policy is not None:
        keep_verdict(session, audit_id, Judged(verdict_json, policy))


def keep_measurements(session: Session, audit_id: str, numbers: Sequence[Measured]) -> None:
    """Write the numbers of a result, in place of those that were there."""
    session.execute(delete(MeasurementRow).where(MeasurementRow.audit_id == audit_id))
    rows = [
        {"audit_id": audit_id, "name": each.name, "value": each.value}
        | {"low": each.low, "high": each.high}
        for each in numbers
    ]
    if rows:
        session.execute(insert(MeasurementRow), rows)


def keep_verdict(session: Session, audit_id: str, judged: Judged) -> str | None:
    """Store a verdict; it is the audit's newest from now on. Returns the decision before it."""
    said: dict[str, Any] = json.loads(judged.verdict_json)
    here = AuditRow.id == audit_id
    before = session.execute(select(AuditRow.decision).where(here)).scalar_one()
    key = {
        "audit_id": audit_id,
        "policy_digest": said["policy_digest"],
        "baseline_id": judged.baseline_id,
    }
    new = {
        "policy": judged.policy_json,
        "verdict": judged.verdict_json,
        "decision": said["decision"],
        "created_at": db_now(session),
    }
    insert_or_update(session, VerdictRow, {"id": new_id(), **key, **new}, key=tuple(key), new=new)
    newest = {"verdict": judged.verdict_json, "decision": said["decision"]}
    session.execute(update(AuditRow).where(here).values(newest))
    return before


def find_verdict(
    session: Session, audit_id: str, policy_digest: str | None, baseline_id: str | None
) -> VerdictRow | None:
    """The newest verdict on an audit by this policy, against this baseline; None for any."""
    wanted = [VerdictRow.audit_id == audit_id]
    if policy_digest is not None:
        wanted.append(VerdictRow.policy_digest == policy_digest)
    if baseline_id is not None:
        wanted.append(VerdictRow.baseline_id == baseline_id)
    newest = select(VerdictRow).where(*wanted).order_by(VerdictRow.created_at.desc(), VerdictRow.id)
    return session.scalars(newest.limit(1)).first()


def history(
    session: Session, project: str, branch: str | None, name: str, limit: int
) -> list[HistoryPoint]:
    """The newest points of one measurement of a project, oldest first."""
    wanted = [AuditRow.project == project, AuditRow.state == "done", MeasurementRow.name == name]
    if branch is not None:
        wanted.append(AuditRow.branch == branch)
    query = (
        select(AuditRow, MeasurementRow)
        .join(MeasurementRow, MeasurementRow.audit_id == AuditRow.id)
        .where(*wanted)
        .order_by(AuditRow.created_at.desc(), AuditRow.id.desc())
        .limit(limit)
    )
    points = [
        HistoryPoint(audit, number.value, number.low, number.high)
        for audit, number in session.execute(query)
    ]
    return points[::-1]


def last_audit(session: Session, project: str, branch: str) -> AuditRow | None:
    """The newest judged audit of a branch. Without a branch an audit belongs to none of them."""
    wanted = (
        AuditRow.project == project,
        AuditRow.state == "done",
        AuditRow.decision.is_not(None),
        AuditRow.branch == branch,
    )
    query = select(AuditRow).where(*wanted).order_by(AuditRow.created_at.desc(), AuditRow.id.desc())
    return session.scalars(query.limit(1)).first()
