"""Webhooks: who is told when an audit ends, with which secret, and what became of each message."""

import base64
import secrets
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast_api.filing import filed_under
from holdfast_api.ids import known_id
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.repeating import RepeatableRoute
from holdfast_api.requests import ProjectSlug, Request, Slug
from holdfast_db.clock import db_now
from holdfast_db.hook_rules import check_url, read_allow
from holdfast_db.hooks import list_deliveries, list_webhooks
from holdfast_db.outbox import post
from holdfast_db.pages import MAX_LIMIT
from holdfast_db.projects import ensure_project
from holdfast_db.tables import DeliveryRow, WebhookRow

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhooks", tags=["Webhooks"], route_class=RepeatableRoute)
_OVERLAP: Final = timedelta(hours=24)
_SECRET_BYTES: Final = 32
EventName = Literal["audit.finished", "verdict.changed"]


def _unique(events: list[EventName]) -> list[EventName]:
    return list(dict.fromkeys(events))


Events = Annotated[list[EventName], Field(min_length=1, max_length=8), AfterValidator(_unique)]
Url = Annotated[str, Field(min_length=1, max_length=2000)]


class WebhookRequest(Request):
    """Asks for messages about a project."""

    project: ProjectSlug = None
    url: Url
    events: Annotated[Events, Field(default_factory=lambda: ["audit.finished", "verdict.changed"])]


class WebhookChange(Request):
    """What to change; what is left out stays."""

    url: Url | None = None
    events: Events | None = None
    enabled: bool | None = None


class WebhookView(BaseModel):
    """A webhook, without its secret."""

    id: str
    project: str
    url: str
    events: list[str]
    enabled: bool
    created_at: datetime
    old_secret_until: datetime | None


class NewSecretView(WebhookView):
    """A webhook with its secret, which is shown this once."""

    secret: str


class WebhookListView(BaseModel):
    """A page of webhooks, newest first."""

    items: list[WebhookView]
    next_cursor: str | None


class DeliveryView(BaseModel):
    """A message and what became of it; `last_error` is empty once it arrived."""

    id: int
    message_id: str
    event: str
    state: Literal["waiting", "delivered", "given_up"]
    tries: int
    next_try_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None
    payload: str


class DeliveryListView(BaseModel):
    """A page of messages, newest first."""

    items: list[DeliveryView]
    next_cursor: str | None


@router.post("", status_code=201, responses=declare("not_found", "webhook_url_refused"))
def create_webhook(body: WebhookRequest, parts: PartsDep, response: Response) -> NewSecretView:
    """Ask for messages. The secret that signs them is shown in this answer only."""
    project = filed_under(parts, body.project)
    _check(parts, body.url)
    row = WebhookRow(project=project, url=body.url, events=list(body.events), secret=_new_secret())
    with parts.db.transaction() as session:
        ensure_project(session, project)
        session.add(row)
    response.headers["Location"] = f"/v1/webhooks/{row.id}"
    return _with_secret(row)


@router.get("", responses=declare("invalid_request"))
def get_webhooks(
    parts: PartsDep,
    project: Annotated[Slug | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> WebhookListView:
    """Webhooks, newest first."""
    with parts.db.reading() as session:
        found = list_webhooks(session, project, limit=limit, cursor=cursor)
        items = [_view(row) for row in found.items]
    return WebhookListView(items=items, next_cursor=found.next_cursor)


@router.get("/{webhook_id}", responses=declare("not_found"))
def get_one_webhook(webhook_id: str, parts: PartsDep) -> WebhookView:
    """One webhook."""
    with parts.db.reading() as session:
        return _view(_row(session, webhook_id))


@router.patch("/{webhook_id}", responses=declare("not_found", "webhook_url_refused"))
def change_webhook(webhook_id: str, body: WebhookChange, parts: PartsDep) -> WebhookView:
    """Change the address or the events, or switch it off and on."""
    if body.url is not None:
        _check(parts, body.url)
    changes = body.model_dump(exclude_none=True)
    with parts.db.transaction() as session:
        row = _row(session, webhook_id)
        for name, value in changes.items():
            setattr(row, name, value)
        return _view(row)


@router.delete("/{webhook_id}", status_code=204, responses=declare("not_found"))
def delete_webhook(webhook_id: str, parts: PartsDep) -> None:
    """Remove a webhook and what still waits for it."""
    with parts.db.transaction() as session:
        session.delete(_row(session, webhook_id))


@router.post("/{webhook_id}/rotate", responses=declare("not_found"))
def rotate_secret(webhook_id: str, parts: PartsDep) -> NewSecretView:
    """A new secret; for 24 hours the old one signs along."""
    with parts.db.transaction() as session:
        row = _row(session, webhook_id)
        row.old_secret, row.old_secret_until = row.secret, db_now(session) + _OVERLAP
        row.secret = _new_secret()
        return _with_secret(row)


@router.post("/{webhook_id}/test", status_code=202, responses=declare("not_found"))
def send_test(webhook_id: str, parts: PartsDep) -> DeliveryView:
    """Send a message of the event `webhook.test`."""
    with parts.db.transaction() as session:
        row = _row(session, webhook_id)
        data = {"webhook_id": row.id, "project": row.project}
        return _delivery(post(session, row, "webhook.test", data))


@router.get("/{webhook_id}/deliveries", responses=declare("not_found", "invalid_request"))
def get_deliveries(
    webhook_id: str,
    parts: PartsDep,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=20, pattern="^[0-9]{1,18}$")] = None,
) -> DeliveryListView:
    """The messages of a webhook, newest first."""
    with parts.db.reading() as session:
        row = _row(session, webhook_id)
        before = None if cursor is None else int(cursor)
        found = list_deliveries(session, row.id, limit=limit + 1, before=before)
    items = [_delivery(each) for each in found[:limit]]
    more = str(items[-1].id) if len(found) > limit else None
    return DeliveryListView(items=items, next_cursor=more)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    responses=declare("not_found"),
)
def redeliver(webhook_id: str, delivery_id: int, parts: PartsDep) -> DeliveryView:
    """Send a message once more, under the same id, with all its tries."""
    with parts.db.transaction() as session:
        hook = _row(session, webhook_id)
        row = session.get(DeliveryRow, delivery_id) if 0 < delivery_id < 1 << 62 else None
        if row is None or row.webhook_id != hook.id:
            raise HoldfastError("not_found", what="delivery")
        row.state, row.tries, row.next_try_at = "waiting", 0, db_now(session)
        return _delivery(row)


def _check(parts: Parts, url: str) -> None:
    check_url(url, read_allow(parts.settings.webhook_allow))


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _row(session: Session, webhook_id: str) -> WebhookRow:
    row = session.get(WebhookRow, known_id(webhook_id, "webhook"))
    if row is None:
        raise HoldfastError("not_found", what="webhook")
    return row


def _view(row: WebhookRow) -> WebhookView:
    return WebhookView.model_validate(row, from_attributes=True)


def _with_secret(row: WebhookRow) -> NewSecretView:
    return NewSecretView.model_validate(row, from_attributes=True)


def _delivery(row: DeliveryRow) -> DeliveryView:
    view = DeliveryView.model_validate(row, from_attributes=True)
    return view if row.state == "waiting" else view.model_copy(update={"next_try_at": None})
