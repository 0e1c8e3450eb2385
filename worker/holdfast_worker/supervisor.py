"""One shard from claim to end: run the sandboxed child, watch the lease, commit what came out.

claim -> audit in a child -> store the files -> judge -> finish, with the fence
the child refused model or data -> failed           asked to end -> cancelled
this worker is shut down -> released                lease lost -> nothing is written
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from holdfast.errors import HoldfastError
from holdfast.gate import judge as judge_result
from holdfast.records.base import canonical_json
from holdfast.records.job import ChildLimits, Progress
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy, Verdict
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput, SandboxMode, run_audit
from holdfast_db import jobs
from holdfast_db.assets import add_blob
from holdfast_db.gates import measured
from holdfast_db.queries import Order, get_order
from holdfast_worker.comparing import compare_once
from holdfast_worker.lease import Lease
from holdfast_worker.parts import Parts

__all__ = ["Audit", "Judge", "work_once"]

_log = structlog.get_logger(__name__)
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
Judge = Callable[[AuditResult, GatePolicy], Verdict]


class Audit(Protocol):
    """What runs the child: `run_audit`, or something with the same arguments in a test."""

    def __call__(  # noqa: D102 - see `run_audit`
        self,
        model: Path,
        probes: Path,
        plan: AuditPlan,
        *,
        mode: SandboxMode,
        limits: ChildLimits,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        policy: GatePolicy | None,
    ) -> AuditOutput: ...


def work_once(
    parts: Parts, worker: str, *, audit: Audit = run_audit, judge: Judge = judge_result
) -> bool:
    """Do the most urgent shard of this worker's queue; False when none waits.

    Args:
        parts: database, store and settings.
        worker: the name under which the shard is taken.
        audit: runs the child.
        judge: decides about a result.
    """
    settings = parts.settings
    with parts.db.transaction() as session:
        claim = jobs.claim(session, queue=settings.queue, worker=worker, lease_s=settings.lease_s)
        order = get_order(session, claim.audit_id) if claim else None
        pair = jobs.get_pair(session, claim) if claim else None
    if claim is None or order is None:
        return False
    with bound_contextvars(audit_id=claim.audit_id, shard_id=claim.shard_id):
        _log.info("audit claimed", attempt=claim.attempt)
        shard = _Shard(parts, claim, order)
        shard.work(audit, judge) if pair is None else shard.compare(pair)
    return True


@dataclass(frozen=True)
class _Shard:
    """A claimed shard on its way to an end."""

    parts: Parts
    claim: jobs.Claim
    order: Order

    def work(self, audit: Audit, judge: Judge) -> None:
        settings = self.parts.settings
        lease = Lease(self.parts.db, self.claim, lease_s=settings.lease_s, beat_s=settings.beat_s)
        try:
            with lease:
                output = self._audit(audit, lease)
                self._finish(output, judge)
        except HoldfastError as error:
            self._refused(error, lease)
        except (SystemExit, KeyboardInterrupt):
            self._release()
            raise
        except SoftTimeLimitExceeded:
            limit, setting = settings.child_wall_s, "HOLDFAST_CHILD_WALL_S"
            self._refused(HoldfastError("time_limit", limit=limit, setting=setting), lease)
        except Exception:  # noqa: BLE001 - the owner of the audit has to hear of it
            _log.exception("audit broke")
            self._refused(HoldfastError("internal", request_id=self.claim.audit_id), lease)

    def compare(self, pair: jobs.Pair) -> None:
        try:
            compare_once(self.parts, self.claim, pair, self._end)
        except (SystemExit, KeyboardInterrupt):
            self._release()
            raise

    def _audit(self, audit: Audit, lease: Lease) -> AuditOutput:
        settings = self.parts.settings
        return audit(
            self._file(self.order.model_sha256),
            self._file(self.order.probes_sha256),
            AuditPlan.model_validate_json(self.order.plan),
            mode=settings.sandbox,
            limits=settings.child_limits(),
            on_progress=lease.note,
            cancelled=lease.must_stop,
            policy=self._policy(),
        )

    def _file(self, sha256: str) -> Path:
        if not self.parts.store.exists(sha256):
            _log.error("a file is missing in the store", sha256=sha256)
            raise HoldfastError("internal", request_id=self.claim.audit_id)
        return self.parts.store.path(sha256)

    def _finish(self, output: AuditOutput, judge: Judge) -> None:
        store, limit_bytes = self.parts.store, self.parts.settings.child_output_bytes
        result = store.put([output.result_json], limit_bytes=limit_bytes)
        samples = store.put([output.samples], limit_bytes=limit_bytes)
        verdict = self._judge(output.result, judge)
        finished = jobs.Finished(
            result_sha256=result.sha256,
            samples_sha256=samples.sha256,
            verdict_json=canonical_json(verdict).decode() if verdict else None,
            decision=verdict.decision.value if verdict else None,
            measured=measured(output.result),
        )

        def commit(session: Session) -> bool:
            if not jobs.finish(session, self.claim, finished):
                return False
            add_blob(session, result)
            add_blob(session, samples)
            return True

        self._end("audit done", commit)

    def _judge(self, result: AuditResult, judge: Judge) -> Verdict | None:
        policy = self._policy()
        return None if policy is None else judge(result, policy)

    def _policy(self) -> GatePolicy | None:
        asked = self.order.policy
        return None if asked is None else GatePolicy.model_validate_json(asked)

    def _refused(self, error: HoldfastError, lease: Lease) -> None:
        if lease.lost:
            _log.warning("lease lost, the work is dropped")
        elif lease.cancel:
            self._end("audit cancelled", lambda session: jobs.cancelled(session, self.claim))
        else:
            self._fail(error)

    def _fail(self, error: HoldfastError) -> None:
        fields = dict(error.fields)
        if error.code == "internal":  # whoever quotes it helps us to find the log
            fields["request_id"] = self.claim.audit_id
        self._end(
            "audit failed",
            lambda session: jobs.fail(session, self.claim, error.code, fields),
            code=error.code,
        )

    def _release(self) -> None:
        self._end("audit released", lambda session: jobs.release(session, self.claim))

    def _end(self, what: str, write: Callable[[Session], bool], **about: object) -> None:
        """Write how the shard ended; a database that is busy or restarts gets some seconds."""
        for pause_s in (*_PAUSES_S, None):
            try:
                with self.parts.db.transaction() as session:
                    kept = write(session)
            except OperationalError:
                if pause_s is None:
                    raise
                _log.warning("database not available, trying again", pause_s=pause_s)
                time.sleep(pause_s)
            else:
                _log.info(what if kept else "too late, the work is dropped", **about)
                return
