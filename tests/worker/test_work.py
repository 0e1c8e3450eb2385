"""How each kind of shard is done. Children are functions here; everything else is real."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from holdfast.errors import HoldfastError
from holdfast.records.part import Prefix
from holdfast.sandbox.parent import AuditOutput
from holdfast.sandbox.shards import Asked, PartOutput
from holdfast_db import jobs
from holdfast_db.partials import Partials
from holdfast_db.retention import Cleaned, clean_up
from holdfast_db.tables import AuditRow, BlobRow, ResultRow, ShardRow
from holdfast_worker.parts import Parts
from holdfast_worker.settings import WorkerSettings
from holdfast_worker.supervisor import ring_for, work_once
from holdfast_worker.work import Tools
from workers import Files, Place


def _part(asked: Asked, span: tuple[int, int], **_: Any) -> PartOutput:
    return PartOutput(f"part {span} of {asked.plan.seed}".encode(), f"samples {span}".encode())


def _never(*_: Any, **__: Any) -> Prefix:
    return Prefix(decided=False, stop=0)


@pytest.fixture
def audit_id(place: Place, files: Files) -> str:
    """An audit of four parts, which its policy may stop."""
    audit_id = place.submit(files)
    with place.db.transaction() as session:
        (row,) = session.scalars(select(ShardRow).where(ShardRow.audit_id == audit_id))
        row.kind, row.start, row.stop = "part", 0, 64
        more = [
            ShardRow(audit_id=audit_id, kind="part", place=n, start=64 * n, stop=64 * n + 64)
            for n in (1, 2, 3)
        ]
        session.add_all(more)
    return audit_id


def _work(place: Place, **tools: Any) -> jobs.Claim | None:
    settings = WorkerSettings.model_validate({"data": place.data})
    given = {"part": _part, "follow": _never, **tools}
    return work_once(Parts(settings, place.db, place.store), "worker-1", Tools(**given))


def test_a_part_leaves_its_record_and_its_samples(place: Place, audit_id: str) -> None:
    claim = _work(place)
    assert claim is not None
    with place.db.reading() as session:
        row = session.get_one(ResultRow, claim.shard_id)
        known = set(session.scalars(select(BlobRow.sha256)))
    assert place.store.path(row.result_sha256).read_bytes() == b"part (0, 64) of 0"
    assert place.store.path(row.samples_sha256).read_bytes() == b"samples (0, 64)"
    assert {row.result_sha256, row.samples_sha256} <= known
    assert place.audit(audit_id).state == "running"


def test_the_merge_gets_the_parts_in_order_and_ends_the_audit(
    place: Place, audit_id: str, output: AuditOutput
) -> None:
    seen: list[list[bytes]] = []

    def merge(_asked: Asked, parts: list[Any], **_: Any) -> AuditOutput:
        seen.extend([path.read_bytes() for path in paths] for paths in parts)
        return output

    for _ in range(5):
        assert _work(place, merge=merge)
    assert _work(place) is None
    spans = [(64 * n, 64 * n + 64) for n in range(4)]
    assert seen == [[f"part {s} of 0".encode(), f"samples {s}".encode()] for s in spans]
    audit = place.audit(audit_id)
    assert (audit.state, audit.decision, audit.finalized) == ("done", "passed", 1)
    assert audit.progress_done == audit.progress_total


def test_a_decision_ends_the_parts_behind_it_and_the_merge_takes_the_first_ones(
    place: Place, audit_id: str, output: AuditOutput
) -> None:
    looked: list[int] = []
    merged: list[int] = []

    def follow(_plan: Any, _policy: Any, parts: list[Any], **_: Any) -> Prefix:
        looked.append(len(parts))
        return Prefix(decided=len(parts) == 2, stop=100)

    def merge(_asked: Asked, parts: list[Any], **_: Any) -> AuditOutput:
        merged.append(len(parts))
        return output

    for _ in range(3):
        assert _work(place, follow=follow, merge=merge)
    assert _work(place) is None
    assert (looked, merged) == ([1, 2], [2])
    states = [(row.state, row.error_code) for row in place.shards(audit_id)]
    assert states == [("done", None)] * 2 + [("cancelled", "decided")] * 2 + [("done", None)]
    assert place.audit(audit_id).state == "done"


def _breaks(*_: Any, **__: Any) -> Prefix:
    raise HoldfastError("memory_limit", limit=1, setting="x")


def test_a_look_that_fails_costs_nothing_but_more_work(place: Place, audit_id: str) -> None:
    assert _work(place, follow=_breaks)
    states = [row.state for row in place.shards(audit_id)]
    assert (states, place.audit(audit_id).state) == (["done"] + ["queued"] * 3, "running")


def test_nobody_looks_behind_a_gap_or_without_a_policy(place: Place, audit_id: str) -> None:
    with place.db.transaction() as session:
        (row,) = session.scalars(select(ShardRow).where(ShardRow.place == 0))
        row.state = "failed"
    assert _work(place, follow=_breaks)
    with place.db.transaction() as session:
        session.get_one(AuditRow, audit_id).policy = None
        (row,) = session.scalars(select(ShardRow).where(ShardRow.place == 0))
        row.state = "queued"
    looked: list[object] = []
    assert _work(place, follow=lambda *_, **__: looked.append(1))
    assert looked == []


def test_a_kind_that_nobody_does_is_a_fault_of_ours(place: Place, audit_id: str) -> None:
    with place.db.transaction() as session:
        session.add(ShardRow(audit_id=audit_id, kind="compare", priority=9))
    claim = _work(place)
    assert claim is not None
    with place.db.reading() as session:
        assert session.get_one(ShardRow, claim.shard_id).error_code == "internal"
    assert place.audit(audit_id).error_code is None, "the audit has nothing to do with it"


def test_whoever_ends_a_shard_rings_for_the_next(place: Place, audit_id: str) -> None:
    settings = WorkerSettings.model_validate({"data": place.data})
    parts = Parts(settings, place.db, place.store)
    rings: list[str] = []
    ring_for(parts, audit_id, rings.append)
    ring_for(parts, audit_id, rings.append)
    assert rings == ["cpu"] * 4, "each shard is rung for once"


def test_a_broken_bell_breaks_nothing(place: Place, audit_id: str) -> None:
    def broken(_queue: str) -> None:
        raise ConnectionError

    settings = WorkerSettings.model_validate({"data": place.data})
    ring_for(Parts(settings, place.db, place.store), audit_id, broken)
    with place.db.reading() as session:
        assert len(jobs.unrung(session, audit_id)) == 4


def test_what_the_clean_up_takes_before_the_commit_is_written_again(place: Place) -> None:
    parts = Parts(WorkerSettings.model_validate({"data": place.data}), place.db, place.store)
    first = parts.put(b"the same bytes")
    with place.db.transaction() as session:
        first.note(session)
        session.get_one(BlobRow, first.sha256).created_at -= timedelta(days=2)
    again = parts.put(b"the same bytes")
    partials = Partials(place.data / "uploads")
    assert clean_up(place.db, place.store, partials) == Cleaned(blobs=1)
    with place.db.transaction() as session:
        again.note(session)
    assert clean_up(place.db, place.store, partials) == Cleaned()
    assert place.store.path(again.sha256).read_bytes() == b"the same bytes"


@pytest.mark.parametrize("queue", ["cpu", "gpu"])
def test_the_queue_of_a_worker_is_where_its_children_compute(
    place: Place, files: Files, output: AuditOutput, queue: str
) -> None:
    audit_id = place.submit(files)
    with place.db.transaction() as session:
        session.execute(update(ShardRow).values(queue=queue))
    asked: list[Any] = []

    def audit(*_: Any, **given: Any) -> AuditOutput:
        asked.append((given["device"], given["limits"].gpu_memory_bytes))
        return output

    words = {"data": place.data, "queue": queue, "child_gpu_memory_bytes": 3 << 30}
    settings = WorkerSettings.model_validate(words)
    assert work_once(Parts(settings, place.db, place.store), "worker-1", Tools(audit=audit))
    assert asked == [(queue, 3 << 30)]
    assert place.audit(audit_id).state == "done"


def test_a_worker_without_a_gpu_fails_the_audit_and_says_why(
    place: Place, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real child: it is asked for a GPU that is not here."""
    settings = WorkerSettings.model_validate({"data": place.data, "queue": "gpu"})
    for value, code in (("", "gpu_not_enabled"), ("experimental", "gpu_not_available")):
        monkeypatch.setenv("HOLDFAST_SANDBOX_GPU", value)
        audit_id = place.submit(files)
        with place.db.transaction() as session:
            session.execute(update(ShardRow).values(queue="gpu"))
        assert work_once(Parts(settings, place.db, place.store), "worker-1", Tools())
        assert (place.audit(audit_id).state, place.audit(audit_id).error_code) == ("failed", code)
