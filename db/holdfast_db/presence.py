"""Signs of life of workers, and leases for what only one process may do at a time."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.jobs.steps import changed
from holdfast_db.tables import AuditRow, LeaseRow, ShardRow, WorkerRow

__all__ = [
    "SignOfLife",
    "has_live_worker",
    "hold_lease",
    "running_shards",
    "say_alive",
    "say_goodbye",
]

_FORGET_S = 7 * 24 * 3600


@dataclass(frozen=True)
class SignOfLife:
    """What a worker says of itself; see `WorkerRow`."""

    hostname: str
    boot_id: str
    queues: tuple[str, ...] = ("cpu",)
    sandbox: dict[str, Any] = field(default_factory=dict)
    slots: int = 1
    gpu: str | None = None


def say_alive(session: Session, sign: SignOfLife) -> None:
    """Note that a worker lives, and forget those that were silent for a week."""
    now = db_now(session)
    old = WorkerRow.last_seen < now - timedelta(seconds=_FORGET_S)
    changed(session, delete(WorkerRow).where(old))
    session.merge(WorkerRow(**{**vars(sign), "queues": list(sign.queues)}, last_seen=now))


def has_live_worker(session: Session, queue: str, fresh_s: float) -> bool:
    """Whether a worker of this queue was heard of within so many seconds."""
    fresh = WorkerRow.last_seen >= db_now(session) - timedelta(seconds=fresh_s)
    return any(queue in queues for queues in session.scalars(select(WorkerRow.queues).where(fresh)))


def say_goodbye(session: Session, hostname: str, boot_id: str) -> None:
    """Take a worker's row away when it stops, unless its successor has it."""
    mine = (WorkerRow.hostname == hostname, WorkerRow.boot_id == boot_id)
    changed(session, delete(WorkerRow).where(*mine))


def hold_lease(session: Session, name: str, holder: str, lease_s: float) -> bool:
    """Get or keep a lease; False while somebody else holds it."""
    now = db_now(session)
    until = now + timedelta(seconds=lease_s)
    mine_or_over = (LeaseRow.name == name, or_(LeaseRow.holder == holder, LeaseRow.until < now))
    taken = update(LeaseRow).where(*mine_or_over).values(holder=holder, until=until)
    if changed(session, taken):
        return True
    if session.get(LeaseRow, name) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(LeaseRow(name=name, holder=holder, until=until))
    except IntegrityError:  # somebody else was first
        return False
    return True


def running_shards(session: Session) -> dict[str, list[ShardRow]]:
    """The shards that are worked on, by the name of their worker."""
    held: dict[str, list[ShardRow]] = {}
    # Joined, so that a session that is bound to a project sees only that project's work.
    mine = select(ShardRow).join(AuditRow, AuditRow.id == ShardRow.audit_id)
    query = mine.where(ShardRow.state == "running").order_by(ShardRow.id)
    for shard in session.scalars(query):
        held.setdefault(shard.worker or "", []).append(shard)
    return held
