"""The outbox: messages for webhooks, written in the transaction of what they tell."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.tables import AuditRow, DeliveryRow, ModelRow, WebhookRow

__all__ = [
    "BACKOFF_S",
    "EVENTS",
    "Due",
    "due",
    "forget_old",
    "keep_sent",
    "note_end",
    "note_verdict",
    "post",
    "take",
]

EVENTS: Final = ("audit.finished", "verdict.changed")
BACKOFF_S: Final = (5, 60, 300, 1800, 7200, 6 * 3600, 12 * 3600, 24 * 3600)
"""Pauses after the failures of one message; after one more it is given up."""
_IN_FLIGHT_S: Final = 60
"""A message whose sender died is sent again after this."""
_KEPT_DAYS: Final = 30


@dataclass(frozen=True)
class Due:
    """A message to be sent now. `secrets` sign it: the newest, and an old one for a day."""

    id: int
    tries: int
    url: str
    secrets: tuple[str, ...]
    message_id: str
    payload: str


def note_end(session: Session, audit_id: str, at: datetime) -> None:
    """Tell the webhooks of its project that an audit is over, and what became of its branch."""
    audit = session.get_one(AuditRow, audit_id, populate_existing=True)
    hooks = _hooks(session, audit.project)
    if not hooks:
        return
    _tell(session, hooks, "audit.finished", _about(session, audit), at)
    before = _decision_before(session, audit)
    if audit.decision is not None and before not in (None, audit.decision):
        _changed(session, hooks, audit, before, at)


def note_verdict(session: Session, audit_id: str, before: str | None) -> None:
    """Tell that an audit was judged again, when that changed its decision."""
    audit = session.get_one(AuditRow, audit_id, populate_existing=True)
    if audit.decision != before:
        _changed(session, _hooks(session, audit.project), audit, before, db_now(session))


def post(session: Session, hook: WebhookRow, event: str, data: dict[str, Any]) -> DeliveryRow:
    """Write one message to one webhook."""
    at = db_now(session)
    row = _row(hook, event, _payload(event, data, at), f"msg_{new_id()}", at)
    session.add(row)
    session.flush()
    return row


def due(session: Session, limit: int) -> list[Due]:
    """The messages whose time has come, oldest first."""
    now = db_now(session)
    query = (
        select(DeliveryRow, WebhookRow)
        .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
        .where(DeliveryRow.state == "waiting", DeliveryRow.next_try_at <= now, WebhookRow.enabled)
        .order_by(DeliveryRow.next_try_at, DeliveryRow.id)
        .limit(limit)
    )
    return [
        Due(row.id, row.tries, hook.url, _secrets(hook, now), row.message_id, row.payload)
        for row, hook in session.execute(query)
    ]


def forget_old(session: Session) -> None:
    """Remove what was delivered or given up a month ago."""
    before = db_now(session) - timedelta(days=_KEPT_DAYS)
    old = (DeliveryRow.state.in_(("delivered", "given_up")), DeliveryRow.next_try_at < before)
    session.execute(delete(DeliveryRow).where(*old))


def take(session: Session, message: Due) -> bool:
    """Be the one who sends it; counts the try, so that one that kills its sender ends as well."""
    later = db_now(session) + timedelta(seconds=_IN_FLIGHT_S)
    mine = (
        DeliveryRow.id == message.id,
        DeliveryRow.state == "waiting",
        DeliveryRow.tries == message.tries,
    )
    taken = update(DeliveryRow).where(*mine).values(tries=message.tries + 1, next_try_at=later)
    result = session.execute(taken)
    return isinstance(result, CursorResult) and result.rowcount == 1


def keep_sent(session: Session, message: Due, status: int | None, error: str | None) -> str:
    """Write how a try went; returns the state: delivered, waiting or given_up."""
    now = db_now(session)
    values: dict[str, Any] = {"last_status": status, "last_error": error}
    if error is None:
        values |= {"state": "delivered", "delivered_at": now}
    elif message.tries < len(BACKOFF_S):
        pause = timedelta(seconds=BACKOFF_S[message.tries])
        values |= {"state": "waiting", "next_try_at": now + pause}
    else:
        values |= {"state": "given_up"}
    session.execute(update(DeliveryRow).where(DeliveryRow.id == message.id).values(values))
    return str(values["state"])


def _hooks(session: Session, project: str) -> Sequence[WebhookRow]:
    wanted = (WebhookRow.project == project, WebhookRow.enabled)
    return session.scalars(select(WebhookRow).where(*wanted).order_by(WebhookRow.id)).all()


def _changed(
    session: Session,
    hooks: Sequence[WebhookRow],
    audit: AuditRow,
    before: str | None,
    at: datetime,
) -> None:
    data = {**_about(session, audit), "previous_decision": before}
    _tell(session, hooks, "verdict.changed", data, at)


def _tell(
    session: Session,
    hooks: Sequence[WebhookRow],
    event: str,
    data: dict[str, Any],
    at: datetime,
) -> None:
    payload, message_id = _payload(event, data, at), f"msg_{new_id()}"
    wanted = [hook for hook in hooks if event in hook.events]
    session.add_all(_row(hook, event, payload, message_id, at) for hook in wanted)
    session.flush()


def _row(hook: WebhookRow, event: str, payload: str, message_id: str, at: datetime) -> DeliveryRow:
    return DeliveryRow(
        webhook_id=hook.id,
        message_id=message_id,
        event=event,
        payload=payload,
        next_try_at=at,
        created_at=at,
    )


def _payload(event: str, data: dict[str, Any], at: datetime) -> str:
    """The body as Standard Webhooks has it: type, timestamp, data."""
    return json.dumps({"type": event, "timestamp": at.isoformat(), "data": data})


def _about(session: Session, audit: AuditRow) -> dict[str, Any]:
    """An audit for a stranger: no numbers, only where to read them."""
    model = session.get_one(ModelRow, audit.model_id)
    finished_at = audit.finished_at
    return {
        "audit_id": audit.id,
        "project": audit.project,
        "branch": audit.branch,
        "commit": audit.commit,
        "model": model.name,
        "state": audit.state,
        "decision": audit.decision,
        "error_code": audit.error_code,
        "baseline_id": audit.baseline_id,
        "finished_at": None if finished_at is None else finished_at.isoformat(),
        "page": f"/audits/{audit.id}",
    }


def _decision_before(session: Session, audit: AuditRow) -> str | None:
    """What was decided last about a model of this name on the same branch."""
    if audit.branch is None:
        return None
    names = select(ModelRow.name).where(ModelRow.id == audit.model_id).scalar_subquery()
    earlier = (
        select(AuditRow.decision)
        .join(ModelRow, ModelRow.id == AuditRow.model_id)
        .where(
            AuditRow.project == audit.project,
            AuditRow.branch == audit.branch,
            AuditRow.decision.is_not(None),
            AuditRow.id != audit.id,
            AuditRow.state == "done",
            ModelRow.name == names,
        )
        .order_by(func.coalesce(AuditRow.finished_at, AuditRow.created_at).desc())
        .limit(1)
    )
    return session.execute(earlier).scalar_one_or_none()


def _secrets(hook: WebhookRow, now: datetime) -> tuple[str, ...]:
    if hook.old_secret and hook.old_secret_until and hook.old_secret_until > now:
        return (hook.secret, hook.old_secret)
    return (hook.secret,)
