"""The two compare-and-set steps that everything else is made of, and the audit's events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Executable,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.outbox import note_end
from holdfast_db.tables import AuditRow, EventRow, ShardRow

__all__ = [
    "DECIDED",
    "OWN_KINDS",
    "Claim",
    "changed",
    "leave",
    "lock_shards",
    "move_audit",
    "still_mine",
    "take_away",
    "tell",
    "tell_progress",
    "undecided",
]

_OVER = ("done", "failed", "cancelled")
OWN_KINDS = ("whole", "part", "merge", "judge")
"""The shards that an audit is made of; one of kind `compare` belongs to an audit that is over."""
DECIDED = "decided"
"""Why a part is cancelled that a sequential audit does not need any more."""


@dataclass(frozen=True)
class Claim:
    """The right to work on one shard, as long as its row holds this token.

    `start` and `stop` are the images of a part; `comparison_id` is what a `compare` shard compares.
    """

    shard_id: str
    audit_id: str
    lease_token: str
    attempt: int
    kind: str = "whole"
    place: int = 0
    start: int | None = None
    stop: int | None = None
    comparison_id: str | None = None


def changed(session: Session, statement: Executable) -> int:
    """Run an UPDATE or DELETE; how many rows it changed."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return result.rowcount if isinstance(result, CursorResult) else 0


def still_mine(claim: Claim) -> ColumnElement[bool]:
    """The fence: true only while this claim's token is the one in the row."""
    return and_(
        ShardRow.id == claim.shard_id,
        ShardRow.lease_token == claim.lease_token,
        ShardRow.state == "running",
    )


def lock_shards(session: Session, audit_id: str) -> None:
    """Keep every other step away from this audit's shards until the transaction ends.

    Steps that look at several shards call it first. All lock in the same order, so none of them
    waits for another in a circle. SQLite has one writer, which is as good.
    """
    rows = select(ShardRow.id).where(ShardRow.audit_id == audit_id).order_by(ShardRow.id)
    session.execute(rows.with_for_update()).all()


def undecided() -> ColumnElement[bool]:
    """Shards that were not cancelled because a sequential audit does not need them any more."""
    return func.coalesce(ShardRow.error_code, "") != DECIDED


def take_away(session: Session, shards: ColumnElement[bool], reason: str | None = None) -> int:
    """Cancel open shards. Whoever works on one finds its lease gone and stops."""
    now = db_now(session)
    free = {"lease_token": None, "lease_until": None, "error_code": reason, "finished_at": now}
    is_open = ShardRow.state.in_(("queued", "running"))
    return changed(
        session, update(ShardRow).where(shards, is_open).values(state="cancelled", **free)
    )


def leave(session: Session, claim: Claim, state: str, **values: object) -> bool:
    """Take a shard out of `running`, if it is still ours."""
    free: dict[str, object] = {"lease_token": None, "lease_until": None, "state": state}
    if state in _OVER:
        free["finished_at"] = db_now(session)
    free |= values
    return changed(session, update(ShardRow).where(still_mine(claim)).values(free)) == 1


def move_audit(
    session: Session, audit_id: str, old: Sequence[str], state: str, **values: object
) -> bool:
    """Bring an audit from one of the states `old` to `state`, and tell its readers."""
    now = db_now(session)
    values = {"state": state, **values}
    if state in _OVER:
        values["finished_at"] = now
    here = (AuditRow.id == audit_id, AuditRow.state.in_(old))
    if not changed(session, update(AuditRow).where(*here).values(values)):
        return False
    seen = select(AuditRow.state, AuditRow.decision, AuditRow.error_code, AuditRow.cancel_reason)
    row = session.execute(seen.where(AuditRow.id == audit_id)).one()
    tell(session, audit_id, "finished" if state in _OVER else "state", row._asdict(), now)
    if state in _OVER:
        note_end(session, audit_id, now)
    return True


def tell(session: Session, audit_id: str, kind: str, data: dict[str, Any], at: datetime) -> int:
    """Write an event. Call it after an UPDATE of the audit, so that ids grow as they are seen."""
    added = insert(EventRow).values(audit_id=audit_id, at=at, kind=kind, data=data)
    return session.execute(added.returning(EventRow.id)).scalar_one()


def tell_progress(session: Session, audit_id: str, data: dict[str, Any], at: datetime) -> None:
    """Write a progress event in place of the one before: only the newest matters."""
    newest = tell(session, audit_id, "progress", data, at)
    older = (EventRow.audit_id == audit_id, EventRow.kind == "progress", EventRow.id < newest)
    changed(session, delete(EventRow).where(*older))
