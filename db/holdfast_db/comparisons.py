"""Comparisons of two audits: asked for once, computed by a shard of the newer audit."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.inserting import insert_if_new
from holdfast_db.tables import AuditRow, ComparisonRow, ShardRow

__all__ = [
    "MARGIN",
    "Options",
    "ask",
    "end_comparison",
    "find_comparison",
    "forget",
    "queue_comparison",
]

MARGIN: Final = 0.01
"""How much of a score may be lost when nobody says otherwise."""
_URGENT: Final = 1000
"""Above every priority that can be asked for: somebody waits, and it takes seconds."""


@dataclass(frozen=True)
class Options:
    """How to compare; `margin` is how much of a score may be lost, in [0, 1)."""

    margin: float = MARGIN

    def as_json(self) -> dict[str, Any]:
        """For the row."""
        return {"margin": self.margin}

    @property
    def digest(self) -> str:
        """The same for the same options."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()


DEFAULT: Final = Options()


def find_comparison(
    session: Session, baseline_id: str, audit_id: str, options: Options = DEFAULT
) -> ComparisonRow | None:
    """The comparison of these two, if it was ever asked for."""
    wanted = (
        ComparisonRow.baseline_id == baseline_id,
        ComparisonRow.audit_id == audit_id,
        ComparisonRow.options_digest == options.digest,
    )
    return session.scalars(select(ComparisonRow).where(*wanted)).first()


def ask(
    session: Session, baseline_id: str, audit_id: str, options: Options = DEFAULT
) -> ComparisonRow:
    """The comparison of two finished audits, queued when it is new. Ring after the commit."""
    queue_comparison(session, baseline_id, audit_id, options)
    row = find_comparison(session, baseline_id, audit_id, options)
    if row is None:
        raise AssertionError("a comparison of two audits that are there was just queued")
    return row


def queue_comparison(
    session: Session, baseline_id: str, audit_id: str, options: Options = DEFAULT
) -> bool:
    """Ask for a comparison once; False when the baseline has no result any more."""
    found = select(AuditRow.state).where(AuditRow.id == baseline_id)
    if session.execute(found).scalar_one_or_none() != "done":
        return False
    now, comparison_id = db_now(session), new_id()
    row = {
        "id": comparison_id,
        "baseline_id": baseline_id,
        "audit_id": audit_id,
        "options": options.as_json(),
        "options_digest": options.digest,
        "state": "queued",
        "created_at": now,
    }
    if insert_if_new(session, ComparisonRow, row):
        session.add(_shard(session, audit_id, comparison_id))
        session.flush()
    return True


def forget(session: Session, row: ComparisonRow) -> None:
    """Remove a comparison that broke, so that whoever asks next gets another try."""
    session.delete(row)
    session.flush()


def end_comparison(
    session: Session,
    comparison_id: str,
    *,
    sha256: str | None = None,
    code: str | None = None,
    fields: Mapping[str, Any] | None = None,
) -> None:
    """Write what came out: a file of the store, or an error."""
    values = {
        "state": "done" if sha256 else "failed",
        "sha256": sha256,
        "error_code": code,
        "error_fields": dict(fields) if fields else None,
    }
    session.execute(update(ComparisonRow).where(ComparisonRow.id == comparison_id).values(values))


def _shard(session: Session, audit_id: str, comparison_id: str) -> ShardRow:
    """A shard in the audit's own queue, ahead of every audit."""
    known = select(ShardRow.queue).where(ShardRow.audit_id == audit_id).limit(1)
    audit = session.get_one(AuditRow, audit_id)
    return ShardRow(
        audit_id=audit_id,
        kind="compare" if audit.state == "done" else "judge",
        comparison_id=comparison_id,
        queue=session.execute(known).scalar_one_or_none() or "cpu",
        priority=audit.priority + _URGENT,
        created_at=db_now(session),
    )
