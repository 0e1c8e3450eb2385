"""Rings for the shards of an audit, after the commit that wrote them."""

import structlog

from holdfast_api.parts import Parts
from holdfast_db import jobs

__all__ = ["ring_for"]

_log = structlog.get_logger(__name__)


def ring_for(parts: Parts, audit_id: str) -> None:
    """Wake workers. The rows are the job: a lost ring is rung again by the reconciler."""
    try:
        with parts.db.reading() as session:
            shards = jobs.unrung(session, audit_id)
        for _, queue in shards:
            parts.ring(queue)
        with parts.db.transaction() as session:
            jobs.mark_rung(session, [shard_id for shard_id, _ in shards])
    except Exception:  # noqa: BLE001 - whatever the broker raises, the audit is written
        _log.warning("ring_failed", audit_id=audit_id, exc_info=True)
