"""Lists in pages. A cursor names the last row seen, so new rows neither shift nor repeat any."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.errors import HoldfastError
from holdfast_db.tables import AuditRow, ModelRow, PolicyRow, ProbeSetRow, TokenRow, WebhookRow

__all__ = ["MAX_LIMIT", "Page", "read_page"]

MAX_LIMIT = 200
RowT = TypeVar("RowT", AuditRow, ModelRow, PolicyRow, ProbeSetRow, TokenRow, WebhookRow)


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """Some rows, newest first, and where to go on; None when these were the last."""

    items: list[RowT]
    next_cursor: str | None


def read_page(
    session: Session,
    table: type[RowT],
    conditions: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    cursor: str | None,
) -> Page[RowT]:
    """Read one page, newest first.

    Raises:
        HoldfastError: `invalid_request` for a cursor that we did not make.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    created_at: InstrumentedAttribute[Any] = table.created_at
    row_id: InstrumentedAttribute[Any] = table.id
    query = select(table).where(*conditions).order_by(created_at.desc(), row_id.desc())
    if cursor is not None:
        query = query.where(tuple_(created_at, row_id) < tuple_(*_read(cursor)))
    rows = list(session.scalars(query.limit(limit + 1)))
    more = len(rows) > limit
    items = rows[:limit]
    return Page(items, _write(items[-1].created_at, items[-1].id) if more else None)


def _write(created_at: datetime, row_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {row_id}".encode()).decode()


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        at, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        seen = datetime.fromisoformat(at)
    except (ValueError, binascii.Error):
        raise HoldfastError("invalid_request") from None
    if seen.tzinfo is None:
        raise HoldfastError("invalid_request")
    return seen, row_id
