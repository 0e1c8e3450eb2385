"""The reconciler's loop: bring back what was lost, ring for what nobody heard.

Run one alone with `python -m holdfast_worker.scheduler`; of several one works at a time.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from holdfast_db import jobs
from holdfast_db.ids import new_id
from holdfast_db.jobs import Line
from holdfast_db.logs import set_up_logs
from holdfast_db.presence import hold_lease
from holdfast_db.retention import cleaner
from holdfast_db.session import Database
from holdfast_worker import bell
from holdfast_worker.settings import WorkerSettings
from holdfast_worker.webhooks import sending

__all__ = ["Scheduler", "main"]

_log = structlog.get_logger(__name__)
_LEASE = "scheduler"
_LEASE_ROUNDS = 5
_MIN_LEASE_S = 10.0


@final
class Scheduler:
    """Reconciles every few seconds, as long as it holds the scheduler's lease."""

    def __init__(
        self,
        db: Database,
        ring: Callable[[str], None] = bell.ring,
        depth: Callable[[str], int] = bell.depth,
        settings: WorkerSettings | None = None,
    ) -> None:
        """Work on `db`; `ring` and `depth` take the name of a queue."""
        self._db = db
        self._ring = ring
        self._depth = depth
        self._settings = settings or WorkerSettings()
        self._cleaner = cleaner(db, self._settings, every_s=self._settings.clean_up_s)
        self._holder = f"{socket.gethostname()} {os.getpid()} {new_id()}"
        self._lease_s = max(_MIN_LEASE_S, _LEASE_ROUNDS * self._settings.reconcile_s)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. What goes wrong ends a round, never the loop."""
        _log.info("the scheduler starts", every_s=self._settings.reconcile_s)
        while not stop.is_set():
            try:
                self.round()
            except Exception:  # noqa: BLE001 - the database or broker may come back
                _log.exception("a round of the scheduler failed")
            stop.wait(self._settings.reconcile_s)
        self._leave()

    def round(self) -> int:
        """Repair and ring once; how often it rang."""
        with self._db.transaction() as session:
            if not hold_lease(session, _LEASE, self._holder, self._lease_s):
                return 0
            silent = jobs.reconcile(
                session,
                max_attempts=self._settings.max_attempts,
                stale_s=self._settings.ring_stale_s,
            )
            lines = jobs.lines(session, silent) if silent else []
        self._cleaner.run_if_due()
        return sum(self._ring_for(line) for line in lines)

    def _ring_for(self, line: Line) -> int:
        """Ring at most as often as shards wait: else a long line would flood itself with rings."""
        free = line.queued - self._depth(line.queue)
        rung = list(line.silent[: max(0, free)])
        for _ in rung:
            self._ring(line.queue)
        if rung:
            with self._db.transaction() as session:
                jobs.mark_rung(session, rung)
            _log.info("rang", queue=line.queue, times=len(rung), waiting=line.queued)
        return len(rung)

    def _leave(self) -> None:
        """Let the next scheduler start at once."""
        try:
            with self._db.transaction() as session:
                hold_lease(session, _LEASE, self._holder, 0)
        except SQLAlchemyError:
            _log.exception("the scheduler's lease was not given back")


def main() -> None:
    """Run the scheduler until SIGTERM or SIGINT."""
    set_up_logs()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = WorkerSettings()
    db = Database(settings.database_url)
    try:
        with sending(db, settings):
            Scheduler(db).run(stop)
    finally:
        db.close()


if __name__ == "__main__":
    main()
