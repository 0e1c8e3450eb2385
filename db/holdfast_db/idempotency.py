"""Requests with an `Idempotency-Key`: who began to answer one, and what the answer was.

Source: draft-ietf-httpapi-idempotency-key-header-08.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.inserting import insert_if_new
from holdfast_db.jobs.steps import changed
from holdfast_db.tables import IdempotencyRow

__all__ = ["Answer", "begin", "forget", "keep"]

_KEPT: Final = timedelta(days=1)
_GIVEN_UP: Final = timedelta(minutes=2)
"""No request takes so long: whoever answered it is gone."""


@dataclass(frozen=True)
class Answer:
    """What was answered the first time."""

    status: int
    headers: dict[str, str]
    body: str


def begin(session: Session, caller: str, key: str, request_sha256: str) -> Answer | str:
    """Claim a key: the id under which to keep the answer, or the answer of the first time.

    Raises:
        HoldfastError: `idempotency_key_reused` for another request under this key,
            `idempotency_in_flight` while the first one is being answered.
    """
    now, row_id = db_now(session), new_id()
    mine = (IdempotencyRow.caller == caller, IdempotencyRow.key == key)
    changed(session, delete(IdempotencyRow).where(*mine, IdempotencyRow.created_at < now - _KEPT))
    values = {"id": row_id, "caller": caller, "key": key, "request_sha256": request_sha256}
    if insert_if_new(session, IdempotencyRow, {**values, "created_at": now}):
        return row_id
    row = session.scalars(select(IdempotencyRow).where(*mine)).one()
    if row.request_sha256 != request_sha256:
        raise HoldfastError("idempotency_key_reused")
    if row.status is not None:
        return Answer(row.status, dict(row.headers or {}), row.body or "")
    if not _take_over(session, row, now):
        raise HoldfastError("idempotency_in_flight")
    return row.id


def keep(session: Session, row_id: str, answer: Answer) -> None:
    """Keep the answer for a day."""
    values = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    changed(session, update(IdempotencyRow).where(IdempotencyRow.id == row_id).values(values))


def forget(session: Session, row_id: str) -> None:
    """Free a key whose request was refused or broke: it may be sent again, mended."""
    unanswered = (IdempotencyRow.id == row_id, IdempotencyRow.status.is_(None))
    changed(session, delete(IdempotencyRow).where(*unanswered))


def _take_over(session: Session, row: IdempotencyRow, now: datetime) -> bool:
    stale = (
        IdempotencyRow.id == row.id,
        IdempotencyRow.status.is_(None),
        IdempotencyRow.created_at < now - _GIVEN_UP,
    )
    return changed(session, update(IdempotencyRow).where(*stale).values(created_at=now)) > 0
