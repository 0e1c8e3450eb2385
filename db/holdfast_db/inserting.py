"""Rows that two callers may want at the same moment: both are right."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from holdfast_db.tables import Base

__all__ = ["insert_if_new", "insert_or_update"]


def insert_if_new(session: Session, table: type[Base], values: dict[str, Any]) -> bool:
    """Insert one row; False when a row with its keys was there before."""
    statement = _insert(session, table).values(values).on_conflict_do_nothing()
    key = table.__mapper__.primary_key[0]
    return session.execute(statement.returning(key)).first() is not None


def insert_or_update(
    session: Session,
    table: type[Base],
    values: dict[str, Any],
    *,
    key: Sequence[str],
    new: Mapping[str, Any],
) -> None:
    """Insert, or change `new` in the row that has the same `key` (columns of one constraint)."""
    statement = _insert(session, table).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(new)))


def _insert(session: Session, table: type[Base]) -> Any:  # noqa: ANN401 - the two share no type
    dialect = session.get_bind().dialect.name
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
