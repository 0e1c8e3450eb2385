"""Who may do what: projects, tokens, and requests that were answered before."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast_db.columns import Id, Sha256, Word, utc_now
from holdfast_db.ids import new_id
from holdfast_db.tables.base import Base

__all__ = ["IdempotencyRow", "ProjectRow", "TokenRow"]


class ProjectRow(Base):
    """What belongs to one team: its models, probe sets, audits, policies and baselines.

    `max_queued` and `max_running` limit its audits, NULL for no limit of its own.
    `retention_days` is how long finished audits are kept, NULL for ever.
    """

    __tablename__ = "project"

    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    default_branch: Mapped[str] = mapped_column(String(255), default="main")
    policy_id: Mapped[Id | None]
    public_badge: Mapped[bool] = mapped_column(default=False)
    retention_days: Mapped[int | None]
    max_queued: Mapped[int | None]
    max_running: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class TokenRow(Base):
    """A bearer token, known by its digest only; `project` NULL reaches every project.

    `hint` is its first characters, for lists and logs. `last_used_at` is rounded.
    """

    __tablename__ = "token"
    __table_args__ = (CheckConstraint("scope IN ('read', 'audit', 'admin')", name="scope"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[Sha256] = mapped_column(unique=True)
    hint: Mapped[Word]
    scope: Mapped[Word]
    project: Mapped[str | None] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class IdempotencyRow(Base):
    """A request with an `Idempotency-Key`; `status` is NULL while it is being answered.

    `caller` is the token's id, or empty where no tokens are in use.
    """

    __tablename__ = "idempotency"
    __table_args__ = (UniqueConstraint("caller", "key"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    caller: Mapped[str] = mapped_column(String(36), default="")
    key: Mapped[str] = mapped_column(String(255))
    request_sha256: Mapped[Sha256]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
