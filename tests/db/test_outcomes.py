"""What an audit leaves for the gate: numbers, verdicts, comparisons, and who is told."""

import contextlib
import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from holdfast_db import jobs
from holdfast_db.baselines import find_baseline, list_baselines
from holdfast_db.comparisons import Options, ask, find_comparison
from holdfast_db.gates import (
    Judged,
    Measured,
    find_verdict,
    history,
    keep_verdict,
    last_audit,
)
from holdfast_db.session import Database
from holdfast_db.tables import (
    AuditRow,
    BaselineRow,
    ComparisonRow,
    DeliveryRow,
    ShardRow,
    VerdictRow,
    WebhookRow,
)
from rows import BLOB, Look, Submit, Take

_KEY = "whsec_AAAA"
NUMBERS = (Measured("accuracy", 0.9, 0.8, 0.95), Measured("scale.drift", None, None, None))
Change = Callable[..., None]


def _verdict(decision: str, policy: str = "ab" * 32) -> str:
    return json.dumps({"decision": decision, "policy_digest": policy})


def _finished(decision: str = "passed") -> jobs.Finished:
    return jobs.Finished(BLOB.sha256, "cd" * 32, _verdict(decision), decision, NUMBERS)


@pytest.fixture
def change(db: Database) -> Change:
    """Set columns of an audit."""

    def values(audit_id: str, **columns: object) -> None:
        with db.transaction() as session:
            row = session.get_one(AuditRow, audit_id)
            for name, value in columns.items():
                setattr(row, name, value)

    return values


Done = Callable[..., str]


@pytest.fixture
def done(db: Database, submit: Submit, take: Take, change: Change) -> Done:
    """The id of a finished audit with a policy."""

    def make(decision: str = "passed", **columns: object) -> str:
        audit_id = submit()
        change(audit_id, policy="{}", branch="main", plan_digest="ee" * 32, **columns)
        claim = take()
        assert claim is not None
        with db.transaction() as session:
            assert jobs.finish(session, claim, _finished(decision))
        return audit_id

    return make


def test_a_finished_audit_keeps_its_numbers_and_its_verdict(
    db: Database, done: Done, look: Look
) -> None:
    first, second = done(), done("failed")
    with db.reading() as session:
        points = history(session, "default", "main", "accuracy", 10)
        assert [(p.audit.id, p.value, p.low, p.high) for p in points] == [
            (first, 0.9, 0.8, 0.95),
            (second, 0.9, 0.8, 0.95),
        ]
        assert [p.value for p in history(session, "default", None, "scale.drift", 1)] == [None]
        assert history(session, "default", "other", "accuracy", 10) == []
        assert history(session, "other", "main", "accuracy", 10) == []
        found = find_verdict(session, first, "ab" * 32, "")
        assert found is not None
        assert found.decision == "passed"
        newest = last_audit(session, "default", "main")
        assert newest is not None
        assert newest.id == second
    assert look(second).decision == "failed"


def test_a_verdict_is_kept_once_for_each_policy_and_baseline(
    db: Database, done: Done, look: Look
) -> None:
    audit_id = done()
    other, again = Judged(_verdict("failed", "bb" * 32), "{}"), Judged(_verdict("failed"), "{}")
    against = Judged(_verdict("inconclusive"), "{}", baseline_id=audit_id)
    for judged, before in [(other, "passed"), (again, "failed"), (against, "failed")]:
        with db.transaction() as session:
            assert keep_verdict(session, audit_id, judged) == before
    with db.reading() as session:
        rows = session.scalars(select(VerdictRow)).all()
        assert len(rows) == 3
        assert look(audit_id).decision == "inconclusive"
        chosen = [
            find_verdict(session, audit_id, policy, baseline)
            for policy, baseline in [("ab" * 32, ""), ("bb" * 32, None), (None, audit_id)]
        ]
        assert [row and row.decision for row in chosen] == ["failed", "failed", "inconclusive"]
        assert find_verdict(session, audit_id, "99" * 32, None) is None


@pytest.fixture
def waiting(db: Database, done: Done, submit: Submit, take: Take, change: Change) -> str:
    """The id of an audit that has its result and waits for its comparison."""
    baseline, audit_id = done(), submit()
    change(audit_id, policy="{}", baseline_id=baseline)
    claim = take()
    assert claim is not None
    with db.transaction() as session:
        assert jobs.finish(session, claim, _finished())
    return audit_id


