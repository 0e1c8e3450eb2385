"""Sends what the outbox holds: signed, to public addresses only, again and again until it arrives.

A thread of the scheduler, so that a slow receiver never delays the reconciler. Of several
schedulers the one with the lease sends; a message keeps its id over all tries, so a receiver can
tell a repetition. Signatures: Standard Webhooks, https://www.standardwebhooks.com.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from holdfast_db import outbox
from holdfast_db.hook_rules import Allowed, read_allow
from holdfast_db.ids import new_id
from holdfast_db.presence import hold_lease
from holdfast_db.session import Database
from holdfast_worker.posting import Poster, Sent
from holdfast_worker.settings import WorkerSettings

__all__ = ["WebhookSender", "sending"]

_log = structlog.get_logger(__name__)
_LEASE: Final = "webhooks"
_LEASE_S: Final = 60.0
_AT_ONCE: Final = 8
_BATCH: Final = 32


@final
class WebhookSender:
    """Works off the outbox, as long as it holds the lease."""

    def __init__(self, db: Database, settings: WorkerSettings) -> None:
        """Read what may be reached; nothing is sent yet."""
        self._db = db
        self._settings = settings
        self._allowed: tuple[Allowed, ...] = read_allow(settings.webhook_allow)
        self._poster = Poster(self._allowed, settings.webhook_ca)
        self._holder = f"{socket.gethostname()} {os.getpid()} {new_id()}"

    @property
    def is_on(self) -> bool:
        """Whether there is any address that may be reached."""
        return bool(self._allowed)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set. What goes wrong ends a round, never the loop."""
        while not stop.is_set():
            try:
                self.round()
            except Exception:  # noqa: BLE001 - the database may come back
                _log.exception("a round of the webhooks failed")
            stop.wait(self._settings.reconcile_s)
        self._leave()

    def round(self) -> int:
        """Send what is due, once; how many messages were tried."""
        with self._db.transaction() as session:
            if not hold_lease(session, _LEASE, self._holder, _LEASE_S):
                return 0
            outbox.forget_old(session)
            waiting = outbox.due(session, _BATCH)
            mine = [message for message in waiting if outbox.take(session, message)]
        if mine:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as pool:
                list(pool.map(self._send, mine))
        return len(mine)

    def _send(self, message: outbox.Due) -> None:
        sent = self._poster.post(message)
        with self._db.transaction() as session:
            state = outbox.keep_sent(session, message, sent.status, sent.error)
        self._log(message, sent, state)

    def _log(self, message: outbox.Due, sent: Sent, state: str) -> None:
        about = {"message_id": message.message_id, "status": sent.status, "error": sent.error}
        tell = _log.info if state == "delivered" else _log.warning
        tell("webhook", state=state, tries=message.tries + 1, **about)

    def _leave(self) -> None:
        """Let the next sender start at once."""
        with contextlib.suppress(SQLAlchemyError), self._db.transaction() as session:
            hold_lease(session, _LEASE, self._holder, 0)


@contextlib.contextmanager
def sending(db: Database, settings: WorkerSettings) -> Iterator[None]:
    """Send in a thread for the length of the block, unless there are no webhooks."""
    sender, stop = WebhookSender(db, settings), threading.Event()
    if not sender.is_on:
        yield
        return
    thread = threading.Thread(target=sender.run, args=(stop,), name="webhooks")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
