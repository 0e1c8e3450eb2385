"""An audit in parts: what is done, what is decided, and the merge once no part is open."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.jobs.ends import keep, settle_cancelled
from holdfast_db.jobs.steps import (
    DECIDED,
    Claim,
    changed,
    lock_shards,
    take_away,
    tell,
    undecided,
)
from holdfast_db.tables import AuditRow, ResultRow, ShardRow

__all__ = [
    "DonePart",
    "advance",
    "are_open",
    "cut",
    "decide",
    "done_parts",
    "finish_part",
    "prefix",
]

BLOCK = 64
"""Parts end at multiples of the measuring loop's largest block: their blocks are the whole's."""
MAX_PARTS = 200
"""A merge opens two files for each part."""


@dataclass(frozen=True)
class DonePart:
    """A part that is done: its place among the parts, and what it left in the store."""

    place: int
    part_sha256: str
    samples_sha256: str


def cut(images: int | None, shard_images: int) -> list[tuple[int, int]]:
    """Where to cut an audit of so many images; empty when one shard does all of it."""
    if images is None or images <= shard_images:
        return []
    size = max(shard_images, -(-images // MAX_PARTS))
    size = -(-size // BLOCK) * BLOCK
    spans = [(start, min(start + size, images)) for start in range(0, images, size)]
    return spans if len(spans) > 1 else []


def finish_part(session: Session, claim: Claim, part_sha256: str, samples_sha256: str) -> bool:
    """Keep what a part left; False when the shard is no longer ours."""
    lock_shards(session, claim.audit_id)
    if not keep(session, claim, part_sha256, samples_sha256):
        return False
    settle_cancelled(session, claim.audit_id)
    _merge_if_ready(session, claim.audit_id)
    return True


def decide(session: Session, audit_id: str, stop: int) -> int:
    """End the parts that a sequential audit does not need, from image `stop` on; how many.

    Those that run are taken from their workers. It is no cancellation of the audit.
    """
    lock_shards(session, audit_id)
    unneeded = (
        (ShardRow.audit_id == audit_id) & (ShardRow.kind == "part") & (ShardRow.start >= stop)
    )
    taken = take_away(session, unneeded, DECIDED)
    if taken:
        # An UPDATE first, as before every event: ids grow in the order in which they are seen.
        here = update(AuditRow).where(AuditRow.id == audit_id)
        changed(session, here.values(cancel_requested=AuditRow.cancel_requested))
        tell(session, audit_id, "decided", {"images": stop}, db_now(session))
    _merge_if_ready(session, audit_id)
    return taken


def advance(session: Session, audit_id: str) -> bool:
    """Queue the merge of an audit whose parts are over. Of many callers one gets True."""
    lock_shards(session, audit_id)
    return _merge_if_ready(session, audit_id)


def done_parts(session: Session, audit_id: str) -> list[DonePart]:
    """The parts that are done, in order."""
    query = (
        select(ShardRow.place, ResultRow.result_sha256, ResultRow.samples_sha256)
        .join(ResultRow, ResultRow.shard_id == ShardRow.id)
        .where(ShardRow.audit_id == audit_id, ShardRow.kind == "part", ShardRow.state == "done")
        .order_by(ShardRow.place)
    )
    return [DonePart(*row) for row in session.execute(query)]


def are_open(session: Session, audit_id: str) -> bool:
    """Whether some part waits or runs."""
    states = ShardRow.state.in_(("queued", "running"))
    here = (ShardRow.audit_id == audit_id, ShardRow.kind == "part", states)
    return session.execute(select(ShardRow.id).where(*here).limit(1)).first() is not None


def prefix(session: Session, audit_id: str) -> list[DonePart]:
    """The parts that are done from the first image on, without a gap."""
    return list(_gapless(done_parts(session, audit_id)))


def _gapless(parts: list[DonePart]) -> Iterator[DonePart]:
    for place, part in enumerate(parts):
        if part.place != place:
            return
        yield part


def _merge_if_ready(session: Session, audit_id: str) -> bool:
    """Insert the one merge. It has the audit's id: a second one cannot be."""
    audit = session.execute(
        select(AuditRow.created_at, AuditRow.priority, AuditRow.state)
        .where(AuditRow.id == audit_id, ~AuditRow.cancel_requested)
        .where(AuditRow.state.in_(("queued", "running")))
    ).first()
    counts = (
        select(ShardRow.kind, ShardRow.state, func.max(ShardRow.queue).label("queue"))
        .where(ShardRow.audit_id == audit_id, ShardRow.kind.in_(("part", "merge")), undecided())
        .group_by(ShardRow.kind, ShardRow.state)
    )
    seen = {(row.kind, row.state): row.queue for row in session.execute(counts)}
    if audit is None or set(seen) != {("part", "done")}:
        return False
    row = {"id": audit_id, "audit_id": audit_id, "kind": "merge", "place": 0}
    asked = {"priority": audit.priority, "created_at": audit.created_at}
    session.execute(insert(ShardRow).values(**row, **asked, queue=seen["part", "done"]))
    return True
