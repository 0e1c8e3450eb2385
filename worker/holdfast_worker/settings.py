"""The settings of workers and of the scheduler: variables with the prefix `HOLDFAST_`."""

import os
from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.job import ChildLimits, Device
from holdfast_db.settings import StorageSettings

__all__ = ["QUEUES", "WorkerSettings"]

QUEUES = ("cpu", "gpu")
_DEFAULTS = ChildLimits()


class WorkerSettings(StorageSettings):
    """What a worker needs to know. `queue` and `concurrency` come from its command line.

    The worker of `holdfast serve` takes its concurrency from here.
    Limits nest: child < soft limit of the task < hard limit < time after which Redis rings again.
    """

    broker_url: str = ""
    """Empty: rings are files below the data folder. Else redis://..., or filesystem:///folder."""
    queue: Device = "cpu"
    """Set by `holdfast worker --queue`."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 1
    """Set by `holdfast worker --concurrency`."""
    sandbox: Literal["required", "auto", "container"] = "required"
    """How much of the child's lock must hold; see SECURITY.md."""
    sandbox_gpu: Literal["", "experimental"] = ""
    """Lets children use a GPU, which relaxes the lock; for a dedicated host or virtual machine."""
    soft_shutdown_s: Annotated[float, Field(ge=0)] = 60.0
    """How long a stopping worker lets an audit go on before it gives it back."""
    lease_s: Annotated[float, Field(ge=1)] = 60.0
    """A worker that was not heard of for so long has lost its shard."""
    max_attempts: Annotated[int, Field(ge=1)] = 3
    """An audit that lost so many workers fails."""
    reconcile_s: Annotated[float, Field(gt=0)] = 2.0
    """How often the scheduler looks for what was lost."""
    clean_up_s: Annotated[float, Field(gt=0)] = 60.0
    """How often the scheduler removes what is past its time."""
    ring_stale_s: Annotated[float, Field(gt=0)] = 30.0
    """A queued shard is rung for again after so long."""
    webhook_ca: str = ""
    """A file of authorities to trust besides those of this machine, for receivers of our own."""
    presence_s: Annotated[float, Field(gt=0)] = 15.0
    """How often a worker says that it lives."""
    child_memory_bytes: Annotated[int, Field(ge=1 << 28)] = _DEFAULTS.memory_bytes
    """The most memory of one child."""
    child_gpu_memory_bytes: Annotated[int, Field(ge=1 << 28)] = _DEFAULTS.gpu_memory_bytes
    """The most memory of a GPU that one child may take."""
    child_cpu_s: Annotated[int, Field(ge=1)] = _DEFAULTS.cpu_s
    """The most CPU time of one child, all its threads together."""
    child_wall_s: Annotated[float, Field(gt=0)] = _DEFAULTS.wall_s
    """The longest time that one child may take."""
    child_stall_s: Annotated[float, Field(gt=0)] = _DEFAULTS.stall_s
    """The longest silence of a child: one batch, or the opening of the model."""
    child_output_bytes: Annotated[int, Field(ge=1 << 16)] = _DEFAULTS.output_bytes
    """The largest result or per-sample file."""
    child_threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """0: the cores of this machine, shared among the audits that run at a time."""

    @property
    def beat_s(self) -> float:
        """Seconds between heartbeats: often enough for the lease, and to see a cancellation."""
        return min(1.0, self.lease_s / 4)

    @property
    def soft_limit_s(self) -> float:
        """When Celery asks a task to end: never, unless the watch over the child failed."""
        return self.child_wall_s + 120

    @property
    def hard_limit_s(self) -> float:
        """When Celery kills the process of a task."""
        return self.soft_limit_s + 60

    def child_limits(self) -> ChildLimits:
        """The bounds of one child."""
        cores = len(os.sched_getaffinity(0))
        return ChildLimits(
            memory_bytes=self.child_memory_bytes,
            gpu_memory_bytes=self.child_gpu_memory_bytes,
            cpu_s=self.child_cpu_s,
            wall_s=self.child_wall_s,
            stall_s=self.child_stall_s,
            output_bytes=self.child_output_bytes,
            threads=self.child_threads or max(1, cores // self.concurrency),
        )
