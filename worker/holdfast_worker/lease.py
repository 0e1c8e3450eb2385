"""A claim kept alive: heartbeats from a thread while the audit runs in another."""

import threading
import time
from typing import Self, final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from holdfast.records.job import Progress
from holdfast_db import jobs
from holdfast_db.session import Database

__all__ = ["Lease"]

_log = structlog.get_logger(__name__)
_PROGRESS_S = 1.0


@final
class Lease:
    """Renews a claim for the length of a block, and learns when the work has to stop.

    Attributes:
        lost: the shard is no longer ours; nothing may be written for it.
        cancel: the owner asked for the end.
    """

    def __init__(self, db: Database, claim: jobs.Claim, *, lease_s: float, beat_s: float) -> None:
        """Keep what the thread needs; `lease_s` is how long one heartbeat lasts."""
        self.lost = False
        self.cancel = False
        self._db = db
        self._claim = claim
        self._lease_s = lease_s
        self._beat_s = beat_s
        self._renewed = time.monotonic()
        self._progress: Progress | None = None
        self._told = float("-inf")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Start the heartbeats."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        self._over.set()
        self._thread.join()

    def note(self, progress: Progress) -> None:
        """Remember how far the audit is; written with a later heartbeat."""
        self._progress = progress

    def must_stop(self) -> bool:
        """Whether the work has to end: no lease, no child."""
        return self.lost or self.cancel

    def _keep(self) -> None:
        while not self.lost and not self._over.wait(self._beat_s):
            try:
                self._beat()
            except SQLAlchemyError as error:
                _log.warning("heartbeat failed", error=str(error.__cause__ or error))
            if time.monotonic() - self._renewed > self._lease_s:
                self.lost = True  # by now somebody else may have the shard

    def _beat(self) -> None:
        asked = time.monotonic()
        progress = self._progress if asked - self._told >= _PROGRESS_S else None
        with self._db.transaction() as session:
            beat = jobs.heartbeat(session, self._claim, self._lease_s, progress)
        self._renewed = asked
        if progress is not None:
            self._told = asked
            self._forget(progress)
        self.cancel = self.cancel or beat.cancel
        self.lost = not beat.kept

    def _forget(self, written: Progress) -> None:
        if self._progress is written:
            self._progress = None
