"""The database's clock. Leases are written and compared with it, never with a worker's."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

__all__ = ["db_now"]


def db_now(session: Session) -> datetime:
    """The time of the database, in UTC. On PostgreSQL it moves on within a transaction."""
    if session.get_bind().dialect.name != "sqlite":
        now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return now.astimezone(UTC)
    seen: str = session.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
    return datetime.fromisoformat(seen).replace(tzinfo=UTC)
