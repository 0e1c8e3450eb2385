"""Jobs: audits, the shards that workers claim, what shards leave, and what readers are told."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from holdfast_db.columns import Id, Sha256, Word, utc_now
from holdfast_db.ids import new_id
from holdfast_db.tables.base import BIG_KEY, STATES, Base

__all__ = ["AuditRow", "EventRow", "ResultRow", "ShardRow"]


class AuditRow(Base):
    """One audit: what is asked, how far it is, what came out.

    `plan`, `policy` and `verdict` are the JSON of the records of the same names; the verdict is the
    newest one. `baseline_id` is the audit that this one is compared with. `reused_id` is the audit
    whose result this one took over because the same was asked. `queue` says where it is computed;
    its shards are in it. `cancel_reason` is what they said who asked for its end.
    `remove_requested` has it removed by the next clean-up after its end.
    `stopped_early` tells of a sequential audit whether it did without some of the images.
    `finalized` counts how often the audit became `done`; more than once would be a fault of ours.
    """

    __tablename__ = "audit"
    __table_args__ = (
        CheckConstraint(STATES, name="state"),
        Index(None, "project", "created_at"),
        Index(None, "state", "created_at"),
        Index(None, "plan_digest"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    branch: Mapped[str | None] = mapped_column(String(255))
    commit: Mapped[str | None] = mapped_column(String(255))
    model_id: Mapped[Id] = mapped_column(ForeignKey("model.id"), index=True)
    probe_set_id: Mapped[Id] = mapped_column(ForeignKey("probe_set.id"), index=True)
    plan: Mapped[str] = mapped_column(Text)
    plan_digest: Mapped[Sha256 | None]
    policy: Mapped[str | None] = mapped_column(Text)
    baseline_id: Mapped[Id | None]
    reused_id: Mapped[Id | None]
    state: Mapped[Word] = mapped_column(default="queued")
    stage: Mapped[Word | None]
    progress_done: Mapped[int] = mapped_column(BigInteger, default=0)
    progress_total: Mapped[int] = mapped_column(BigInteger, default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    cancel_reason: Mapped[str | None] = mapped_column(String(255))
    remove_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    error_code: Mapped[Word | None]
    error_fields: Mapped[dict[str, Any] | None]
    verdict: Mapped[str | None] = mapped_column(Text)
    decision: Mapped[Word | None]
    stopped_early: Mapped[bool | None]
    result_sha256: Mapped[Sha256 | None]
    samples_sha256: Mapped[Sha256 | None]
    priority: Mapped[int] = mapped_column(default=0)
    queue: Mapped[Word] = mapped_column(default="cpu", server_default="cpu")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    finalized: Mapped[int] = mapped_column(default=0)


class ShardRow(Base):
    """A piece of work that one worker does at a time.

    `kind` is `whole` (an audit in one piece), `part` (its images `start` to `stop` of the seeded
    order), `merge` (the parts into one result), `judge` (this result with its baseline, before the
    audit is done) or `compare` (two finished ones; `comparison_id` says which). `lease_token` is
    there exactly while the shard runs and says whose it is. `enqueued_at` is when a worker was last
    rung for it; NULL means never, which makes this table the outbox.
    `progress` counts the views of this shard alone.
    """

    __tablename__ = "shard"
    __table_args__ = (
        CheckConstraint(STATES, name="state"),
        CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name="lease"),
        Index(None, "state", "queue", "priority", "created_at"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    kind: Mapped[Word] = mapped_column(default="whole")
    place: Mapped[int] = mapped_column(default=0, server_default="0")
    start: Mapped[int | None]
    stop: Mapped[int | None]
    comparison_id: Mapped[Id | None]
    queue: Mapped[Word] = mapped_column(default="cpu")
    priority: Mapped[int] = mapped_column(default=0)
    state: Mapped[Word] = mapped_column(default="queued")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[Id | None]
    lease_until: Mapped[datetime | None]
    enqueued_at: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(255))
    error_code: Mapped[Word | None]
    progress_done: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    progress_total: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ResultRow(Base):
    """What a shard left in the store; the primary key keeps a second one out.

    A `part` leaves its samples and, as `result_sha256`, what else the merge needs to know.
    """

    __tablename__ = "result"

    shard_id: Mapped[Id] = mapped_column(
        ForeignKey("shard.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int]
    result_sha256: Mapped[Sha256]
    samples_sha256: Mapped[Sha256]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class EventRow(Base):
    """What a reader of an audit's events is told.

    `kind` is `state`, `progress`, `decided` (no further part is needed) or `finished`.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index(None, "audit_id", "id"),
        # Without AUTOINCREMENT SQLite would give the number of a deleted last row out again.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[Word]
    data: Mapped[dict[str, Any]]
