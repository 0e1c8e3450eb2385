"""The parent's side: start the locked child, watch it, check what comes back, name every death.

The caller never opens a model or an image. The child inherits read-only descriptors of the two
files and two memory files for its answers, and reports over a pipe, one JSON line at a time.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.base import Record, canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.job import (
    AuditJob,
    ChildLimits,
    CompareJob,
    InspectJob,
    Progress,
    Verification,
    VerifyJob,
)
from holdfast.records.model import ModelCard
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.sandbox.process import Child

__all__ = [
    "AuditOutput",
    "SandboxMode",
    "compare_results",
    "inspect_model",
    "run_audit",
    "verify_result",
]

RecordT = TypeVar("RecordT", bound=Record)

SandboxMode = Literal["required", "auto", "container"]
_MAX_RESULT_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class AuditOutput:
    """What an audit leaves: the record, its exact bytes, and the bytes of the per-sample file."""

    result: AuditResult
    result_json: bytes
    samples: bytes


def run_audit(
    model: Path,
    probes: Path,
    plan: AuditPlan,
    *,
    mode: SandboxMode,
    limits: ChildLimits,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    policy: GatePolicy | None = None,
) -> AuditOutput:
    """Audit one model on one set of probes in one locked child. Blocks.

    Call it from a thread that outlives the audit: the kernel ends the child with that thread.

    Args:
        model: the model file, of any name.
        probes: a zip or .npz file.
        plan: what is asked.
        mode: how much of the sandbox must be in force.
        limits: bounds of the child.
        on_progress: called in this thread, often; must be quick.
        cancelled: asked about twice a second; True ends the child.
        policy: with it the audit stops when every assertion is decided, unless `plan.full`.

    Raises:
        HoldfastError: the model or data are refused, a limit was met, `cancelled`, or `protocol`.
    """
    with _memory_file("result") as result_fd, _memory_file("samples") as samples_fd:
        with _input(model) as model_fd, _input(probes) as probes_fd:
            job = AuditJob(
                mode=mode,
                limits=limits,
                parent_pid=os.getpid(),
                model_fd=model_fd,
                model_sha256=_sha256(model_fd),
                result_fd=result_fd,
                probes_fd=probes_fd,
                probes_sha256=_sha256(probes_fd),
                samples_fd=samples_fd,
                plan=plan,
                policy=policy,
            )
            _run_audit(job, on_progress, cancelled)
        return _checked(job, _record(result_fd), _content(samples_fd))


def _run_audit(
    job: AuditJob, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]
) -> None:
    """Run the child; one that dies of its first batch is run once more, one image at a time.

    Nothing was measured before the first batch, so nothing of the first child is kept.
    """
    stages: list[str] = []

    def hear(progress: Progress) -> None:
        stages.append(progress.stage)
        on_progress(progress)

    try:
        Child(job, hear, cancelled).run()
    except HoldfastError as error:
        if error.code != "model_crashed" or stages[-1:] != ["probing"]:
            raise
        for fd in (job.result_fd, job.samples_fd):
            os.ftruncate(fd, 0)
        Child(job.model_copy(update={"single": True}), on_progress, cancelled).run()


def inspect_model(
    model: Path, *, mode: SandboxMode, limits: ChildLimits, architecture: str | None = None
) -> ModelCard:
    """Describe a model file without running it on data.

    `architecture` names the network of a file that holds weights only.

    Raises:
        HoldfastError: the model is refused or a limit was met.
    """
    with _memory_file("card") as result_fd, _input(model) as model_fd:
        job = InspectJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            model_fd=model_fd,
            model_sha256=_sha256(model_fd),
            architecture=architecture,
            result_fd=result_fd,
        )
        Child(job, lambda _: None, lambda: False).run()
        return _answer(ModelCard, result_fd)


def verify_result(
    result: Path, samples: Path, *, mode: SandboxMode, limits: ChildLimits
) -> Verification:
    """Recompute every number of a result from its per-sample file, in a locked child.

    Raises:
        HoldfastError: `invalid_result` or `invalid_samples`, or a limit was met.
    """
    with (
        _memory_file("verification") as result_fd,
        _input(result) as claim_fd,
        _input(samples) as samples_fd,
    ):
        job = VerifyJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            claim_fd=claim_fd,
            samples_fd=samples_fd,
            result_fd=result_fd,
        )
        Child(job, lambda _: None, lambda: False).run()
        return _answer(Verification, result_fd)


def compare_results(
    baseline: tuple[Path, Path],
    candidate: tuple[Path, Path],
    margin: float,
    *,
    mode: SandboxMode,
    limits: ChildLimits,
) -> Comparison:
    """Compare two results image by image, in a locked child.

    Args:
        baseline: its result.json and its per-sample file.
        candidate: the same.
        margin: how much of a score may be lost, in [0, 1).
        mode: how much of the sandbox must be in force.
        limits: bounds of the child.

    Raises:
        HoldfastError: `invalid_result`, `invalid_samples`, `not_comparable`, or a limit was met.
    """
    with contextlib.ExitStack() as opened:
        result_fd = opened.enter_context(_memory_file("comparison"))
        fds = [opened.enter_context(_input(path)) for path in (*baseline, *candidate)]
        job = CompareJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            baseline_fd=fds[0],
            baseline_samples_fd=fds[1],
            candidate_fd=fds[2],
            candidate_samples_fd=fds[3],
            margin=margin,
            result_fd=result_fd,
        )
        Child(job, lambda _: None, lambda: False).run()
        return _answer(Comparison, result_fd)


def _answer(kind: type[RecordT], fd: int) -> RecordT:
    try:
        return kind.model_validate_json(_record(fd))
    except ValidationError:
        raise HoldfastError("protocol") from None


@contextmanager
def _memory_file(name: str) -> Iterator[int]:
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _input(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        raise HoldfastError("file_not_found", path=path) from None
    try:
        if os.fstat(fd).st_size == 0:
            raise HoldfastError("empty_file", what=path.name)
        yield fd
    finally:
        os.close(fd)


def _sha256(fd: int) -> str:
    state, offset = hashlib.sha256(), 0
    while block := os.pread(fd, _BLOCK_BYTES, offset):
        state.update(block)
        offset += len(block)
    return state.hexdigest()


def _record(fd: int) -> bytes:
    """The bytes of a record, looked at before they are read: a child may write much more."""
    if os.fstat(fd).st_size > _MAX_RESULT_BYTES:
        raise HoldfastError("protocol")
    return _content(fd)


def _content(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()


def _checked(job: AuditJob, result_json: bytes, samples: bytes) -> AuditOutput:
    """The child ran foreign code, so its answer is checked like an upload."""
    try:
        result = AuditResult.model_validate_json(result_json)
    except ValidationError:
        raise HoldfastError("protocol") from None
    same = (
        result.provenance.model_sha256 == job.model_sha256
        and result.provenance.probes_sha256 == job.probes_sha256
        and result.samples.sha256 == hashlib.sha256(samples).hexdigest()
        and result.samples.size_bytes == len(samples)
    )
    if not same:
        raise HoldfastError("protocol")
    return AuditOutput(result, canonical_json(result), samples)
