"""Whether the process lives, whether it can serve, and what it is. Open to everybody."""

from datetime import timedelta

import structlog
from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from holdfast.errors import HoldfastError
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.rendering import VERSION
from holdfast_api.views import HealthView, ReadinessView, VersionView, WorkerView
from holdfast_db.clock import db_now
from holdfast_db.queries import list_workers

__all__ = ["router"]

router = APIRouter(tags=["Service"])
_log = structlog.get_logger(__name__)


@router.get("/v1/version")
def version() -> VersionView:
    """The version of the service and of its API."""
    return VersionView(version=VERSION)


@router.get("/healthz")
def healthz() -> HealthView:
    """The process answers; nothing else is looked at."""
    return HealthView()


@router.get("/readyz", responses={503: {"model": ReadinessView, "description": "Not ready."}})
def readyz(parts: PartsDep, response: Response) -> ReadinessView:
    """Database, migrations, storage and broker must work; without a live worker: degraded."""
    checks = {
        "database": _database_answers(parts),
        "migrations": _is_at_head(parts),
        "storage": _storage_takes_files(parts),
        "broker": parts.broker_answers(),
    }
    workers = _workers(parts) if all(checks.values()) else []
    if not all(checks.values()):
        response.status_code = 503
        return ReadinessView(status="unavailable", checks=checks, workers=[])
    alive = any(worker.fresh for worker in workers)
    status = "ready" if alive else "degraded"
    return ReadinessView(status=status, checks={**checks, "worker": alive}, workers=workers)


def _database_answers(parts: Parts) -> bool:
    try:
        return parts.db.ping()
    except SQLAlchemyError:
        _log.warning("database_unreachable", exc_info=True)
        return False


def _is_at_head(parts: Parts) -> bool:
    try:
        return parts.db.at_head()
    except SQLAlchemyError:
        return False


def _storage_takes_files(parts: Parts) -> bool:
    try:
        parts.store.check()
    except (OSError, HoldfastError):
        _log.warning("storage_not_writable", exc_info=True)
        return False
    return True


def _workers(parts: Parts) -> list[WorkerView]:
    with parts.db.reading() as session:
        oldest = db_now(session) - timedelta(seconds=parts.settings.worker_fresh_s)
        return [
            WorkerView(
                hostname=row.hostname,
                queues=row.queues,
                last_seen=row.last_seen,
                fresh=row.last_seen >= oldest,
                sandbox=row.sandbox,
            )
            for row in list_workers(session)
        ]
