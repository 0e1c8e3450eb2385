"""The parent's side: start the locked child, watch it, check what comes back, name every death.

The caller never opens a model or an image. The child inherits read-only descriptors of the two
files and two memory files for its answers, and reports over a pipe, one JSON line at a time.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.base import canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.job import (
    AuditJob,
    ChildLimits,
    CompareJob,
    Device,
    InspectJob,
    MergeJob,
    Progress,
    Verification,
    VerifyJob,
)
from holdfast.records.model import ModelCard
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.sandbox.files import (
    answer,
    content,
    handed_over,
    input_file,
    memory_file,
    record_bytes,
    sha256_of,
)
from holdfast.sandbox.process import Child

__all__ = [
    "AuditOutput",
    "SandboxMode",
    "checked_audit",
    "compare_results",
    "inspect_model",
    "run_audit",
    "run_twice",
    "verify_result",
]

SandboxMode = Literal["required", "auto", "container"]


@dataclass(frozen=True)
class AuditOutput:
    """What an audit leaves: the record, its exact bytes, and the bytes of the per-sample file."""

    result: AuditResult
    result_json: bytes
    samples: bytes


def run_audit(  # noqa: PLR0913 - what, on what, how, and who hears of it
    model: Path,
    probes: Path,
    plan: AuditPlan,
    *,
    mode: SandboxMode,
    limits: ChildLimits,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    policy: GatePolicy | None = None,
    device: Device = "cpu",
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
        device: where the model computes; a GPU is experimental and relaxes the sandbox.

    Raises:
        HoldfastError: the model or data are refused, a limit was met, `cancelled`, `protocol`;
            `gpu_not_enabled`, `gpu_not_available`.
    """
    with handed_over(model, probes) as files:
        job = AuditJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            plan=plan,
            policy=policy,
            device=device,
            **files,
        )
        run_twice(job, on_progress, cancelled)
        return checked_audit(job, record_bytes(job.result_fd), content(job.samples_fd))


def run_twice(
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
    with memory_file("card") as result_fd, input_file(model) as model_fd:
        job = InspectJob(
            mode=mode,
            limits=limits,
            parent_pid=os.getpid(),
            model_fd=model_fd,
            model_sha256=sha256_of(model_fd),
            architecture=architecture,
            result_fd=result_fd,
        )
        Child(job, lambda _: None, lambda: False).run()
        return answer(ModelCard, result_fd)


def verify_result(
    result: Path, samples: Path, *, mode: SandboxMode, limits: ChildLimits
) -> Verification:
    """Recompute every number of a result from its per-sample file, in a locked child.

    Raises:
        HoldfastError: `invalid_result` or `invalid_samples`, or a limit was met.
    """
    with (
        memory_file("verification") as result_fd,
        input_file(result) as claim_fd,
        input_file(samples) as samples_fd,
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
        return answer(Verification, result_fd)


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
        result_fd = opened.enter_context(memory_file("comparison"))
        fds = [opened.enter_context(input_file(path)) for path in (*baseline, *candidate)]
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
        return answer(Comparison, result_fd)


def checked_audit(job: AuditJob | MergeJob, result_json: bytes, samples: bytes) -> AuditOutput:
    """The child ran foreign code, so its answer is checked like an upload."""
    try:
        result = AuditResult.model_validate_json(result_json)
    except ValidationError:
        raise HoldfastError("protocol") from None
    same = (
        result.provenance.model_sha256 == job.model_sha256
        and result.provenance.probes_sha256 == job.probes_sha256
        and result.provenance.device == job.device
        and result.provenance.sandbox.gpu == (job.device == "gpu")
        and result.samples.sha256 == hashlib.sha256(samples).hexdigest()
        and result.samples.size_bytes == len(samples)
    )
    if not same:
        raise HoldfastError("protocol")
    return AuditOutput(result, canonical_json(result), samples)
