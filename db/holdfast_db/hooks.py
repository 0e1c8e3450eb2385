"""Webhooks and their messages, for whoever looks after them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast_db.pages import Page, read_page
from holdfast_db.tables import DeliveryRow, WebhookRow

__all__ = ["list_deliveries", "list_webhooks"]


def list_webhooks(
    session: Session, project: str | None, *, limit: int, cursor: str | None
) -> Page[WebhookRow]:
    """A page of webhooks, newest first."""
    wanted = [] if project is None else [WebhookRow.project == project]
    return read_page(session, WebhookRow, wanted, limit=limit, cursor=cursor)


def list_deliveries(
    session: Session, webhook_id: str, *, limit: int, before: int | None
) -> list[DeliveryRow]:
    """The messages of a webhook, newest first, from below one of them."""
    wanted = [DeliveryRow.webhook_id == webhook_id]
    if before is not None:
        wanted.append(DeliveryRow.id < before)
    query = select(DeliveryRow).where(*wanted).order_by(DeliveryRow.id.desc()).limit(limit)
    return list(session.scalars(query))
