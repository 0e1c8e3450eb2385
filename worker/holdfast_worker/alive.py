"""Health of a process that nobody can ask: `python -m holdfast_worker.alive worker|scheduler`.

A worker says in the database that it lives, the scheduler holds a lease there; exit code 0 while
that is fresh. Light enough to be run every few seconds.
"""

import argparse
import socket
import sys
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.queries import list_workers
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings
from holdfast_db.tables import LeaseRow

__all__ = ["is_alive", "main"]

_FRESH_S = 60


def is_alive(session: Session, who: str, host: str) -> bool:
    """Whether a worker on `host` was heard of within a minute, or some scheduler has the lease."""
    now = db_now(session)
    if who == "scheduler":
        until = session.scalar(select(LeaseRow.until).where(LeaseRow.name == "scheduler"))
        return until is not None and until > now
    oldest = now - timedelta(seconds=_FRESH_S)
    mine = [row for row in list_workers(session) if row.hostname.rpartition("@")[2] == host]
    return any(row.last_seen >= oldest for row in mine)


def main(arguments: list[str] | None = None) -> int:
    """0 when it lives, 1 when not, or when the database does not answer."""
    parser = argparse.ArgumentParser(prog="python -m holdfast_worker.alive", description=__doc__)
    parser.add_argument("who", choices=("worker", "scheduler"))
    who = parser.parse_args(arguments).who
    db = Database(StorageSettings().database_url)
    try:
        with db.reading() as session:
            return 0 if is_alive(session, who, socket.gethostname()) else 1
    except SQLAlchemyError:
        return 1
    finally:
        db.close()


if __name__ == "__main__":
    sys.exit(main())
