"""What the owner of an audit may do: submit, cancel, retry."""

import json
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.jobs.ends import settle_cancelled
from holdfast_db.jobs.parts import advance, cut
from holdfast_db.jobs.steps import (
    OWN_KINDS,
    changed,
    lock_shards,
    move_audit,
    tell,
    undecided,
)
from holdfast_db.tables import AuditRow, EventRow, ProbeSetRow, ResultRow, ShardRow

__all__ = ["SHARD_IMAGES", "NewAudit", "request_cancel", "retry", "submit", "write_audit"]

SHARD_IMAGES = 128
"""With the default lists one to ten minutes of work for nets of the size of MobileNet to ResNet-50
on one core, against a start of a second or two."""


@dataclass(frozen=True)
class NewAudit:
    """What is asked; `plan` and `policy` are JSON of `AuditPlan` and `GatePolicy`."""

    model_id: str
    probe_set_id: str
    plan: str
    policy: str | None = None
    plan_digest: str | None = None
    baseline_id: str | None = None
    project: str = "default"
    branch: str | None = None
    commit: str | None = None
    priority: int = 0
    queue: str = "cpu"


def submit(session: Session, new: NewAudit, *, shard_images: int = SHARD_IMAGES) -> str:
    """Write an audit and its shards; returns the audit's id. Ring after the commit.

    An audit of more than `shard_images` images is cut into parts, which several workers may do at
    a time. How many images there are is what the archive's directory says.
    """
    now, audit_id = db_now(session), write_audit(session, new)
    spans = cut(_images(session, new), shard_images)
    shards: list[dict[str, object]] = [
        {"kind": "part", "place": place, "start": start, "stop": stop}
        for place, (start, stop) in enumerate(spans)
    ]
    common = {"audit_id": audit_id, "queue": new.queue, "priority": new.priority, "created_at": now}
    for shard in shards or [{}]:
        session.add(ShardRow(**common, **shard))
    session.flush()
    return audit_id


def write_audit(session: Session, new: NewAudit) -> str:
    """Write the row of a queued audit that has no work yet, and tell its readers."""
    now, audit_id = db_now(session), new_id()
    session.add(
        AuditRow(
            id=audit_id,
            project=new.project,
            branch=new.branch,
            commit=new.commit,
            model_id=new.model_id,
            probe_set_id=new.probe_set_id,
            plan=new.plan,
            plan_digest=new.plan_digest,
            policy=new.policy,
            baseline_id=new.baseline_id,
            priority=new.priority,
            queue=new.queue,
            created_at=now,
        )
    )
    session.flush()
    tell(session, audit_id, "state", _QUEUED, now)
    return audit_id


def _images(session: Session, new: NewAudit) -> int | None:
    """How many images will be looked at, as far as anybody can tell without opening them."""
    images = session.scalar(select(ProbeSetRow.images).where(ProbeSetRow.id == new.probe_set_id))
    limit = json.loads(new.plan).get("limit")
    return images if images is None or limit is None else min(images, int(limit))


_QUEUED = {"state": "queued", "decision": None, "error_code": None, "cancel_reason": None}


def request_cancel(session: Session, audit_id: str, reason: str | None = None) -> bool:
    """Ask for the end of an audit; False when it is already over or there is none.

    Of several reasons the last one that was given stays.

    What is queued ends now; what runs ends when its worker sees the flag with the next heartbeat.
    """
    lock_shards(session, audit_id)
    is_own = (ShardRow.audit_id == audit_id, ShardRow.kind.in_(OWN_KINDS))
    ended = {"state": "cancelled", "finished_at": db_now(session)}
    changed(session, update(ShardRow).where(*is_own, ShardRow.state == "queued").values(ended))
    is_open = (AuditRow.id == audit_id, AuditRow.state.in_(("queued", "running")))
    asked: dict[str, object] = {"cancel_requested": True}
    if reason is not None:
        asked["cancel_reason"] = reason
    if not changed(session, update(AuditRow).where(*is_open).values(asked)):
        return False
    settle_cancelled(session, audit_id)
    return True


def retry(session: Session, audit_id: str) -> bool:
    """Queue a failed or cancelled audit again; False for any other. Ring after the commit."""
    blank = {
        "cancel_requested": False,
        "cancel_reason": None,
        "error_code": None,
        "error_fields": None,
        "stage": None,
        "progress_done": 0,
        "progress_total": 0,
        "started_at": None,
        "finished_at": None,
    }
    lock_shards(session, audit_id)
    error = session.scalar(select(AuditRow.error_code).where(AuditRow.id == audit_id))
    # A reader who comes now is told the new story only.
    is_over = (AuditRow.id == audit_id, AuditRow.state.in_(("failed", "cancelled")))
    if not changed(session, update(AuditRow).where(*is_over).values(blank)):
        return False
    changed(session, delete(EventRow).where(EventRow.audit_id == audit_id))
    _queue_again(session, audit_id, afresh=error == "parts_differ")
    moved = move_audit(session, audit_id, ("failed", "cancelled"), "queued")
    advance(session, audit_id)
    return moved


def _queue_again(session: Session, audit_id: str, *, afresh: bool) -> None:
    """Queue what was not done; with `afresh` everything, because the parts do not fit together."""
    is_own = (ShardRow.audit_id == audit_id) & ShardRow.kind.in_(OWN_KINDS)
    ended = is_own & ShardRow.state.in_(("failed", "cancelled")) & undecided()
    if afresh:
        ended = is_own
        shards = select(ShardRow.id).where(is_own)
        changed(session, delete(ResultRow).where(ResultRow.shard_id.in_(shards)))
        changed(session, delete(ShardRow).where(is_own, ShardRow.kind == "merge"))
    again = {
        "state": "queued",
        "attempt": 0,
        "enqueued_at": None,
        "error_code": None,
        "progress_done": 0,
        "progress_total": 0,
        "started_at": None,
        "finished_at": None,
    }
    changed(session, update(ShardRow).where(ended).values(again))
