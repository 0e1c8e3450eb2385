"""Webhooks and the messages that wait to be sent to them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast_db.columns import Id, Word, utc_now
from holdfast_db.ids import new_id
from holdfast_db.tables.base import BIG_KEY, Base

__all__ = ["DeliveryRow", "WebhookRow"]


class WebhookRow(Base):
    """An address that is told when an audit ends; `old_secret` signs along for a day."""

    __tablename__ = "webhook"

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64), index=True)
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[list[str]]
    secret: Mapped[str] = mapped_column(String(80))
    old_secret: Mapped[str | None] = mapped_column(String(80))
    old_secret_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class DeliveryRow(Base):
    """One message to one webhook: the outbox. `message_id` stays the same over all tries."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'given_up')", name="state"),
        UniqueConstraint("webhook_id", "message_id"),
        Index(None, "state", "next_try_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    webhook_id: Mapped[Id] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(String(80))
    event: Mapped[Word]
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[Word] = mapped_column(default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    last_status: Mapped[int | None]
    last_error: Mapped[Word | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    delivered_at: Mapped[datetime | None]
