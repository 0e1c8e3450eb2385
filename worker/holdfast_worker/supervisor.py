"""One shard from claim to end: run the sandboxed child, watch the lease, commit what came out.

claim -> a child -> store the files -> commit, with the fence -> whatever follows
the child refused model or data -> failed           asked to end -> cancelled
this worker is shut down -> released                lease lost -> nothing is written
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from holdfast.errors import HoldfastError
from holdfast_db import jobs
from holdfast_db.queries import get_order
from holdfast_worker.lease import Lease
from holdfast_worker.parts import Parts
from holdfast_worker.work import AFTERWARDS, HANDLERS, Tools, Work

__all__ = ["ring_for", "work_once"]

_log = structlog.get_logger(__name__)
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)


def work_once(parts: Parts, worker: str, tools: Tools | None = None) -> jobs.Claim | None:
    """Do the most urgent shard of this worker's queue; None when none waits.

    Args:
        parts: database, store and settings.
        worker: the name under which the shard is taken.
        tools: what starts children and judges.
    """
    settings = parts.settings
    with parts.db.transaction() as session:
        claim = jobs.claim(session, queue=settings.queue, worker=worker, lease_s=settings.lease_s)
        order = get_order(session, claim.audit_id) if claim else None
    if claim is None or order is None:
        return None
    with bound_contextvars(audit_id=claim.audit_id, shard_id=claim.shard_id, kind=claim.kind):
        _log.info("audit claimed", attempt=claim.attempt, place=claim.place)
        lease = Lease(parts.db, claim, lease_s=settings.lease_s, beat_s=settings.beat_s)
        _Shard(Work(parts, claim, order, lease, tools or Tools())).work()
    return claim


def ring_for(parts: Parts, audit_id: str, ring: Callable[[str], None]) -> None:
    """Ring for what the end of a shard has queued: the merge. A lost ring is rung again later."""
    try:
        with parts.db.reading() as session:
            waiting = jobs.unrung(session, audit_id)
        for _, queue in waiting:
            ring(queue)
        if waiting:
            with parts.db.transaction() as session:
                jobs.mark_rung(session, [shard_id for shard_id, _ in waiting])
    except Exception as error:  # noqa: BLE001 - whatever the broker raises; the reconciler rings
        _log.warning("no ring for the next shard", audit_id=audit_id, error=str(error))


@dataclass(frozen=True)
class _Shard:
    """A claimed shard on its way to an end."""

    job: Work

    def work(self) -> None:
        settings, lease = self.job.parts.settings, self.job.lease
        try:
            with lease:
                commit = HANDLERS[self.job.claim.kind](self.job)
                kept = self._end("audit done", commit)
        except HoldfastError as error:
            self._refused(error)
        except (SystemExit, KeyboardInterrupt):
            self._release()
            raise
        except SoftTimeLimitExceeded:
            limit, setting = settings.child_wall_s, "HOLDFAST_CHILD_WALL_S"
            self._refused(HoldfastError("time_limit", limit=limit, setting=setting))
        except Exception:  # noqa: BLE001 - the owner of the audit has to hear of it
            _log.exception("audit broke")
            self._refused(HoldfastError("internal", request_id=self.job.claim.audit_id))
        else:
            if kept:
                self._go_on()

    def _go_on(self) -> None:
        after = AFTERWARDS.get(self.job.claim.kind)
        if after is None:
            return
        try:
            after(self.job)
        except Exception:  # noqa: BLE001 - the shard is done; more work than needed is no loss
            _log.exception("what follows the shard failed")

    def _refused(self, error: HoldfastError) -> None:
        claim = self.job.claim
        if self.job.lease.lost:
            _log.warning("lease lost, the work is dropped")
        elif self.job.lease.cancel:
            self._end("audit cancelled", lambda session: jobs.cancelled(session, claim))
        else:
            self._fail(error)

    def _fail(self, error: HoldfastError) -> None:
        claim, fields = self.job.claim, dict(error.fields)
        if error.code == "internal":  # whoever quotes it helps us to find the log
            fields["request_id"] = claim.audit_id
        self._end(
            "audit failed",
            lambda session: jobs.fail(session, claim, error.code, fields),
            code=error.code,
        )

    def _release(self) -> None:
        self._end("audit released", lambda session: jobs.release(session, self.job.claim))

    def _end(self, what: str, write: Callable[[Session], bool], **about: object) -> bool:
        """Write how the shard ended; a database that is busy or restarts gets some seconds."""
        for pause_s in _PAUSES_S:
            try:
                return self._written(what, write, **about)
            except OperationalError:
                _log.warning("database not available, trying again", pause_s=pause_s)
                time.sleep(pause_s)
        return self._written(what, write, **about)

    def _written(self, what: str, write: Callable[[Session], bool], **about: object) -> bool:
        with self.job.parts.db.transaction() as session:
            kept = write(session)
        _log.info(what if kept else "too late, the work is dropped", **about)
        return kept
