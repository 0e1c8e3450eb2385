"""The reconciler's loop: whom it rings for, how often, and what it survives."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from kombu.exceptions import OperationalError

from holdfast_db import jobs
from holdfast_worker.scheduler import Scheduler
from holdfast_worker.settings import WorkerSettings
from workers import Files, Place, wait_for

_AT_ONCE_S = 0.001


def _scheduler(
    place: Place,
    ring: Callable[[str], object],
    waiting: Callable[[str], int] = lambda _: 0,
    **settings: float,
) -> Scheduler:
    known = WorkerSettings.model_validate({"data": place.data, **settings})
    return Scheduler(place.db, lambda queue: void(ring(queue)), waiting, known)


def void(_: object) -> None:
    """Drop an answer."""


def _rounds(*schedulers: Scheduler) -> list[int]:
    """One round of each, in this order, so far apart that the database's clock moves on."""
    rings = []
    for each in schedulers:
        time.sleep(10 * _AT_ONCE_S)
        rings.append(each.round())
    return rings


@contextlib.contextmanager
def _running(scheduler: Scheduler) -> Iterator[None]:
    stop = threading.Event()
    loop = threading.Thread(target=scheduler.run, args=(stop,))
    loop.start()
    try:
        yield
    finally:
        stop.set()
        loop.join()


def test_it_rings_once_for_each_shard_that_nobody_was_rung_for(place: Place, files: Files) -> None:
    for _ in range(3):
        place.submit(files)
    rings: list[str] = []
    scheduler = _scheduler(place, rings.append, lambda _: len(rings))
    assert _rounds(scheduler, scheduler) == [3, 0]
    assert rings == ["cpu"] * 3


def test_it_never_rings_more_often_than_shards_wait(place: Place, files: Files) -> None:
    for _ in range(3):
        place.submit(files)
    rings: list[str] = []
    scheduler = _scheduler(place, rings.append, lambda _: 2 + len(rings), ring_stale_s=_AT_ONCE_S)
    assert _rounds(*[scheduler] * 4) == [1, 0, 0, 0]


def test_a_ring_that_was_lost_is_repeated(place: Place, files: Files) -> None:
    place.submit(files)
    rings: list[str] = []
    scheduler = _scheduler(place, rings.append, ring_stale_s=_AT_ONCE_S)
    assert _rounds(scheduler, scheduler) == [1, 1]


def test_a_shard_without_a_worker_is_rung_for_again(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    with place.db.transaction() as session:
        jobs.mark_rung(session, [place.shard(audit_id).id])
        assert jobs.claim(session, queue="cpu", worker="dead", lease_s=-1) is not None
    rings: list[str] = []
    assert _scheduler(place, rings.append).round() == 1
    assert place.shard(audit_id).state == "queued"


def test_of_two_schedulers_one_works_until_it_leaves(place: Place, files: Files) -> None:
    place.submit(files)
    rings: list[str] = []
    first, second = (_scheduler(place, rings.append, ring_stale_s=_AT_ONCE_S) for _ in range(2))
    assert _rounds(first, second, first) == [1, 0, 1]
    stop = threading.Event()
    stop.set()
    first.run(stop)
    assert _rounds(second) == [1]


def test_a_broker_that_is_away_ends_the_round_not_the_loop(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    rings: list[str] = []

    def ring(queue: str) -> None:
        rings.append(queue)
        if len(rings) < 3:
            raise OperationalError("no broker")

    scheduler = _scheduler(place, ring, reconcile_s=0.01, ring_stale_s=1000)
    with _running(scheduler):
        wait_for("three rings", lambda: len(rings) == 3, 10)
        wait_for("the mark", lambda: place.shard(audit_id).enqueued_at is not None, 10)
    assert len(rings) == 3, "a ring that was heard is not repeated"
