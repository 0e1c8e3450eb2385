"""The tables. There are no relations: what belongs together is asked for together.

blob <- model, probe_set <- audit <- shard <- result
                            audit <- event            upload, worker, lease stand alone
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holdfast_db.columns import Id, Sha256, UtcDateTime, Word, utc_now
from holdfast_db.ids import new_id

__all__ = [
    "AuditRow",
    "Base",
    "BlobRow",
    "EventRow",
    "LeaseRow",
    "ModelRow",
    "ProbeSetRow",
    "ResultRow",
    "ShardRow",
    "UploadRow",
    "WorkerRow",
]

_STATES = "state IN ('queued', 'running', 'done', 'failed', 'cancelled')"
_BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
    }


class BlobRow(Base):
    """A file in the store."""

    __tablename__ = "blob"

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class UploadRow(Base):
    """A file that is announced (`open`), has come (`complete`) or was refused (`failed`).

    `sha256` is the announced digest while open and the real one afterwards.
    """

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint("kind IN ('model', 'probes')", name="kind"),
        CheckConstraint("state IN ('open', 'complete', 'failed')", name="state"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[Word]
    state: Mapped[Word] = mapped_column(default="open")
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[Sha256 | None]
    offset: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[Word | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ModelRow(Base):
    """A model file under a name. The same file may have several names."""

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("project", "name", "sha256"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[Sha256] = mapped_column(ForeignKey("blob.sha256"), index=True)
    format: Mapped[Word]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class ProbeSetRow(Base):
    """An archive of images under a name; `archive` is zip or npz."""

    __tablename__ = "probe_set"
    __table_args__ = (UniqueConstraint("project", "name", "sha256"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[Sha256] = mapped_column(ForeignKey("blob.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    archive: Mapped[Word]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class AuditRow(Base):
    """One audit: what is asked, how far it is, what came out.

    `plan`, `policy` and `verdict` are the JSON of the records of the same names. `finalized` counts
    how often the audit became `done`; more than once would be a fault of ours.
    """

    __tablename__ = "audit"
    __table_args__ = (
        CheckConstraint(_STATES, name="state"),
        Index(None, "project", "created_at"),
        Index(None, "state", "created_at"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    branch: Mapped[str | None] = mapped_column(String(255))
    commit: Mapped[str | None] = mapped_column(String(255))
    model_id: Mapped[Id] = mapped_column(ForeignKey("model.id"), index=True)
    probe_set_id: Mapped[Id] = mapped_column(ForeignKey("probe_set.id"), index=True)
    plan: Mapped[str] = mapped_column(Text)
    policy: Mapped[str | None] = mapped_column(Text)
    state: Mapped[Word] = mapped_column(default="queued")
    stage: Mapped[Word | None]
    progress_done: Mapped[int] = mapped_column(BigInteger, default=0)
    progress_total: Mapped[int] = mapped_column(BigInteger, default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error_code: Mapped[Word | None]
    error_fields: Mapped[dict[str, Any] | None]
    verdict: Mapped[str | None] = mapped_column(Text)
    decision: Mapped[Word | None]
    result_sha256: Mapped[Sha256 | None]
    samples_sha256: Mapped[Sha256 | None]
    priority: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    finalized: Mapped[int] = mapped_column(default=0)


class ShardRow(Base):
    """A piece of work that one worker does at a time; in this release one per audit.

    `lease_token` is there exactly while the shard runs and says whose it is. `enqueued_at` is when
    a worker was last rung for it; NULL means never, which makes this table the outbox.
    """

    __tablename__ = "shard"
    __table_args__ = (
        CheckConstraint(_STATES, name="state"),
        CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name="lease"),
        Index(None, "state", "queue", "priority", "created_at"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    kind: Mapped[Word] = mapped_column(default="whole")
    queue: Mapped[Word] = mapped_column(default="cpu")
    priority: Mapped[int] = mapped_column(default=0)
    state: Mapped[Word] = mapped_column(default="queued")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[Id | None]
    lease_until: Mapped[datetime | None]
    enqueued_at: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(255))
    error_code: Mapped[Word | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ResultRow(Base):
    """What a shard left in the store; the primary key keeps a second one out."""

    __tablename__ = "result"

    shard_id: Mapped[Id] = mapped_column(
        ForeignKey("shard.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int]
    result_sha256: Mapped[Sha256]
    samples_sha256: Mapped[Sha256]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WorkerRow(Base):
    """A sign of life of one worker. `boot_id` is new at each of its starts."""

    __tablename__ = "worker"

    hostname: Mapped[str] = mapped_column(String(255), primary_key=True)
    boot_id: Mapped[Id]
    last_seen: Mapped[datetime]
    queues: Mapped[list[str]]
    sandbox: Mapped[dict[str, Any]]


class LeaseRow(Base):
    """Who does what only one may do at a time."""

    __tablename__ = "lease"

    name: Mapped[Word] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(String(255))
    until: Mapped[datetime]


class EventRow(Base):
    """What a reader of an audit's events is told: kind `state`, `progress` or `finished`."""

    __tablename__ = "event"
    __table_args__ = (
        Index(None, "audit_id", "id"),
        # Without AUTOINCREMENT SQLite would give the number of a deleted last row out again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_BIG_KEY, primary_key=True)
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[Word]
    data: Mapped[dict[str, Any]]