def test_with_a_baseline_the_audit_waits_for_its_comparison(
    db: Database, waiting: str, submit: Submit, take: Take, look: Look
) -> None:
    audit_id, baseline = waiting, look(waiting).baseline_id or ""
    audit = look(audit_id)
    assert (audit.state, audit.verdict, audit.decision) == ("running", None, None)
    assert audit.stage == "comparing"
    submit(priority=100)
    second = take()
    assert second is not None
    assert second.audit_id == audit_id, "a comparison goes before every audit"
    with db.transaction() as session:
        pair = jobs.get_pair(session, second)
        assert pair.policy == "{}"
        assert (pair.baseline, pair.candidate) == (
            jobs.Side(baseline, BLOB.sha256, "cd" * 32),
            jobs.Side(audit_id, BLOB.sha256, "cd" * 32),
        )
        compared = jobs.Compared(sha256="11" * 32, verdict_json=_verdict("failed"))
        assert jobs.finish_comparison(session, second, pair, compared)
        assert not jobs.finish_comparison(session, second, pair, compared), "the fence"
    audit = look(audit_id)
    assert (audit.state, audit.decision, audit.finalized) == ("done", "failed", 1)
    with db.reading() as session:
        row = find_comparison(session, baseline, audit_id)
        assert row is not None
        assert (row.state, row.sha256) == ("done", "11" * 32)
        assert find_verdict(session, audit_id, None, baseline) is not None
        assert find_verdict(session, audit_id, None, "") is None


def test_a_baseline_that_is_gone_is_no_baseline(
    db: Database, submit: Submit, take: Take, change: Change, look: Look
) -> None:
    audit_id = submit()
    change(audit_id, policy="{}", baseline_id="0" * 36)
    claim = take()
    assert claim is not None
    with db.transaction() as session:
        assert jobs.finish(session, claim, _finished())
    assert (look(audit_id).state, look(audit_id).decision) == ("done", "passed")


def test_a_comparison_of_finished_audits_is_asked_for_once(
    db: Database, done: Done, take: Take, look: Look
) -> None:
    old, new = done(), done()
    with db.transaction() as session:
        first = ask(session, old, new)
        assert ask(session, old, new).id == first.id
        assert ask(session, old, new, Options(0.05)).id != first.id
        assert len(session.scalars(select(ComparisonRow)).all()) == 2
    claim = take()
    assert claim is not None
    with db.transaction() as session:
        assert jobs.heartbeat(session, claim, 60, None) == jobs.Beat(kept=True, cancel=False)
        pair = jobs.get_pair(session, claim)
        assert (pair.policy, pair.margin) == (None, 0.01)
    with db.transaction() as session:
        assert jobs.fail(session, claim, "worker_lost", {"n": "3"})
    assert look(new).state == "done"
    with db.reading() as session:
        row = find_comparison(session, old, new)
        assert row is not None
        assert (row.state, row.error_code) == ("failed", "worker_lost")
        waiting = session.scalars(select(ShardRow.state).where(ShardRow.kind == "compare")).all()
        assert sorted(waiting) == ["failed", "queued"], "one that breaks takes no other with it"


def test_the_baseline_of_a_branch_is_the_last_that_passed(db: Database, done: Done) -> None:
    asked = {"probes_sha256": BLOB.sha256, "plan_digest": "ee" * 32}
    first = done()
    done("failed")
    done("inconclusive")
    with db.reading() as session:
        found = find_baseline(session, "default", "main", **asked)
        assert found is not None
        assert (found.audit.id, found.by) == (first, "last_passed")
        for changed in ({"plan_digest": "ff" * 32}, {"probes_sha256": "ff" * 32}):
            assert find_baseline(session, "default", "main", **{**asked, **changed}) is None
        assert find_baseline(session, "default", "other", **asked) is None
        assert find_baseline(session, "other", "main", **asked) is None
    newest = done()
    with db.transaction() as session:
        assert [each.audit.id for each in list_baselines(session, "default")] == [newest]
        session.add(
            BaselineRow(project="default", branch="main", audit_id=first, reason="as agreed")
        )
        session.add(BaselineRow(project="default", branch="dev", audit_id=newest, reason="new"))
    with db.reading() as session:
        found = find_baseline(session, "default", "main", **asked)
        assert found is not None
        assert (found.audit.id, found.by, found.reason) == (first, "pinned", "as agreed")
        shown = [(each.branch, each.audit.id) for each in list_baselines(session, "default")]
        assert shown == [("dev", newest), ("main", first)]


