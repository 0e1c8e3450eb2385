"""What the child does once it is locked: read the job, audit or inspect, write the answer."""

import os
from collections.abc import Callable

from holdfast.audit import Origin, audit
from holdfast.errors import HoldfastError
from holdfast.probes.probe_set import content_digest, open_probes
from holdfast.records.base import Record, canonical_json
from holdfast.records.job import ChildJob, Progress
from holdfast.records.result import SandboxLevel
from holdfast.runtimes.opening import describe_model, open_model
from holdfast.sandbox.lock import LockLevel

__all__ = ["perform"]

Tell = Callable[[dict[str, object]], None]


def perform(raw_job: bytes, level: LockLevel, tell: Tell) -> None:
    """Do one job; `tell` hears progress. Raises HoldfastError when model or data are refused."""
    job = ChildJob.model_validate_json(raw_job)
    tell(Progress(stage="loading", done=0, total=0).model_dump())
    with os.fdopen(job.model_fd, "rb") as file:
        file.seek(0)
        data = file.read()
    if job.verb == "inspect":
        _write(job.result_fd, describe_model(data, job.model_sha256))
        return
    _audit(job, data, level, tell)


def _audit(job: ChildJob, data: bytes, level: LockLevel, tell: Tell) -> None:
    if job.plan is None or job.probes_fd is None or job.samples_fd is None:
        raise HoldfastError("invalid_plan", reason="an audit needs a plan, probes and a file")
    model = open_model(data, job.model_sha256, job.limits.threads)
    with os.fdopen(job.probes_fd, "rb") as probes_file, os.fdopen(job.samples_fd, "wb") as samples:
        probes = open_probes(probes_file)
        origin = Origin(
            probes_sha256=job.probes_sha256 or "",
            probes_digest=content_digest(probes),
            sandbox=_level(level),
            threads=job.limits.threads,
        )
        result = audit(
            model,
            probes,
            job.plan,
            origin=origin,
            samples=samples,
            on_progress=lambda progress: tell(progress.model_dump()),
        )
    _write(job.result_fd, result)


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


def _write(fd: int, record: Record) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(canonical_json(record))
