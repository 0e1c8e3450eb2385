"""What callers read."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

__all__ = [
    "AuditErrorView",
    "AuditLinksView",
    "AuditListView",
    "AuditView",
    "BlobView",
    "HealthView",
    "ModelListView",
    "ModelView",
    "ProbeSetListView",
    "ProbeSetView",
    "ProgressView",
    "ReadinessView",
    "UploadView",
    "VersionView",
    "WorkerView",
]


class UploadView(BaseModel):
    """An announced file. `url` takes its bytes, with PUT at once or with PATCH in pieces.

    `offset` is how many have come; `code` says why it failed.
    """

    id: str
    kind: Literal["model", "probes"]
    via: Literal["put", "tus"]
    state: Literal["open", "complete", "failed"]
    url: str
    offset: int
    size_bytes: int
    sha256: str | None
    filename: str | None
    code: str | None
    created_at: datetime
    expires_at: datetime


class BlobView(BaseModel):
    """Bytes that the service has."""

    state: Literal["exists"] = "exists"
    sha256: str
    size_bytes: int


class ModelView(BaseModel):
    """A model file under a name."""

    id: str
    project: str
    name: str
    format: str
    architecture: str | None
    sha256: str
    size_bytes: int
    filename: str | None
    created_at: datetime


class ProbeSetView(BaseModel):
    """An archive of images under a name; `images` is how many it seems to hold, if that shows."""

    id: str
    project: str
    name: str
    archive: str
    images: int | None
    sha256: str
    size_bytes: int
    created_at: datetime


class ModelListView(BaseModel):
    """A page of models, newest first."""

    items: list[ModelView]
    next_cursor: str | None


class ProbeSetListView(BaseModel):
    """A page of probe sets, newest first."""

    items: list[ProbeSetView]
    next_cursor: str | None


class ProgressView(BaseModel):
    """How far an audit is: `done` of `total` views have gone through the model."""

    stage: str | None
    done: int
    total: int


class AuditErrorView(BaseModel):
    """Why an audit failed."""

    code: str
    title: str
    sentence: str
    hint: str
    type: str


class AuditLinksView(BaseModel):
    """Where the parts of an audit are; the last five are there once it is done."""

    self: str
    page: str
    events: str
    verdict: str | None
    result: str | None
    report: str | None
    samples: str | None
    comparison: str | None


class AuditView(BaseModel):
    """An audit. `state` tells how the job went, `decision` what the gate said.

    `baseline_id` is the audit that it is compared with, `reused_id` the one whose result it took
    over, because the same had been measured before. `stopped_early` is null for an audit that was
    not to stop before its last image. `device` is where it is computed.
    """

    id: str
    project: str
    branch: str | None
    commit: str | None
    model_id: str
    model_name: str
    probe_set_id: str
    probe_set_name: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: ProgressView
    cancel_requested: bool
    cancel_reason: str | None
    error: AuditErrorView | None
    decision: Literal["passed", "failed", "inconclusive"] | None
    stopped_early: bool | None
    baseline_id: str | None
    reused_id: str | None
    device: Literal["cpu", "gpu"]
    priority: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    links: AuditLinksView


class AuditListView(BaseModel):
    """A page of audits, newest first."""

    items: list[AuditView]
    next_cursor: str | None


class VersionView(BaseModel):
    """What runs here."""

    name: Literal["holdfast"] = "holdfast"
    version: str
    api: Literal["v1"] = "v1"


class HealthView(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class WorkerView(BaseModel):
    """One worker process, its queues and the level of its sandbox."""

    hostname: str
    queues: list[str]
    last_seen: datetime
    fresh: bool
    sandbox: dict[str, object]


class ReadinessView(BaseModel):
    """Whether requests can be served; `degraded` means that no worker takes the jobs."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, bool]
    workers: list[WorkerView]
