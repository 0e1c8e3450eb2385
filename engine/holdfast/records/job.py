"""What the parent tells the sandboxed child and what it hears back."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.plan import AuditPlan

__all__ = ["ChildJob", "ChildLimits", "Progress"]


class ChildLimits(Record):
    """Bounds on one child. Each is a setting that is named in the error it causes."""

    memory_bytes: Annotated[int, Field(ge=1 << 28)] = 6 << 30
    cpu_s: Annotated[int, Field(ge=1)] = 4 * 3600
    wall_s: Annotated[float, Field(gt=0)] = 3600.0
    stall_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest silence of the child: one batch, or the opening of the model."""
    output_bytes: Annotated[int, Field(ge=1 << 16)] = 1 << 30
    threads: Annotated[int, Field(ge=1, le=1024)] = 1


class ChildJob(Record):
    """One order to a child. The numbers ending in `_fd` are descriptors it inherits, no paths."""

    verb: Literal["audit", "inspect"]
    mode: Literal["required", "auto", "container"]
    limits: ChildLimits
    parent_pid: int
    model_fd: int
    model_sha256: str
    reply_fd: int
    result_fd: int
    probes_fd: int | None = None
    probes_sha256: str | None = None
    samples_fd: int | None = None
    plan: AuditPlan | None = None


class Progress(Record):
    """How far an audit is: `done` of `total` views have gone through the model."""

    stage: Literal["loading", "probing", "measuring", "writing"]
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
