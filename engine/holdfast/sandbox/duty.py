"""What the child does once it is locked: read the job, audit or inspect, write the answer.

What a job needs is loaded when it is its turn: a model that is refused costs no more than its
gate, and an inspection never loads the numerical half of the engine.
"""

import os
from collections.abc import Callable
from dataclasses import replace

from pydantic import TypeAdapter

from holdfast.records.base import Record, canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.job import (
    AuditJob,
    ChildJob,
    CompareJob,
    InspectJob,
    Progress,
    Verification,
    VerifyJob,
)
from holdfast.records.plan import InputSpec
from holdfast.records.result import AuditResult, SandboxLevel
from holdfast.runtimes.opening import Terms, describe_model, open_model
from holdfast.sandbox.lock import LockLevel

__all__ = ["perform"]

Tell = Callable[[dict[str, object]], None]


_JOB: TypeAdapter[ChildJob] = TypeAdapter(ChildJob)


def perform(raw_job: bytes, level: LockLevel, tell: Tell) -> None:
    """Do one job; `tell` hears progress. Raises HoldfastError when model or data are refused."""
    job = _JOB.validate_json(raw_job)
    tell(Progress(stage="loading", done=0, total=0).model_dump())
    if isinstance(job, AuditJob):
        answer: Record = _audit(job, level, tell)
    elif isinstance(job, InspectJob):
        terms = _terms(level, job.limits.threads, job.architecture)
        answer = describe_model(_read(job.model_fd), job.model_sha256, terms)
    elif isinstance(job, CompareJob):
        answer = _compare(job)
    else:
        answer = _verify(job)
    with os.fdopen(job.result_fd, "wb") as file:
        file.write(canonical_json(answer))


def _read(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read()


def _verify(job: VerifyJob) -> Verification:
    from holdfast.audit.verify import verify

    with os.fdopen(job.samples_fd, "rb") as samples:
        return verify(_read(job.claim_fd), samples)


def _compare(job: CompareJob) -> Comparison:
    from holdfast.audit.contrast import contrast

    with (
        os.fdopen(job.baseline_samples_fd, "rb") as baseline,
        os.fdopen(job.candidate_samples_fd, "rb") as candidate,
    ):
        return contrast(
            (_read(job.baseline_fd), baseline), (_read(job.candidate_fd), candidate), job.margin
        )


def _audit(job: AuditJob, level: LockLevel, tell: Tell) -> AuditResult:
    terms = replace(
        _terms(level, job.limits.threads, job.plan.architecture, job.plan.input),
        output=job.plan.output,
        single=job.single,
    )
    model = open_model(_read(job.model_fd), job.model_sha256, terms)
    from holdfast.probes.probe_set import content_digest, named, open_probes

    with os.fdopen(job.probes_fd, "rb") as probes_file, os.fdopen(job.samples_fd, "wb") as samples:
        probes = named(open_probes(probes_file), model.card.class_names)
        from holdfast.audit import Origin, audit

        origin = Origin(
            probes_sha256=job.probes_sha256,
            probes_digest=content_digest(probes),
            sandbox=_level(level),
            threads=job.limits.threads,
        )
        return audit(
            model,
            probes,
            job.plan,
            policy=job.policy,
            origin=origin,
            samples=samples,
            on_progress=lambda progress: tell(progress.model_dump()),
        )


def _terms(
    level: LockLevel, threads: int, architecture: str | None, spec: InputSpec | None = None
) -> Terms:
    """Code of a model file may run only in mode `required`, whose self-test is the operator's."""
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
    )
