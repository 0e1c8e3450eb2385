"""The worker's sign of life: a row in the database, renewed from a thread of its main process."""

import threading
from typing import Any, final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from holdfast_db.ids import new_id
from holdfast_db.presence import say_alive, say_goodbye
from holdfast_db.session import Database

__all__ = ["Presence"]

_log = structlog.get_logger(__name__)


@final
class Presence:
    """Keeps the row of one worker fresh between `start` and `stop`."""

    def __init__(
        self,
        db: Database,
        hostname: str,
        *,
        queues: list[str],
        sandbox: dict[str, Any],
        gpu: str | None = None,
    ) -> None:
        """Keep what the row says; `boot_id` is new for each start of a worker."""
        self._db = db
        self._hostname = hostname
        self._boot_id = new_id()
        self._queues = queues
        self._sandbox = sandbox
        self._gpu = gpu
        self._over = threading.Event()

    def start(self, every_s: float) -> None:
        """Say it now and then every few seconds."""
        threading.Thread(target=self._keep, args=(every_s,), name="presence", daemon=True).start()

    def stop(self) -> None:
        """Take the row away: an orderly end is no loss."""
        self._over.set()
        try:
            with self._db.transaction() as session:
                say_goodbye(session, self._hostname, self._boot_id)
        except SQLAlchemyError as error:
            _log.warning("the worker's row was not removed", error=str(error))

    def _keep(self, every_s: float) -> None:
        while not self._over.is_set():
            try:
                with self._db.transaction() as session:
                    say_alive(
                        session,
                        self._hostname,
                        self._boot_id,
                        self._queues,
                        self._sandbox,
                        gpu=self._gpu,
                    )
            except SQLAlchemyError as error:
                _log.warning("the worker's sign of life failed", error=str(error))
            self._over.wait(every_s)
