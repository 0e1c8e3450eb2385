"""One audit in several shards: cut, claimed in order, decided, merged once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.records.job import Progress
from holdfast_db import jobs
from holdfast_db.assets import NewModel, NewProbeSet, add_model, add_probe_set
from holdfast_db.jobs.parts import cut
from holdfast_db.queries import events_after, get_shards
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, ProjectRow, ResultRow, ShardRow
from rows import BLOB, Look, Take

DONE = jobs.Finished(BLOB.sha256, "cd" * 32)
Ask = Callable[..., str]


@pytest.fixture
def ask(db: Database) -> Ask:
    """Put an audit of so many images into the database, in parts of 64."""

    def asked(images: int | None, plan: str = "{}", project: str = "default") -> str:
        with db.transaction() as session:
            model, _ = add_model(session, NewModel("a model", "onnx", BLOB))
            new_probes = NewProbeSet(f"{images} probes", "zip", BLOB, images=images)
            probes, _ = add_probe_set(session, new_probes)
            new = jobs.NewAudit(model.id, probes.id, plan, project=project)
            return jobs.submit(session, new, shard_images=64)

    return asked


def _shards(db: Database, audit_id: str) -> list[ShardRow]:
    with db.reading() as session:
        return sorted(get_shards(session, audit_id), key=lambda row: (row.kind, row.place))


def _states(db: Database, audit_id: str) -> list[str]:
    return [row.state for row in _shards(db, audit_id)]


def _taken(take: Take) -> jobs.Claim:
    claim = take()
    assert claim is not None
    return claim


def _finish_part(db: Database, claim: jobs.Claim) -> bool:
    with db.transaction() as session:
        return jobs.finish_part(session, claim, f"{claim.place:064}", "ef" * 32)


@pytest.mark.parametrize(
    ("images", "shard_images", "spans"),
    [
        (None, 64, []),
        (64, 64, []),
        (65, 64, [(0, 64), (64, 65)]),
        (200, 100, [(0, 128), (128, 200)]),
        (120, 100, []),
    ],
)
def test_an_audit_is_cut_where_blocks_end(
    images: int | None, shard_images: int, spans: list[tuple[int, int]]
) -> None:
    assert cut(images, shard_images) == spans


def test_a_huge_audit_has_larger_parts_not_more_than_a_merge_can_open() -> None:
    spans = cut(1_000_000, 64)
    assert len(spans) <= 200
    assert spans[-1][1] == 1_000_000
    assert all(start % 64 == 0 for start, _ in spans)


@pytest.mark.parametrize(
    ("images", "plan", "expected"),
    [
        (64, "{}", [("whole", None, None)]),
        (None, "{}", [("whole", None, None)]),
        (500, '{"limit": 60}', [("whole", None, None)]),
        (500, '{"limit": 100}', [("part", 0, 64), ("part", 64, 100)]),
        (130, '{"limit": null}', [("part", 0, 64), ("part", 64, 128), ("part", 128, 130)]),
    ],
)
def test_submitting_cuts_what_will_be_looked_at(
    db: Database, ask: Ask, images: int | None, plan: str, expected: list[object]
) -> None:
    rows = _shards(db, ask(images, plan))
    assert [(row.kind, row.start, row.stop) for row in rows] == expected
    assert [row.place for row in rows] == list(range(len(rows)))


def test_parts_are_taken_in_their_order_and_older_audits_first(ask: Ask, take: Take) -> None:
    first, second = ask(192), ask(128)
    claims = [_taken(take) for _ in range(5)]
    assert [(claim.audit_id, claim.place) for claim in claims] == [
        *((first, place) for place in range(3)),
        *((second, place) for place in range(2)),
    ]
    assert (claims[1].kind, claims[1].start, claims[1].stop) == ("part", 64, 128)


def test_projects_take_turns_when_they_are_equally_urgent(ask: Ask, take: Take) -> None:
    many, few = ask(256, project="a"), ask(128, project="b")
    assert [_taken(take).audit_id for _ in range(4)] == [many, few, many, few]


def test_the_merge_comes_when_no_part_is_open_and_ends_the_audit(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(128)
    first, second = _taken(take), _taken(take)
    assert _finish_part(db, second)
    assert take() is None
    assert _finish_part(db, first)
    with db.reading() as session:
        assert [part.place for part in jobs.done_parts(session, audit_id)] == [0, 1]
        assert jobs.unrung(session, audit_id)
    merge = _taken(take)
    assert (merge.kind, merge.audit_id) == ("merge", audit_id)
    assert look(audit_id).state == "running"
    with db.transaction() as session:
        assert jobs.finish(session, merge, DONE)
    assert (look(audit_id).state, look(audit_id).finalized) == ("done", 1)
    with db.reading() as session:
        assert session.query(ResultRow).count() == 1, "what the parts left is not needed any more"


def test_two_last_parts_at_once_give_one_merge(db: Database, ask: Ask, take: Take) -> None:
    audits = [ask(128) for _ in range(6)]
    pairs = [(_taken(take), _taken(take)) for _ in audits]
    for pair in pairs:
        start = threading.Barrier(3)

        def finish(claim: jobs.Claim, start: threading.Barrier = start) -> None:
            start.wait()
            assert _finish_part(db, claim)

        def reconcile(start: threading.Barrier = start) -> None:
            start.wait()
            with db.transaction() as session:
                jobs.reconcile(session, max_attempts=3, stale_s=60)

        with ThreadPoolExecutor(3) as pool:
            done = [pool.submit(finish, claim) for claim in pair] + [pool.submit(reconcile)]
            for each in done:
                each.result()
    for audit_id in audits:
        kinds = [row.kind for row in _shards(db, audit_id)]
        assert kinds == ["merge", "part", "part"]


def test_a_lost_merge_is_inserted_by_the_reconciler(db: Database, ask: Ask, take: Take) -> None:
    audit_id = ask(128)
    for _ in range(2):
        assert _finish_part(db, _taken(take))
    with db.transaction() as session:
        session.delete(session.get_one(ShardRow, audit_id))
    with db.transaction() as session:
        assert jobs.reconcile(session, max_attempts=3, stale_s=60) == [audit_id]
    assert _taken(take).kind == "merge"


def test_the_prefix_has_no_gap(db: Database, ask: Ask, take: Take) -> None:
    audit_id = ask(256)
    claims = [_taken(take) for _ in range(4)]
    seen = []
    for place in (1, 3, 0, 2):
        assert _finish_part(db, claims[place])
        with db.reading() as session:
            seen.append([part.part_sha256 for part in jobs.prefix(session, audit_id)])
    assert [len(parts) for parts in seen] == [0, 0, 2, 4]
    assert seen[2] == [f"{place:064}" for place in (0, 1)]


def test_what_is_decided_needs_no_more_parts(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(320)
    first, second, third = (_taken(take) for _ in range(3))
    assert _finish_part(db, first)
    with db.transaction() as session:
        assert jobs.decide(session, audit_id, 96) == 3
    assert _states(db, audit_id) == ["done", "running", "cancelled", "cancelled", "cancelled"]
    assert look(audit_id).state == "running", "it is no cancellation"
    with db.reading() as session:
        told = [(event.kind, event.data) for event in events_after(session, audit_id)]
    assert told[-1] == ("decided", {"images": 96})
    with db.transaction() as session:
        assert not jobs.heartbeat(session, third, 60, None).kept
        assert jobs.heartbeat(session, second, 60, None) == jobs.Beat(kept=True, cancel=False)
    assert not _finish_part(db, third)
    assert _finish_part(db, second)
    merge = _taken(take)
    with db.transaction() as session:
        assert jobs.finish(session, merge, DONE)
    assert (look(audit_id).state, look(audit_id).finalized) == ("done", 1)


def test_a_decision_without_open_parts_queues_the_merge_at_once(
    db: Database, ask: Ask, take: Take
) -> None:
    audit_id = ask(128)
    assert _finish_part(db, _taken(take))
    with db.transaction() as session:
        assert jobs.decide(session, audit_id, 32) == 1
    assert _taken(take).kind == "merge"


def test_a_failed_part_ends_all_and_a_retry_keeps_what_was_done(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(256)
    done, failing, running = (_taken(take) for _ in range(3))
    assert _finish_part(db, done)
    with db.transaction() as session:
        assert jobs.fail(session, failing, "labels_mismatch", {"label": "9"})
    assert _states(db, audit_id) == ["done", "failed", "cancelled", "cancelled"]
    assert look(audit_id).state == "failed"
    assert not _finish_part(db, running)
    assert take() is None
    with db.transaction() as session:
        assert jobs.retry(session, audit_id)
    assert _states(db, audit_id) == ["done", "queued", "queued", "queued"]
    for _ in range(3):
        assert _finish_part(db, _taken(take))
    assert _taken(take).kind == "merge"


def test_parts_that_do_not_fit_are_all_done_again(db: Database, ask: Ask, take: Take) -> None:
    audit_id = ask(128)
    for _ in range(2):
        assert _finish_part(db, _taken(take))
    with db.transaction() as session:
        assert jobs.fail(session, _taken(take), "parts_differ", {"what": "versions"})
    with db.transaction() as session:
        assert jobs.retry(session, audit_id)
    assert _states(db, audit_id) == ["queued", "queued"]
    for _ in range(2):
        assert _finish_part(db, _taken(take))
    assert _taken(take).kind == "merge"


def test_a_merge_that_failed_is_tried_again_alone(db: Database, ask: Ask, take: Take) -> None:
    audit_id = ask(192)
    assert _finish_part(db, _taken(take))
    with db.transaction() as session:
        assert jobs.decide(session, audit_id, 64) == 2
    with db.transaction() as session:
        assert jobs.fail(session, _taken(take), "memory_limit", {})
    with db.transaction() as session:
        assert jobs.retry(session, audit_id)
    assert _states(db, audit_id) == ["queued", "done", "cancelled", "cancelled"]
    assert _taken(take).kind == "merge"


def test_cancelling_ends_waiting_parts_now_and_running_ones_with_their_workers(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(192)
    first, second = _taken(take), _taken(take)
    with db.transaction() as session:
        assert jobs.request_cancel(session, audit_id)
    assert _states(db, audit_id) == ["running", "running", "cancelled"]
    assert _finish_part(db, first), "what is done in the same moment is kept"
    with db.transaction() as session:
        assert jobs.heartbeat(session, second, 60, None).cancel
        assert jobs.cancelled(session, second)
    assert look(audit_id).state == "cancelled"
    with db.transaction() as session:
        assert jobs.retry(session, audit_id)
    assert _states(db, audit_id) == ["done", "queued", "queued"]


def test_the_last_part_of_an_audit_that_should_end_ends_it(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(128)
    first, second = _taken(take), _taken(take)
    assert _finish_part(db, first)
    with db.transaction() as session:
        assert jobs.request_cancel(session, audit_id)
    assert _finish_part(db, second)
    assert look(audit_id).state == "cancelled"
    with db.transaction() as session:
        assert jobs.retry(session, audit_id)
    assert _taken(take).kind == "merge"


def test_a_lost_part_is_done_again_and_the_others_are_left_alone(
    db: Database, ask: Ask, take: Take
) -> None:
    audit_id = ask(128)
    lost, kept = _taken(take), _taken(take)
    with db.transaction() as session:
        jobs.expire_leases(session)
        assert jobs.heartbeat(session, kept, 60, None).kept
    with db.transaction() as session:
        assert jobs.reconcile(session, max_attempts=3, stale_s=60) == [lost.shard_id]
    assert _states(db, audit_id) == ["queued", "running"]
    assert _taken(take).attempt == 2
    assert _finish_part(db, kept)


def test_progress_is_the_sum_of_the_parts_and_never_goes_back(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(160)
    first, second = _taken(take), _taken(take)

    def beat(claim: jobs.Claim, done: int, total: int) -> tuple[int, int]:
        with db.transaction() as session:
            told = Progress(stage="measuring", done=done, total=total)
            assert jobs.heartbeat(session, claim, 60, told).kept
        audit = look(audit_id)
        return audit.progress_done, audit.progress_total

    assert beat(first, 10, 640) == (10, 1600), "160 images like the 64 of the first part"
    assert beat(second, 30, 640) == (40, 1600)
    assert beat(first, 640, 640) == (670, 1600)
    with db.transaction() as session:
        jobs.release(session, second)
    again = _taken(take)
    assert again.shard_id == second.shard_id
    assert beat(again, 5, 640) == (670, 1600), "a part that begins anew takes nothing back"
    assert beat(again, 100, 640) == (740, 1600)


def _limit(db: Database, project: str, max_running: int) -> None:
    with db.transaction() as session:
        session.add(ProjectRow(slug=project, name=project, max_running=max_running))


def test_a_project_gets_no_more_running_audits_than_it_may(
    db: Database, ask: Ask, take: Take
) -> None:
    _limit(db, "a", 1)
    one, other = ask(128, project="a"), ask(64, project="a")
    free = ask(64, project="b")
    taken = [_taken(take), _taken(take), _taken(take)]
    assert {claim.audit_id for claim in taken} == {one, free}
    assert take() is None, "the second audit of the project waits for the first"
    for claim in taken:
        if claim.audit_id == one:
            assert _finish_part(db, claim)
    with db.transaction() as session:
        assert jobs.finish(session, _taken(take), DONE)
    assert _taken(take).audit_id == other


def test_many_claimers_together_keep_to_the_limit(db: Database, ask: Ask, take: Take) -> None:
    _limit(db, "a", 2)
    for _ in range(8):
        ask(64, project="a")
    start = threading.Barrier(8)

    def claim(_: int) -> jobs.Claim | None:
        start.wait()
        return take()

    with ThreadPoolExecutor(8) as pool:
        claims = [found for found in pool.map(claim, range(8)) if found]
    assert len(claims) <= 2
    with db.reading() as session:
        assert session.query(AuditRow).filter_by(state="running").count() <= 2


def test_a_comparison_belongs_to_an_audit_that_is_over_and_leaves_it_alone(
    db: Database, ask: Ask, take: Take, look: Look
) -> None:
    audit_id = ask(64)
    with db.transaction() as session:
        assert jobs.finish(session, _taken(take), DONE)
    with db.transaction() as session:
        session.add(ShardRow(audit_id=audit_id, kind="compare"))
    claim = _taken(take)
    with db.transaction() as session:
        assert jobs.heartbeat(session, claim, 60, None) == jobs.Beat(kept=True, cancel=False)
        assert jobs.fail(session, claim, "not_comparable", {})
    audit = look(audit_id)
    assert (audit.state, audit.error_code, audit.finalized) == ("done", None, 1)
