"""Insert unless the row is there: two callers at the same moment are both right."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from holdfast_db.tables import Base

__all__ = ["insert_if_new"]


def insert_if_new(session: Session, table: type[Base], values: dict[str, Any]) -> bool:
    """Insert one row; False when a row with its keys was there before."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table).values(values).on_conflict_do_nothing()
    key = table.__mapper__.primary_key[0]
    return session.execute(statement.returning(key)).first() is not None
