"""One audit in several children: measure a part, ask whether it is decided, merge the parts."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.base import canonical_json
from holdfast.records.job import AuditJob, ChildLimits, Device, FollowJob, MergeJob, Progress
from holdfast.records.part import AuditPart, Prefix
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.sandbox.files import (
    answer,
    content,
    handed_over,
    input_file,
    memory_file,
    record_bytes,
)
from holdfast.sandbox.parent import AuditOutput, SandboxMode, checked_audit, run_twice
from holdfast.sandbox.process import Child

__all__ = ["Asked", "PartOutput", "PartPaths", "follow_parts", "run_merge", "run_part"]

PartPaths = tuple[Path, Path]
"""Where a part's record and its per-sample file are."""


@dataclass(frozen=True)
class Asked:
    """What is audited how: model file, images, plan, the policy that may stop it, and where."""

    model: Path
    probes: Path
    plan: AuditPlan
    policy: GatePolicy | None = None
    device: Device = "cpu"


@dataclass(frozen=True)
class PartOutput:
    """What a part leaves: the bytes of its record and of its per-sample file."""

    part_json: bytes
    samples: bytes


def run_part(
    asked: Asked,
    span: tuple[int, int],
    *,
    mode: SandboxMode,
    limits: ChildLimits,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> PartOutput:
    """Measure images `span` of the seeded order in one locked child; else as `run_audit`.

    Raises:
        HoldfastError: the model or data are refused, a limit was met, `cancelled`, or `protocol`.
    """
    with handed_over(asked.model, asked.probes) as files:
        job = AuditJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            plan=asked.plan,
            policy=asked.policy,
            device=asked.device,
            span=span,
            **files,
        )
        run_twice(job, on_progress, cancelled)
        return _checked(job)


def run_merge(
    asked: Asked,
    parts: Sequence[PartPaths],
    *,
    mode: SandboxMode,
    limits: ChildLimits,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> AuditOutput:
    """Make the one result of an audit whose parts are given in order; else as `run_audit`.

    Raises:
        HoldfastError: `parts_differ`, `invalid_samples`, a limit was met, or `cancelled`.
    """
    with contextlib.ExitStack() as opened:
        files = opened.enter_context(handed_over(asked.model, asked.probes))
        job = MergeJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            plan=asked.plan,
            policy=asked.policy,
            device=asked.device,
            part_fds=tuple(opened.enter_context(input_file(path)) for path, _ in parts),
            part_samples_fds=tuple(opened.enter_context(input_file(path)) for _, path in parts),
            **files,
        )
        Child(job, on_progress, cancelled).run()
        return checked_audit(job, record_bytes(job.result_fd), content(job.samples_fd))


def follow_parts(
    plan: AuditPlan,
    policy: GatePolicy,
    parts: Sequence[Path],
    *,
    mode: SandboxMode,
    limits: ChildLimits,
) -> Prefix:
    """Whether the first parts of a sequential audit, given in order without a gap, decide it.

    Raises:
        HoldfastError: a limit was met, or `protocol`.
    """
    with contextlib.ExitStack() as opened:
        result_fd = opened.enter_context(memory_file("prefix"))
        job = FollowJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            result_fd=result_fd,
            plan=plan,
            policy=policy,
            part_fds=tuple(opened.enter_context(input_file(path)) for path in parts),
        )
        Child(job, lambda _: None, lambda: False).run()
        return answer(Prefix, result_fd)


def _checked(job: AuditJob) -> PartOutput:
    """The child ran foreign code, so its answer is checked like an upload."""
    part_json, samples = record_bytes(job.result_fd), content(job.samples_fd)
    try:
        part = AuditPart.model_validate_json(part_json)
    except ValidationError:
        raise HoldfastError("protocol") from None
    origin = part.origin
    same = (
        (part.start, part.stop) == job.span
        and (origin is None or origin.model_sha256 == job.model_sha256)
        and (origin is None or origin.probes_sha256 == job.probes_sha256)
        and (origin is None or origin.device == job.device)
        and part.samples.sha256 == hashlib.sha256(samples).hexdigest()
        and part.samples.size_bytes == len(samples)
    )
    if not same:
        raise HoldfastError("protocol")
    return PartOutput(canonical_json(part), samples)
