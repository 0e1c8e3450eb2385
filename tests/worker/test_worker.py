"""A real worker process, a real broker, a real child: jobs are done once, whatever is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.records.result import AuditResult
from holdfast_db import jobs
from holdfast_db.queries import list_workers
from workers import Files, Place, Worker, children_of, is_alive, wait_for, working

_SCHEDULER = [sys.executable, "-m", "holdfast_worker.scheduler"]


@pytest.fixture(params=["filesystem", "redis"])
def env(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of a worker on each broker, in a hurry to notice losses."""
    hurry = {"HOLDFAST_LEASE_S": "2", "HOLDFAST_RECONCILE_S": "0.5", "HOLDFAST_RING_STALE_S": "3"}
    if request.param == "filesystem":
        return hurry
    url: str = request.getfixturevalue("redis_url")
    return {**hurry, "HOLDFAST_BROKER_URL": f"{url.rpartition('/')[0]}/12"}


@pytest.fixture(autouse=True)
def scheduler(place: Place, env: dict[str, str]) -> Iterator[None]:
    """The reconciler in a process of its own."""
    around = {**os.environ, **env, "HOLDFAST_DATA": str(place.data)}
    with (place.data / "scheduler.log").open("wb") as log:
        process = subprocess.Popen(_SCHEDULER, env=around, stdout=log, stderr=log)
    yield
    process.terminate()
    assert process.wait(20) == 0


def _said(worker: Worker, event: str) -> list[dict[str, str]]:
    lines = worker.log.read_text(errors="replace").splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    return [each for each in logged if each["event"] == event]


def test_a_worker_does_the_audits_and_says_that_it_lives(
    place: Place, files: Files, env: dict[str, str]
) -> None:
    ids = [place.submit(files) for _ in range(2)]
    with working(place.data, "one", env) as worker:
        for audit_id in ids:
            audit = place.wait(audit_id, "done", "failed")
            assert (audit.state, audit.decision, audit.finalized) == ("done", "passed", 1)
            assert audit.result_sha256 is not None
            stored = place.store.path(audit.result_sha256).read_bytes()
            assert AuditResult.model_validate_json(stored).provenance.sandbox.in_force
        with place.db.reading() as session:
            (row,) = list_workers(session)
        assert (row.hostname, row.queues) == ("one@test", ["cpu"])
        assert (row.slots, row.gpu) == (1, None)
        assert (row.sandbox["mode"], row.sandbox["ok"]) == ("required", True)
        assert {each["audit_id"] for each in _said(worker, "audit done")} == set(ids)
        worker.process.terminate()
        assert worker.process.wait(20) == 0
    with place.db.reading() as session:
        assert list_workers(session) == []


def test_a_killed_worker_loses_no_audit_and_doubles_none(
    place: Place, slow_files: Files, env: dict[str, str]
) -> None:
    audit_id = place.submit(slow_files)
    with working(place.data, "one", env) as first:
        place.wait_until_measuring(audit_id)
        below = children_of(first.process.pid)
        first.kill_group()
        wait_for("the end of its child", lambda: not any(map(is_alive, below)), 5)
        with working(place.data, "two", env):
            audit = place.wait(audit_id, "done", "failed")
    assert (audit.state, audit.finalized, place.n_results()) == ("done", 1, 1)
    shard = place.shard(audit_id)
    assert (shard.attempt, shard.worker) == (2, "two@test")


def test_a_killed_child_fails_the_audit_and_the_worker_goes_on(
    place: Place, files: Files, slow_files: Files, env: dict[str, str]
) -> None:
    audit_id = place.submit(slow_files)
    with working(place.data, "one", env) as worker:
        place.wait_until_measuring(audit_id)
        os.kill(_sandbox_below(worker.process.pid), signal.SIGKILL)
        audit = place.wait(audit_id, "done", "failed")
        assert (audit.state, audit.error_code) == ("failed", "memory_limit")
        assert place.shard(audit_id).attempt == 1
        assert place.wait(place.submit(files), "done", "failed").state == "done"


def _sandbox_below(pid: int) -> int:
    """The locked child: the only process below the worker that runs our child module."""
    (found,) = [
        child
        for child in children_of(pid)
        if b"holdfast.sandbox.child" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found


def test_a_stopped_worker_hands_its_audit_on_without_a_lost_attempt(
    place: Place, slow_files: Files, env: dict[str, str]
) -> None:
    audit_id = place.submit(slow_files)
    with working(place.data, "one", env) as first:
        place.wait_until_measuring(audit_id)
        below = children_of(first.process.pid)
        first.process.terminate()
        first.process.wait(20)
        wait_for("the end of all processes", lambda: not any(map(is_alive, below)))
        shard = place.shard(audit_id)
        assert (shard.state, shard.attempt) == ("queued", 0)
    with working(place.data, "two", env):
        assert place.wait(audit_id, "done", "failed").state == "done"
    assert (place.shard(audit_id).attempt, place.n_results()) == (1, 1)


def test_a_cancelled_audit_ends_within_two_seconds_and_its_child_with_it(
    place: Place, slow_files: Files, env: dict[str, str]
) -> None:
    audit_id = place.submit(slow_files)
    with working(place.data, "one", env) as worker:
        place.wait_until_measuring(audit_id)
        child = _sandbox_below(worker.process.pid)
        with place.db.transaction() as session:
            assert jobs.request_cancel(session, audit_id)
        place.wait(audit_id, "cancelled", timeout_s=2)
        assert not is_alive(child)
        assert place.n_results() == 0


def test_a_killed_main_process_leaves_nobody_behind(
    place: Place, slow_files: Files, env: dict[str, str]
) -> None:
    audit_id = place.submit(slow_files)
    with working(place.data, "one", env) as worker:
        place.wait_until_measuring(audit_id)
        below = children_of(worker.process.pid)
        assert len(below) >= 2
        worker.process.kill()
        wait_for("the end of all", lambda: not any(map(is_alive, below)), 10)
