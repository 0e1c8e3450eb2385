"""What the parent tells the sandboxed child and what it hears back."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.plan import Architecture, AuditPlan
from holdfast.records.policy import GatePolicy

__all__ = [
    "AuditJob",
    "ChildJob",
    "ChildLimits",
    "CompareJob",
    "Device",
    "Difference",
    "FollowJob",
    "InspectJob",
    "MergeJob",
    "Progress",
    "TableJob",
    "Verification",
    "VerifyJob",
]


Device = Literal["cpu", "gpu"]
"""Where a child computes."""


class ChildLimits(Record):
    """Bounds on one child. Each is a setting that is named in the error it causes."""

    memory_bytes: Annotated[int, Field(ge=1 << 28)] = 6 << 30
    gpu_memory_bytes: Annotated[int, Field(ge=1 << 28)] = 8 << 30
    cpu_s: Annotated[int, Field(ge=1)] = 4 * 3600
    wall_s: Annotated[float, Field(gt=0)] = 3600.0
    stall_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest silence of the child: one batch, or the opening of the model."""
    output_bytes: Annotated[int, Field(ge=1 << 16)] = 1 << 30
    threads: Annotated[int, Field(ge=1, le=1024)] = 1


class _Job(Record):
    """What every order has. What ends in `_fd` is a descriptor the child inherits, no path."""

    mode: Literal["required", "auto", "container"]
    limits: ChildLimits
    parent_pid: int
    reply_fd: int = -1
    result_fd: int


class AuditJob(_Job):
    """Audit a model; the result record goes to `result_fd`, the per-sample file to `samples_fd`."""

    verb: Literal["audit"] = "audit"
    model_fd: int
    model_sha256: str
    probes_fd: int
    probes_sha256: str
    samples_fd: int
    plan: AuditPlan
    policy: GatePolicy | None = None
    span: tuple[int, int] | None = None
    """Images from and to, of the seeded order: then an `AuditPart` goes to `result_fd`."""
    single: bool = False
    """One image at a time, because a batch crashed an earlier child."""
    device: Device = "cpu"


class MergeJob(_Job):
    """Make one result of the parts of an audit, given in order; answers go where an audit's go."""

    verb: Literal["merge"] = "merge"
    model_fd: int
    model_sha256: str
    probes_fd: int
    probes_sha256: str
    samples_fd: int
    plan: AuditPlan
    policy: GatePolicy | None = None
    part_fds: Annotated[tuple[int, ...], Field(min_length=1)]
    part_samples_fds: tuple[int, ...]
    device: Device = "cpu"


class FollowJob(_Job):
    """Ask whether the first parts decide a sequential audit; a `Prefix` goes to `result_fd`."""

    verb: Literal["follow"] = "follow"
    plan: AuditPlan
    policy: GatePolicy
    part_fds: Annotated[tuple[int, ...], Field(min_length=1)]


class InspectJob(_Job):
    """Describe a model; its card goes to `result_fd`."""

    verb: Literal["inspect"] = "inspect"
    model_fd: int
    model_sha256: str
    architecture: Architecture | None = None


class VerifyJob(_Job):
    """Recompute a result from its per-sample file; a `Verification` goes to `result_fd`."""

    verb: Literal["verify"] = "verify"
    claim_fd: int
    samples_fd: int


class TableJob(_Job):
    """Write a per-sample file as CSV; `result_fd` may be a pipe."""

    verb: Literal["table"] = "table"
    samples_fd: int


class CompareJob(_Job):
    """Compare two results image by image; a `Comparison` goes to `result_fd`."""

    verb: Literal["compare"] = "compare"
    baseline_fd: int
    baseline_samples_fd: int
    candidate_fd: int
    candidate_samples_fd: int
    margin: float


ChildJob = Annotated[
    AuditJob | MergeJob | FollowJob | InspectJob | VerifyJob | CompareJob | TableJob,
    Field(discriminator="verb"),
]
"""One order to a child."""


class Difference(Record):
    """One number that does not follow from the samples."""

    what: str
    reported: str
    recomputed: str


class Verification(Record):
    """What a recomputation found; nothing in `differences` means that everything follows."""

    n_rows: int
    n_images: int
    n_measurements: int
    n_cells: int
    differences: tuple[Difference, ...]


class Progress(Record):
    """How far an audit is: `done` of `total` views have gone through the model."""

    stage: Literal["loading", "probing", "measuring", "writing"]
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
