"""Types of columns that every database must treat alike."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator

__all__ = ["Id", "Sha256", "UtcDateTime", "Word", "utc_now"]


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a zone, always UTC. SQLite has no zones, so they are taken off and put on."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a time into UTC; one without a zone is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def utc_now() -> datetime:
    """The time when a row was made, for rows whose time decides nothing."""
    return datetime.now(UTC)


Id: TypeAlias = Annotated[str, mapped_column(String(36))]
Sha256: TypeAlias = Annotated[str, mapped_column(String(64))]
Word: TypeAlias = Annotated[str, mapped_column(String(40))]
