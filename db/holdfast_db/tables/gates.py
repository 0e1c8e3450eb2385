"""The gate on the server: policies, baselines, verdicts, history, comparisons."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast_db.columns import Id, Sha256, Word, utc_now
from holdfast_db.ids import new_id
from holdfast_db.tables.base import STATES, Base

__all__ = ["BaselineRow", "ComparisonRow", "MeasurementRow", "PolicyRow", "VerdictRow"]


class PolicyRow(Base):
    """A stored policy; it never changes, an archived one is only hidden."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("project", "name", "digest"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    digest: Mapped[Sha256]
    policy: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    archived_at: Mapped[datetime | None]


class BaselineRow(Base):
    """The audit that somebody pinned as the baseline of a branch."""

    __tablename__ = "baseline"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    branch: Mapped[str] = mapped_column(String(255), primary_key=True)
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(1000))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class VerdictRow(Base):
    """What a policy said about an audit; `baseline_id` is empty when nothing was compared."""

    __tablename__ = "verdict"
    __table_args__ = (UniqueConstraint("audit_id", "policy_digest", "baseline_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"))
    policy_digest: Mapped[Sha256]
    baseline_id: Mapped[str] = mapped_column(String(36), default="")
    policy: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    decision: Mapped[Word]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MeasurementRow(Base):
    """One number of a finished audit, for histories that must not open every result."""

    __tablename__ = "measurement"

    audit_id: Mapped[Id] = mapped_column(
        ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]


class ComparisonRow(Base):
    """The paired comparison of an audit with a baseline, computed by a `compare` shard."""

    __tablename__ = "comparison"
    __table_args__ = (
        CheckConstraint(STATES, name="state"),
        UniqueConstraint("baseline_id", "audit_id", "options_digest"),
        Index(None, "audit_id"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    baseline_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"))
    audit_id: Mapped[Id] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"))
    options: Mapped[dict[str, Any]]
    options_digest: Mapped[Sha256]
    state: Mapped[Word] = mapped_column(default="queued")
    error_code: Mapped[Word | None]
    error_fields: Mapped[dict[str, Any] | None]
    sha256: Mapped[Sha256 | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
