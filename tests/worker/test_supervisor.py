"""One shard from claim to end. The child is a function here; everything else is real."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import select
from structlog.testing import capture_logs

from holdfast.errors import HoldfastError
from holdfast.gate import judge
from holdfast.records.detail import SequentialEvidence
from holdfast.records.job import ChildLimits, Device, Progress
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy, Verdict
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput, SandboxMode
from holdfast_db import jobs
from holdfast_db.session import Database
from holdfast_db.tables import BlobRow, EventRow
from holdfast_worker.lease import Lease
from holdfast_worker.parts import Parts
from holdfast_worker.settings import WorkerSettings
from holdfast_worker.supervisor import work_once
from holdfast_worker.work import Tools
from workers import Files, Place

Act = Callable[[Callable[[Progress], None], Callable[[], bool]], AuditOutput]


@dataclass
class Child:
    """Stands where the child does: acts, and keeps what it was given."""

    act: Act
    given: list[tuple[bytes, bytes, AuditPlan, SandboxMode, ChildLimits]] = field(
        default_factory=list
    )
    policies: list[GatePolicy | None] = field(default_factory=list)

    def __call__(  # noqa: PLR0913 - as `run_audit` is called
        self,
        model: Path,
        probes: Path,
        plan: AuditPlan,
        *,
        mode: SandboxMode,
        limits: ChildLimits,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        policy: GatePolicy | None,
        device: Device,
    ) -> AuditOutput:
        assert device == "cpu"
        self.policies.append(policy)
        self.given.append((model.read_bytes(), probes.read_bytes(), plan, mode, limits))
        return self.act(on_progress, cancelled)


def _work(place: Place, act: Act, **settings: float | str) -> Child:
    child = Child(act)
    assert _do(place, child, **settings)
    return child


def _do(
    place: Place, audit: Callable[..., AuditOutput], **settings: float | str
) -> jobs.Claim | None:
    known = WorkerSettings.model_validate({"data": place.data, **settings})
    parts = Parts(known, place.db, place.store)
    return work_once(parts, "worker-1", Tools(audit=audit))


def _raise(error: BaseException) -> Act:
    def act(_note: Callable[[Progress], None], _cancelled: Callable[[], bool]) -> AuditOutput:
        raise error

    return act


def _until_stopped(_note: Callable[[Progress], None], cancelled: Callable[[], bool]) -> AuditOutput:
    deadline = time.monotonic() + 20
    while not cancelled():
        assert time.monotonic() < deadline, "nobody stopped the child"
        time.sleep(0.05)
    raise HoldfastError("cancelled")


def test_an_audit_is_stored_judged_and_finished(
    place: Place, files: Files, output: AuditOutput
) -> None:
    audit_id = place.submit(files)
    child = _work(place, lambda *_: output, child_wall_s=77.0, child_threads=3)
    audit = place.audit(audit_id)
    assert (audit.state, audit.decision, audit.finalized) == ("done", "passed", 1)
    assert audit.verdict is not None
    assert audit.policy is not None
    policy = GatePolicy.model_validate_json(audit.policy)
    assert Verdict.model_validate_json(audit.verdict) == judge(output.result, policy)
    assert audit.result_sha256 is not None
    assert audit.samples_sha256 is not None
    assert place.store.path(audit.result_sha256).read_bytes() == output.result_json
    assert place.store.path(audit.samples_sha256).read_bytes() == output.samples
    with place.db.reading() as session:
        known = set(session.scalars(select(BlobRow.sha256)))
    assert {audit.result_sha256, audit.samples_sha256} < known
    ((model, probes, plan, mode, limits),) = child.given
    assert (model, probes, mode) == (files.model, files.probes, "required")
    assert plan == AuditPlan.model_validate_json(files.plan)
    assert child.policies == [policy]
    assert (limits.wall_s, limits.threads) == (77.0, 3)


@pytest.mark.parametrize("stopped", [True, False])
def test_an_audit_knows_whether_it_stopped_early(
    place: Place, files: Files, output: AuditOutput, *, stopped: bool
) -> None:
    evidence = SequentialEvidence(
        alpha=0.05, policy_digest="", stopped=stopped, n_planned=8, n_images=8 - stopped, tests=()
    )
    seen = replace(output, result=output.result.model_copy(update={"sequential": evidence}))
    audit_id = place.submit(files)
    _work(place, lambda *_: seen)
    assert place.audit(audit_id).stopped_early is stopped


def test_without_a_policy_nothing_is_judged(
    place: Place, files: Files, output: AuditOutput
) -> None:
    audit_id = place.submit(Files(files.model, files.probes, files.plan))
    _work(place, lambda *_: output)
    audit = place.audit(audit_id)
    assert (audit.state, audit.verdict, audit.decision) == ("done", None, None)


def test_nothing_to_do_is_no_mistake(place: Place) -> None:
    assert not _do(place, Child(_until_stopped))


@pytest.mark.parametrize("code", ["opset", "memory_limit", "protocol"])
def test_what_the_child_says_ends_the_audit_for_good(place: Place, files: Files, code: str) -> None:
    audit_id = place.submit(files)
    _work(place, _raise(HoldfastError(code, n=99, limit=7)))
    audit = place.audit(audit_id)
    assert (audit.state, audit.error_code) == ("failed", code)
    assert audit.error_fields == {"n": "99", "limit": "7"}
    assert place.shard(audit_id).attempt == 1
    assert not _do(place, Child(_until_stopped)), "it is not tried again"


def test_a_fault_of_ours_fails_the_audit_and_is_logged(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    with capture_logs() as logged:
        _work(place, _raise(ZeroDivisionError("by zero")))
    audit = place.audit(audit_id)
    assert (audit.state, audit.error_code) == ("failed", "internal")
    assert audit.error_fields == {"request_id": audit_id}
    (entry,) = [each for each in logged if each["log_level"] == "error"]
    assert entry["exc_info"] is True


def test_a_broken_judge_fails_the_audit(place: Place, files: Files, output: AuditOutput) -> None:
    def broken(_result: AuditResult, _policy: GatePolicy) -> Verdict:
        raise RuntimeError

    audit_id = place.submit(files)
    settings = WorkerSettings.model_validate({"data": place.data})
    parts = Parts(settings, place.db, place.store)
    assert work_once(parts, "worker-1", Tools(audit=Child(lambda *_: output), judge=broken))
    assert place.audit(audit_id).error_code == "internal"
    assert place.n_results() == 0


def test_a_fault_of_ours_in_the_child_names_the_audit(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    _work(place, _raise(HoldfastError("internal", request_id="who knows")))
    assert place.audit(audit_id).error_fields == {"request_id": audit_id}


def test_a_missing_file_is_a_fault_of_ours(place: Place, files: Files) -> None:
    def blind(*_paths: object, **_options: object) -> AuditOutput:
        raise HoldfastError("file_not_found", path="/data/blobs/x")

    audit_id = place.submit(files)
    for path in (place.data / "blobs" / "sha256").rglob("*"):
        if path.is_file():
            path.unlink()
    assert _do(place, blind)
    audit = place.audit(audit_id)
    assert (audit.error_code, audit.error_fields) == ("internal", {"request_id": audit_id})


def test_the_owner_ends_a_running_audit_within_two_seconds(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    asked: list[float] = []

    def act(note: Callable[[Progress], None], cancelled: Callable[[], bool]) -> AuditOutput:
        with place.db.transaction() as session:
            jobs.request_cancel(session, audit_id)
        asked.append(time.monotonic())
        return _until_stopped(note, cancelled)

    _work(place, act)
    assert time.monotonic() - asked[0] < 2
    assert place.audit(audit_id).state == "cancelled"


def test_who_loses_the_lease_stops_and_writes_nothing(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    successors: list[jobs.Claim | None] = []

    def act(note: Callable[[Progress], None], cancelled: Callable[[], bool]) -> AuditOutput:
        successors.append(_steal(place.db))
        return _until_stopped(note, cancelled)

    began = time.monotonic()
    _work(place, act)
    assert time.monotonic() - began < 5, "no lease, no child"
    assert (place.audit(audit_id).state, place.n_results()) == ("running", 0)
    (successor,) = successors
    assert successor is not None
    with place.db.transaction() as session:
        assert jobs.heartbeat(session, successor, 60, None).kept


def _steal(db: Database) -> jobs.Claim | None:
    with db.transaction() as session:
        jobs.expire_leases(session)
    with db.transaction() as session:
        jobs.reconcile(session, max_attempts=3, stale_s=60)
        return jobs.claim(session, queue="cpu", worker="worker-2", lease_s=60)


def test_a_result_that_comes_too_late_is_thrown_away(
    place: Place, files: Files, output: AuditOutput
) -> None:
    audit_id = place.submit(files)

    def act(_note: Callable[[Progress], None], _cancelled: Callable[[], bool]) -> AuditOutput:
        assert _steal(place.db) is not None
        return output

    _work(place, act)
    audit = place.audit(audit_id)
    assert (audit.state, audit.result_sha256, place.n_results()) == ("running", None, 0)
    assert place.shard(audit_id).worker == "worker-2"


def test_a_worker_that_is_stopped_gives_its_shard_back(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    with pytest.raises(SystemExit):
        _work(place, _raise(SystemExit(-253)))
    shard = place.shard(audit_id)
    assert (shard.state, shard.attempt, shard.enqueued_at) == ("queued", 0, None)


def test_a_task_that_celery_ends_is_a_model_that_needs_too_long(place: Place, files: Files) -> None:
    audit_id = place.submit(files)
    _work(place, _raise(SoftTimeLimitExceeded(3720)))
    assert place.audit(audit_id).error_code == "time_limit"


def test_heartbeats_outlast_the_lease_and_tell_progress_at_most_once_a_second(
    place: Place, files: Files, output: AuditOutput
) -> None:
    audit_id = place.submit(files)
    events: list[int] = []

    def act(note: Callable[[Progress], None], cancelled: Callable[[], bool]) -> AuditOutput:
        for done in range(32):
            note(Progress(stage="measuring", done=done, total=32))
            time.sleep(0.1)
            with place.db.transaction() as session:
                assert jobs.reconcile(session, max_attempts=3, stale_s=60) == []
                kind = EventRow.kind == "progress"
                events.extend(session.scalars(select(EventRow.id).where(kind)))
        assert not cancelled()
        return output

    _work(place, act, lease_s=1.0)
    assert place.audit(audit_id).state == "done"
    assert 2 <= len(set(events)) <= 4


def test_a_lease_that_cannot_be_renewed_is_lost(tmp_path: Path) -> None:
    nowhere = Database(f"sqlite:///{tmp_path}/no/such/folder.db")
    claim = jobs.Claim("shard", "audit", "token", 1)
    with Lease(nowhere, claim, lease_s=0.5, beat_s=0.1) as lease:
        assert not lease.must_stop()
        time.sleep(1)
        assert lease.lost
        assert lease.must_stop()


def test_the_cores_are_shared_among_the_audits_of_a_worker(place: Place) -> None:
    settings = WorkerSettings.model_validate({"data": place.data, "concurrency": 256})
    assert settings.child_limits().threads == 1
    assert settings.model_copy(update={"child_threads": 5}).child_limits().threads == 5
