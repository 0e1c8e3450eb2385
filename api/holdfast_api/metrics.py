"""`/metrics` for Prometheus.

Jobs and workers are counted in the database at each scrape, so that every API process tells the
same and no worker has to be scraped.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, final

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from holdfast_api.rendering import VERSION
from holdfast_db.blobs import BlobStore
from holdfast_db.counts import Counts, Ended, read_counts
from holdfast_db.session import Database

__all__ = ["ServiceCollector", "new_registry", "router"]

_STATES: Final = ("queued", "running", "done", "failed", "cancelled")
_ENDS: Final = ("done", "failed", "cancelled")
_QUEUES: Final = ("cpu", "gpu")
_QUANTILES: Final = (0.5, 0.9, 0.99)
_log = structlog.get_logger(__name__)
router = APIRouter(tags=["Service"])


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Everything that is measured, in the text format of Prometheus."""
    registry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@final
class ServiceCollector(Collector):
    """Asks database and disk whenever Prometheus asks."""

    def __init__(self, db: Database, store: BlobStore, fresh_s: float) -> None:
        """A worker that was silent for more than `fresh_s` seconds does not count as alive."""
        self._db = db
        self._store = store
        self._fresh_s = fresh_s

    def describe(self) -> Iterable[Metric]:
        """Nothing: else the registry would ask the database before there is one."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families. When the database is away the others still are there."""
        yield _gauge("build_info", "The release that runs.", ("version",), [((VERSION,), 1)])
        with suppress(OSError):
            about = "Room on the disk of the data folder."
            yield _number("disk_free_bytes", about, self._store.free_bytes())
        try:
            with self._db.reading() as session:
                counts = read_counts(session)
        except SQLAlchemyError:
            _log.warning("database_unreachable", exc_info=True)
            yield _number("database_up", "Whether the database answers.", 0)
            return
        yield _number("database_up", "Whether the database answers.", 1)
        yield from _jobs(counts)
        yield from _ended(counts)
        yield from _processes(counts, self._fresh_s)
        yield _number("blobs", "Files in the store.", counts.blobs)
        yield _number("blob_bytes", "Bytes in the store.", counts.blob_bytes)


def _jobs(counts: Counts) -> Iterator[Metric]:
    queues = {*_QUEUES, *(queue for _, queue in counts.shards)}
    shards = {
        (state, queue): counts.shards.get((state, queue), 0)
        for state in _STATES
        for queue in sorted(queues)
    }
    yield _gauge("shards", "Shards by state and queue.", ("state", "queue"), shards.items())
    audits = {(state,): counts.audits.get(state, 0) for state in _STATES}
    yield _gauge("audits", "Audits by state.", ("state",), audits.items())
    waiting = {(queue,): counts.oldest_queued_s.get(queue, 0.0) for queue in sorted(queues)}
    about = "How long the oldest waiting shard has been waiting; 0 when none waits."
    yield _gauge("oldest_queued_seconds", about, ("queue",), waiting.items())


def _ended(counts: Counts) -> Iterator[Metric]:
    number = {(state,): sum(each.state == state for each in counts.ended) for state in _ENDS}
    yield _gauge(
        "audits_ended_last_hour", "Audits that came to an end.", ("state",), number.items()
    )
    about = "Time from first claim to end of the audits done in the last hour."
    audits = [((q,), seconds) for (_, q), seconds in _quantiles(counts.ended, "")]
    yield _gauge("audit_seconds", about, ("quantile",), audits)
    about = "Time from claim to end of the shards done in the last hour."
    by_queue = [each for queue in _QUEUES for each in _quantiles(counts.ended_shards, queue)]
    yield _gauge("shard_seconds", about, ("queue", "quantile"), by_queue)


def _quantiles(ended: tuple[Ended, ...], queue: str) -> list[tuple[tuple[str, str], float]]:
    """Nearest ranks; nothing when nothing ended."""
    took = sorted(each.took_s for each in ended if (each.state, each.queue) == ("done", queue))
    ranks = {q: min(len(took) - 1, int(q * len(took))) for q in _QUANTILES if took}
    return [((queue, str(q)), took[rank]) for q, rank in ranks.items()]


def _processes(counts: Counts, fresh_s: float) -> Iterator[Metric]:
    silent = {(each.hostname, ",".join(each.queues)): each.silent_s for each in counts.workers}
    about = "How long ago a worker said that it lives."
    yield _gauge("worker_last_seen_seconds", about, ("worker", "queue"), silent.items())
    alive = {
        (queue,): sum(queue in each.queues and each.silent_s <= fresh_s for each in counts.workers)
        for queue in _QUEUES
    }
    yield _gauge("workers", "Workers that live.", ("queue",), alive.items())
    up = counts.scheduler_until_s is not None and counts.scheduler_until_s > 0
    yield _number("scheduler_up", "Whether a scheduler holds its lease.", int(up))


def _gauge(
    name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(f"holdfast_{name}", about, labels=labels)
    for given, value in values:
        family.add_metric(given, value)
    return family


def _number(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"holdfast_{name}", about, value=value)


def new_registry(collector: ServiceCollector) -> CollectorRegistry:
    """A registry of one application, with nothing of the process or of Python in it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry
