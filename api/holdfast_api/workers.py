"""The workers: who lives, which queues they serve, how locked their children are, what they do."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from holdfast_api.parts import PartsDep
from holdfast_db.clock import db_now
from holdfast_db.presence import running_shards
from holdfast_db.queries import list_workers

__all__ = ["router"]

router = APIRouter(prefix="/v1/workers", tags=["Service"])


class RunningView(BaseModel):
    """A shard that a worker holds."""

    shard_id: str
    audit_id: str
    kind: str
    attempt: int


class WorkerDetailView(BaseModel):
    """One worker. `fresh`: it was heard of a moment ago."""

    hostname: str
    queues: list[str]
    slots: int
    gpu: str | None
    sandbox: dict[str, Any]
    last_seen: datetime
    fresh: bool
    shards: list[RunningView]


class WorkerListView(BaseModel):
    """All workers that were ever heard of and not forgotten."""

    items: list[WorkerDetailView]


@router.get("")
def get_workers(parts: PartsDep) -> WorkerListView:
    """The workers and what each of them is working on."""
    with parts.db.reading() as session:
        oldest = db_now(session) - timedelta(seconds=parts.settings.worker_fresh_s)
        held = running_shards(session)
        items = [
            WorkerDetailView(
                hostname=row.hostname,
                queues=row.queues,
                slots=row.slots,
                gpu=row.gpu,
                sandbox=row.sandbox,
                last_seen=row.last_seen,
                fresh=row.last_seen >= oldest,
                shards=[
                    RunningView(
                        shard_id=shard.id,
                        audit_id=shard.audit_id,
                        kind=shard.kind,
                        attempt=shard.attempt,
                    )
                    for shard in held.get(row.hostname, [])
                ],
            )
            for row in list_workers(session)
        ]
    return WorkerListView(items=items)
