"""One audit over several real workers: the same numbers, whoever does which part, and once."""

import contextlib
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import toy_probes
import toys
from auditing import LIMITS, plan_of, run
from holdfast.records.base import canonical_json
from holdfast.records.plan import AuditPlan
from holdfast.records.result import AuditResult
from holdfast_db import jobs
from holdfast_db.session import Database
from holdfast_db.store import FileStore
from programs import running
from workers import Files, Place, Worker, timeless, wait_for, working

_SIZE = 16
_POLICY = '{"assertions": [{"id": "circular.consistency", "level": "error", "min": 0.88}]}'
_HURRY = {
    "HOLDFAST_LEASE_S": "2",
    "HOLDFAST_RECONCILE_S": "0.5",
    "HOLDFAST_RING_STALE_S": "3",
    "HOLDFAST_CHILD_THREADS": "1",
}


@dataclass(frozen=True)
class Site:
    """A place with a scheduler, where workers may be started."""

    place: Place
    env: dict[str, str]
    open: contextlib.ExitStack

    def start(self, *names: str) -> list[Worker]:
        workers = [
            self.open.enter_context(working(self.place.data, name, self.env, ready=False))
            for name in names
        ]
        for name, worker in zip(names, workers, strict=True):
            wait_for(f"worker {name}", functools.partial(worker.says, f"{name}@test ready"))
            self.open.callback(worker.kill_group)  # an orderly end of each would take seconds
        return workers


@contextlib.contextmanager
def _site(data: Path, database_url: str, broker_url: str = "") -> Iterator[Site]:
    env = {**_HURRY, "HOLDFAST_DATABASE_URL": database_url, "HOLDFAST_BROKER_URL": broker_url}
    db = Database(database_url)
    db.migrate()
    place = Place(data, db, FileStore(data))
    settings = [f"{name}={value}" for name, value in {**env, "HOLDFAST_DATA": data}.items()]
    scheduler = ["env", *settings, sys.executable, "-m", "holdfast_worker.scheduler"]
    with running(scheduler, log=data / "scheduler.log"), contextlib.ExitStack() as opened:
        yield Site(place, env, opened)
    db.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Site]:
    """SQLite and the filesystem broker."""
    with _site(tmp_path / "data", f"sqlite:///{tmp_path}/data/holdfast.db") as site:
        yield site


@pytest.fixture(params=["embedded", "servers"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An empty service on each kind of database and broker."""
    if request.param == "embedded":
        yield request.getfixturevalue("embedded")
        return
    url: str = request.getfixturevalue("new_postgres_database")()
    redis_url: str = request.getfixturevalue("redis_url")
    with _site(tmp_path / "data", url, f"{redis_url.rpartition('/')[0]}/11") as site:
        yield site


def _rolled(folder: Path, n: int, *, full: bool) -> Files:
    """n images, every fifth of which changes its answer when it is rolled by one."""
    flips, steady = toy_probes.stripes(_SIZE), np.full((_SIZE, _SIZE), 255, np.uint8)
    images = [steady if place % 5 else flips for place in range(n)]
    path = toy_probes.flat(folder / "p.zip", images)
    plan = plan_of(families={"circular": {"shifts_px": [[1, 0], [3, 0]]}}, full=full)
    model = toys.subsample(2, size=_SIZE)
    return Files(model, path.read_bytes(), canonical_json(plan).decode(), _POLICY)


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Three parts of 64."""
    return _rolled(tmp_path_factory.mktemp("rolled"), 192, full=True)


@pytest.fixture(scope="module")
def alone(rolled: Files, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The result of the audit in one child."""
    probes = tmp_path_factory.mktemp("alone") / "p.zip"
    probes.write_bytes(rolled.probes)
    limits = LIMITS.model_copy(update={"threads": 1})
    plan = AuditPlan.model_validate_json(rolled.plan)
    return timeless(run(rolled.model, probes, plan, limits=limits).result_json)


def test_one_two_and_four_workers_give_the_numbers_of_one_child(
    site: Site, rolled: Files, alone: bytes
) -> None:
    workers = set()
    for names in (["one"], ["two"], ["three", "four"]):
        site.start(*names)
        audit_id = site.place.submit(rolled, 64)
        audit = site.place.wait(audit_id, "done", "failed")
        assert (audit.state, audit.finalized, audit.error_code) == ("done", 1, None)
        assert site.place.result(audit_id) == alone
        shards = site.place.shards(audit_id)
        assert [row.kind for row in shards] == ["part", "part", "part", "merge"]
        assert {row.state for row in shards} == {"done"}
        workers |= {row.worker for row in shards}
    assert len(workers) > 1, "they shared the work"


def test_a_killed_worker_in_the_middle_of_a_sharded_audit_loses_and_doubles_nothing(
    embedded: Site, rolled: Files, alone: bytes
) -> None:
    place = embedded.place
    (first,) = embedded.start("one")
    audit_id = place.submit(rolled, 64)
    wait_for("the first part", lambda: place.n_results() > 0)
    first.kill_group()
    embedded.start("two")
    audit = place.wait(audit_id, "done", "failed")
    assert (audit.state, audit.finalized, place.n_results()) == ("done", 1, 1)
    assert place.result(audit_id) == alone
    assert {row.worker for row in place.shards(audit_id)} == {"one@test", "two@test"}


def test_a_decided_audit_does_not_begin_the_parts_that_are_left(
    embedded: Site, tmp_path: Path
) -> None:
    embedded.start("one")
    audit_id = embedded.place.submit(_rolled(tmp_path, 320, full=False), 64)
    audit = embedded.place.wait(audit_id, "done", "failed")
    assert (audit.state, audit.decision, audit.finalized) == ("done", "failed", 1)
    assert audit.result_sha256 is not None
    stored = embedded.place.store.path(audit.result_sha256).read_bytes()
    evidence = AuditResult.model_validate_json(stored).sequential
    assert evidence is not None
    assert evidence.stopped
    needed = -(-evidence.n_images // 64)
    assert 1 < needed < 4
    rows = embedded.place.shards(audit_id)
    parts = [(row.state, row.error_code) for row in rows if row.kind == "part"]
    assert parts == [("done", None)] * needed + [("cancelled", "decided")] * (5 - needed)


def test_a_cancelled_sharded_audit_ends_within_two_seconds(
    embedded: Site, slow_files: Files
) -> None:
    embedded.start("one")
    audit_id = embedded.place.submit(slow_files, 64)
    assert len(embedded.place.shards(audit_id)) == 2
    embedded.place.wait_until_measuring(audit_id)
    with embedded.place.db.transaction() as session:
        assert jobs.request_cancel(session, audit_id)
    embedded.place.wait(audit_id, "cancelled", timeout_s=2)
    assert {row.state for row in embedded.place.shards(audit_id)} == {"cancelled"}
