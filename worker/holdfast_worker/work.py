"""How each kind of shard is done: order, files, child, and what is written in the end.

To add a kind, write a handler and put it into `HANDLERS`. A handler runs a child, stores what it
leaves, and gives the function that commits; the supervisor watches, retries and names the failures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import judge as judge_result
from holdfast.records.base import canonical_json
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy, Verdict
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput, compare_results, run_audit
from holdfast.sandbox.shards import Asked, follow_parts, run_merge, run_part
from holdfast_db import jobs
from holdfast_db.gates import measured
from holdfast_db.queries import Order
from holdfast_worker.comparing import Compare, compared
from holdfast_worker.lease import Lease
from holdfast_worker.parts import Parts

__all__ = ["AFTERWARDS", "HANDLERS", "Commit", "Handler", "Judge", "Tools", "Work"]

_log = structlog.get_logger(__name__)
Judge = Callable[[AuditResult, GatePolicy], Verdict]
Commit = Callable[[Session], bool]
"""Writes how a shard ended, in one transaction; False when the shard is no longer ours."""


@dataclass(frozen=True)
class Tools:
    """What starts children and judges: the engine's own functions, or those of a test."""

    audit: Callable[..., AuditOutput] = run_audit
    part: Callable[..., Any] = run_part
    merge: Callable[..., AuditOutput] = run_merge
    follow: Callable[..., Any] = follow_parts
    compare: Compare = compare_results
    judge: Judge = judge_result


@dataclass(frozen=True)
class Work:
    """A claimed shard, what is asked, and what it is done with."""

    parts: Parts
    claim: jobs.Claim
    order: Order
    lease: Lease
    tools: Tools = field(default_factory=Tools)

    @property
    def plan(self) -> AuditPlan:
        """What is asked."""
        return AuditPlan.model_validate_json(self.order.plan)

    @property
    def policy(self) -> GatePolicy | None:
        """What decides, if anything does."""
        asked = self.order.policy
        return None if asked is None else GatePolicy.model_validate_json(asked)

    @property
    def asked(self) -> Asked:
        """Files, plan and policy; this worker's queue says where it is computed."""
        model, probes = self.file(self.order.model_sha256), self.file(self.order.probes_sha256)
        return Asked(model, probes, self.plan, self.policy, self.parts.settings.queue)

    @property
    def bounds(self) -> dict[str, Any]:
        """The sandbox and the limits of every child."""
        settings = self.parts.settings
        return {"mode": settings.sandbox, "limits": settings.child_limits()}

    @property
    def watched(self) -> dict[str, Any]:
        """What a child that takes long is run with."""
        watch = {"on_progress": self.lease.note, "cancelled": self.lease.must_stop}
        return {**self.bounds, **watch}

    def file(self, sha256: str) -> Path:
        """A file of the store, which must be there."""
        if not self.parts.store.exists(sha256):
            _log.error("a file is missing in the store", sha256=sha256)
            raise HoldfastError("internal", request_id=self.claim.audit_id)
        return self.parts.store.path(sha256)


Handler = Callable[[Work], Commit]


def _whole(work: Work) -> Commit:
    asked = work.asked
    output = work.tools.audit(
        asked.model,
        asked.probes,
        asked.plan,
        policy=asked.policy,
        device=asked.device,
        **work.watched,
    )
    return _result(work, output)


def _part(work: Work) -> Commit:
    start, stop = work.claim.start, work.claim.stop
    if start is None or stop is None:
        raise ValueError("a part has a first and a last image")
    output = work.tools.part(work.asked, (start, stop), **work.watched)
    part, samples = work.parts.put(output.part_json), work.parts.put(output.samples)

    def commit(session: Session) -> bool:
        if not jobs.finish_part(session, work.claim, part.sha256, samples.sha256):
            return False
        part.note(session)
        samples.note(session)
        return True

    return commit


def _merge(work: Work) -> Commit:
    with work.parts.db.reading() as session:
        done = jobs.prefix(session, work.claim.audit_id)
    files = [(work.file(part.part_sha256), work.file(part.samples_sha256)) for part in done]
    return _result(work, work.tools.merge(work.asked, files, **work.watched))


def _compare(work: Work) -> Commit:
    return compared(work.parts, work.claim, work.tools.compare)


def _result(work: Work, output: AuditOutput) -> Commit:
    result, samples = work.parts.put(output.result_json), work.parts.put(output.samples)
    policy, sequential = work.policy, output.result.sequential
    verdict = None if policy is None else work.tools.judge(output.result, policy)
    finished = jobs.Finished(
        result_sha256=result.sha256,
        samples_sha256=samples.sha256,
        verdict_json=canonical_json(verdict).decode() if verdict else None,
        decision=verdict.decision.value if verdict else None,
        measured=measured(output.result),
        stopped_early=None if sequential is None else sequential.stopped,
    )

    def commit(session: Session) -> bool:
        if not jobs.finish(session, work.claim, finished):
            return False
        result.note(session)
        samples.note(session)
        return True

    return commit


def _decide(work: Work) -> None:
    """After a part of a sequential audit: end the parts that are not needed any more.

    Nothing is lost when this worker dies before: then more is measured than was needed, and the
    merge stops at the same image.
    """
    policy, plan, audit_id = work.policy, work.plan, work.claim.audit_id
    if policy is None or plan.full or policy.needs_every_image:
        return
    with work.parts.db.reading() as session:
        done = jobs.prefix(session, audit_id)
        left = jobs.are_open(session, audit_id)
    if work.claim.place >= len(done) or not left:
        return
    files = [work.file(part.part_sha256) for part in done]
    seen = work.tools.follow(plan, policy, files, **work.bounds)
    if seen.decided:
        with work.parts.db.transaction() as session:
            ended = jobs.decide(session, audit_id, seen.stop)
        _log.info("audit decided", at_image=seen.stop, parts_ended=ended)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {"whole": _whole, "part": _part, "merge": _merge, "judge": _compare, "compare": _compare}
)
"""Who does a shard, by its kind."""

AFTERWARDS: Mapping[str, Callable[[Work], None]] = MappingProxyType({"part": _decide})
"""What follows the commit of a shard; when it fails, nothing is lost."""
