"""What the child does once it is locked: read the job, measure or read, write the answer.

What a job needs is loaded when it is its turn: a model that is refused costs no more than its
gate, and an inspection never loads the numerical half of the engine.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from pydantic import TypeAdapter

from holdfast.records.base import Record, canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.job import (
    AuditJob,
    ChildJob,
    CompareJob,
    FollowJob,
    InspectJob,
    MergeJob,
    Progress,
    TableJob,
    VerifyJob,
)
from holdfast.records.part import AuditPart
from holdfast.records.plan import InputSpec
from holdfast.records.result import AuditResult, SandboxLevel
from holdfast.sandbox.gpu import NOTE
from holdfast.sandbox.lock import LockLevel

if TYPE_CHECKING:
    from holdfast.audit import Origin
    from holdfast.audit.merge import PartFiles
    from holdfast.probes.probe_set import ProbeSet
    from holdfast.runtimes.opening import Terms
    from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["perform"]

Tell = Callable[[dict[str, object]], None]


_JOB: TypeAdapter[ChildJob] = TypeAdapter(ChildJob)


def perform(raw_job: bytes, level: LockLevel, tell: Tell) -> None:
    """Do one job; `tell` hears progress. Raises HoldfastError when model or data are refused."""
    job = _JOB.validate_json(raw_job)
    tell(Progress(stage="loading", done=0, total=0).model_dump())
    if isinstance(job, TableJob):
        _table(job, tell)
        return
    if isinstance(job, AuditJob):
        answer: Record = _audit(job, level, tell)
    elif isinstance(job, MergeJob):
        answer = _merge(job, level, tell)
    else:
        answer = _lesser(job, level)
    with os.fdopen(job.result_fd, "wb") as file:
        file.write(canonical_json(answer))


def _lesser(job: FollowJob | InspectJob | VerifyJob | CompareJob, level: LockLevel) -> Record:
    """What needs no images, and says nothing until it is done."""
    if isinstance(job, InspectJob):
        from holdfast.runtimes.opening import describe_model

        terms = _terms(level, job.limits.threads, job.architecture)
        return describe_model(_read(job.model_fd), job.model_sha256, terms)
    if isinstance(job, FollowJob):
        from holdfast.audit.part import follow

        parts = [AuditPart.model_validate_json(_read(fd)) for fd in job.part_fds]
        return follow(job.plan, job.policy, parts)
    if isinstance(job, CompareJob):
        return _compare(job)
    from holdfast.audit.verify import verify

    with os.fdopen(job.samples_fd, "rb") as samples:
        return verify(_read(job.claim_fd), samples)


def _table(job: TableJob, tell: Tell) -> None:
    from holdfast.samples import write_csv

    def on_rows(done: int, total: int) -> None:
        tell(Progress(stage="writing", done=done, total=total).model_dump())

    with os.fdopen(job.samples_fd, "rb") as samples, os.fdopen(job.result_fd, "wb") as out:
        write_csv(samples, out, on_rows)


def _read(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read()


def _compare(job: CompareJob) -> Comparison:
    from holdfast.audit.contrast import contrast

    with (
        os.fdopen(job.baseline_samples_fd, "rb") as baseline,
        os.fdopen(job.candidate_samples_fd, "rb") as candidate,
    ):
        return contrast(
            (_read(job.baseline_fd), baseline), (_read(job.candidate_fd), candidate), job.margin
        )


def _audit(job: AuditJob, level: LockLevel, tell: Tell) -> AuditResult | AuditPart:
    def on_progress(progress: Progress) -> None:
        tell(progress.model_dump())

    with _opened(job, level, single=job.single) as (model, probes, origin, samples):
        from holdfast.audit import audit
        from holdfast.audit.part import Span, measure_part
        from holdfast.audit.scene import scene_of

        if job.span is None:
            return audit(
                model,
                probes,
                job.plan,
                policy=job.policy,
                origin=origin,
                samples=samples,
                on_progress=on_progress,
            )
        return measure_part(
            scene_of(model, probes, job.plan, job.policy, lanes=origin.threads),
            Span(*job.span),
            origin=origin,
            single=job.single,
            samples=samples,
            on_progress=on_progress,
        )


def _merge(job: MergeJob, level: LockLevel, tell: Tell) -> AuditResult:
    first = AuditPart.model_validate_json(_read(job.part_fds[0]))
    single = first.origin is not None and first.origin.single
    with _opened(job, level, single=single) as (model, probes, origin, samples):
        from holdfast.audit.merge import merge_parts
        from holdfast.audit.scene import scene_of

        return merge_parts(
            scene_of(model, probes, job.plan, job.policy, lanes=origin.threads),
            _parts(first, job),
            origin=origin,
            samples=samples,
            on_progress=lambda progress: tell(progress.model_dump()),
        )


def _parts(first: AuditPart, job: MergeJob) -> "Iterator[PartFiles]":
    """One after the other: they need not all be in memory."""
    for place, (fd, samples_fd) in enumerate(zip(job.part_fds, job.part_samples_fds, strict=True)):
        part = AuditPart.model_validate_json(_read(fd)) if place else first
        with os.fdopen(samples_fd, "rb") as samples:
            yield part, samples


@contextmanager
def _opened(
    job: AuditJob | MergeJob, level: LockLevel, *, single: bool
) -> "Iterator[tuple[ModelUnderTest, ProbeSet, Origin, BinaryIO]]":
    terms = replace(
        _terms(level, 1, job.plan.architecture, job.plan.input),  # each lane is one thread
        output=job.plan.output,
        single=single,
        device=job.device,
        gpu_memory_bytes=job.limits.gpu_memory_bytes,
    )
    from holdfast.runtimes.opening import open_model

    model = open_model(_read(job.model_fd), job.model_sha256, terms)
    from holdfast.probes.probe_set import content_digest, named, open_probes

    with os.fdopen(job.probes_fd, "rb") as probes_file, os.fdopen(job.samples_fd, "wb") as samples:
        probes = named(open_probes(probes_file), model.card.class_names)
        from holdfast.audit import Origin

        origin = Origin(
            probes_sha256=job.probes_sha256,
            probes_digest=content_digest(probes),
            sandbox=_level(level),
            threads=job.limits.threads,
            device=job.device,
        )
        yield model, probes, origin, samples


def _terms(
    level: LockLevel, threads: int, architecture: str | None, spec: InputSpec | None = None
) -> "Terms":
    """Code of a model file may run only in mode `required`, whose self-test is the operator's."""
    from holdfast.runtimes.opening import Terms

    crop = None if spec is None else spec.crop
    sandboxed = level.mode == "required" and not level.missing
    return Terms(
        threads=threads,
        architecture=architecture,
        size_px=(crop, crop) if isinstance(crop, int) else crop,
        sandboxed=sandboxed,
        missing="; ".join(level.missing) or f"its mode is {level.mode}",
    )


def _level(level: LockLevel) -> SandboxLevel:
    return SandboxLevel(
        mode=level.mode,  # type: ignore[arg-type] # checked by the record
        in_force=not level.missing,
        landlock_abi=level.landlock_abi,
        seccomp=level.seccomp,
        no_new_privs=level.no_new_privs,
        capabilities_dropped=level.capabilities_dropped,
        missing=tuple(reason[:400] for reason in level.missing),
        gpu=level.gpu,
        note=NOTE if level.gpu else "",
    )