def _messages(db: Database) -> list[dict[str, object]]:
    with db.reading() as session:
        rows = session.scalars(select(DeliveryRow).order_by(DeliveryRow.id)).all()
        return [json.loads(row.payload) for row in rows]


def _hook(db: Database, *events: str, **columns: object) -> str:
    hook = WebhookRow(project="default", url="x", secret=_KEY, events=list(events), **columns)
    with db.transaction() as session:
        session.add(hook)
    return hook.id


def test_every_end_is_told_in_its_own_transaction(
    db: Database, done: Done, submit: Submit, take: Take
) -> None:
    _hook(db, "audit.finished")
    _hook(db, "audit.finished", enabled=False)
    with db.transaction() as session:
        session.add(WebhookRow(project="other", url="x", secret=_KEY, events=["audit.finished"]))
    passed = done()
    failed, cancelled, late = submit(), submit(), submit()
    claim = take()
    assert claim is not None
    with db.transaction() as session:
        assert jobs.fail(session, claim, "opset", {})
        assert jobs.request_cancel(session, cancelled)
    told = [message["data"] for message in _messages(db)]
    assert [(each["audit_id"], each["state"]) for each in told] == [  # type: ignore[index]
        (passed, "done"),
        (failed, "failed"),
        (cancelled, "cancelled"),
    ]
    with contextlib.suppress(RuntimeError), db.transaction() as session:
        jobs.request_cancel(session, late)
        raise RuntimeError
    assert len(_messages(db)) == 3, "what is rolled back is not told"


def test_a_change_of_the_decision_on_a_branch_is_told(db: Database, done: Done) -> None:
    _hook(db, "verdict.changed")
    done()
    done()
    assert _messages(db) == []
    broken = done("failed")
    (message,) = _messages(db)
    assert message["type"] == "verdict.changed"
    data = message["data"]
    assert isinstance(data, dict)
    assert (data["audit_id"], data["decision"]) == (broken, "failed")
    assert data["previous_decision"] == "passed"


def test_a_result_is_taken_over_from_the_same_question(
    db: Database, done: Done, submit: Submit, look: Look
) -> None:
    _hook(db, "audit.finished")
    first, other = done(), submit()
    same = jobs.Sameness("default", BLOB.sha256, BLOB.sha256, "ee" * 32, None)
    row = look(other)
    new = jobs.NewAudit(row.model_id, row.probe_set_id, "{}", "{}", "ee" * 32)
    with db.transaction() as session:
        source = jobs.find_same(session, same)
        assert source is not None
        assert source.id == first
        taken = jobs.Taken(source, NUMBERS, _verdict("failed"), "failed")
        reused = jobs.submit_done(session, new, taken)
        for changed in ("model_sha256", "probes_sha256", "plan_digest", "policy", "project"):
            values = {**vars(same), changed: "ff" * 32}
            assert jobs.find_same(session, jobs.Sameness(**values)) is None, changed
    audit = look(reused)
    assert (audit.state, audit.decision, audit.reused_id) == ("done", "failed", first)
    assert (audit.result_sha256, audit.finalized) == (BLOB.sha256, 1)
    assert audit.finished_at is not None
    assert len(_messages(db)) == 2
    with db.reading() as session:
        shards = select(ShardRow).where(ShardRow.audit_id == reused)
        assert session.scalars(shards).all() == []
        assert len(history(session, "default", None, "accuracy", 10)) == 2


def test_a_reused_result_waits_for_its_comparison_as_well(
    db: Database, done: Done, look: Look, take: Take
) -> None:
    baseline = done()
    row = look(baseline)
    new = jobs.NewAudit(row.model_id, row.probe_set_id, "{}", "{}", "ee" * 32, baseline_id=baseline)
    with db.transaction() as session:
        source = session.get_one(AuditRow, baseline)
        taken = jobs.Taken(source, NUMBERS, _verdict("passed"), "passed")
        reused = jobs.submit_done(session, new, taken)
    assert (look(reused).state, look(reused).decision) == ("queued", None)
    claim = take()
    assert claim is not None
    with db.transaction() as session:
        pair = jobs.get_pair(session, claim)
        compared = jobs.Compared(sha256="11" * 32, verdict_json=_verdict("passed"))
        assert jobs.finish_comparison(session, claim, pair, compared)
    assert (look(reused).state, look(reused).finalized) == ("done", 1)
