"""Two audits compared by a worker in the real child, and what a verdict makes of it."""

from pathlib import Path

import pytest

from auditing import plan_of, run
from holdfast.errors import HoldfastError
from holdfast.records.base import canonical_json, digest
from holdfast.records.comparison import Comparison
from holdfast.records.policy import GatePolicy, Verdict
from holdfast.sandbox.parent import AuditOutput, compare_results
from holdfast_db import jobs
from holdfast_db.comparisons import ask, find_comparison
from holdfast_db.tables import AuditRow
from holdfast_worker.comparing import compared
from holdfast_worker.parts import Parts
from holdfast_worker.settings import WorkerSettings
from holdfast_worker.supervisor import work_once
from holdfast_worker.work import Tools
from workers import Files, Place

_PLAN = plan_of(shifts_px=[(1, 0), (0, 2)], full=True)
_POLICY = '{"assertions": [{"id": "translation.consistency", "level": "error", "max_drop": 0.01}]}'


@pytest.fixture(scope="module")
def output(files: Files, probes: Path) -> AuditOutput:
    """A result that looked at every image."""
    return run(files.model, probes, _PLAN)


def _parts(place: Place) -> Parts:
    settings = WorkerSettings.model_validate({"data": place.data})
    return Parts(settings, place.db, place.store)


def _audited(
    place: Place, files: Files, output: AuditOutput, policy: str | None = None, **columns: str
) -> str:
    audit_id = place.submit(
        Files(files.model, files.probes, canonical_json(_PLAN).decode(), policy)
    )
    with place.db.transaction() as session:
        for name, value in columns.items():
            setattr(session.get_one(AuditRow, audit_id), name, value)
    assert work_once(_parts(place), "here", Tools(audit=lambda *_, **__: output))
    return audit_id


def test_the_verdict_is_made_with_the_comparison(
    place: Place, files: Files, output: AuditOutput
) -> None:
    old = _audited(place, files, output)
    new = _audited(place, files, output, _POLICY, baseline_id=old)
    assert (place.audit(new).state, place.audit(new).decision) == ("running", None)
    assert work_once(_parts(place), "here")
    audit = place.audit(new)
    assert (audit.state, audit.decision) == ("done", "passed")
    assert audit.verdict is not None
    assert audit.policy is not None
    verdict = Verdict.model_validate_json(audit.verdict)
    assert verdict.baseline is not None
    assert verdict.baseline.same_model
    with place.db.reading() as session:
        row = find_comparison(session, old, new)
        assert row is not None
        assert row.sha256 is not None
    found = Comparison.model_validate_json(place.store.path(row.sha256).read_bytes())
    assert (found.n_images, found.decision) == (8, "passed")
    assert verdict.policy_digest == _digest(audit.policy)


def _digest(policy: str) -> str:
    return digest(GatePolicy.model_validate_json(policy))


def test_results_of_other_lists_are_not_compared_and_the_policy_says_what_that_means(
    place: Place, files: Files, output: AuditOutput, probes: Path
) -> None:
    other = run(files.model, probes, plan_of(shifts_px=[(3, 0)], full=True))
    old = _audited(place, files, other)
    new = _audited(place, files, output, _POLICY, baseline_id=old)
    assert work_once(_parts(place), "here")
    audit = place.audit(new)
    assert (audit.state, audit.decision) == ("done", "inconclusive")
    with place.db.reading() as session:
        row = find_comparison(session, old, new)
        assert row is not None
        assert (row.state, row.error_code, row.sha256) == ("failed", "not_comparable", None)


def _claimed(place: Place, old: str, new: str) -> jobs.Claim:
    with place.db.transaction() as session:
        ask(session, old, new)
        claim = jobs.claim(session, queue="cpu", worker="here", lease_s=60)
    assert claim is not None
    assert claim.kind == "compare"
    return claim


def test_a_lost_lease_leaves_everything_as_it_is(
    place: Place, files: Files, output: AuditOutput
) -> None:
    old, new = (_audited(place, files, output) for _ in range(2))
    claim = _claimed(place, old, new)
    commit = compared(_parts(place), claim, compare_results)
    with place.db.transaction() as session:
        assert jobs.release(session, claim)
    with place.db.transaction() as session:
        assert not commit(session)
    with place.db.reading() as session:
        row = find_comparison(session, old, new)
        assert row is not None
        assert (row.state, row.sha256) == ("queued", None)


def test_a_child_that_breaks_is_an_error_of_the_comparison(
    place: Place, files: Files, output: AuditOutput
) -> None:
    old, new = (_audited(place, files, output) for _ in range(2))
    _claimed(place, old, new)

    def breaks(*_: object, **__: object) -> Comparison:
        raise HoldfastError("memory_limit", limit=1)

    with place.db.transaction() as session:
        jobs.expire_leases(session)
        jobs.reconcile(session, max_attempts=3, stale_s=60)
    assert work_once(_parts(place), "here", Tools(compare=breaks))
    assert place.audit(new).state == "done"
    with place.db.reading() as session:
        row = find_comparison(session, old, new)
        assert row is not None
        assert (row.state, row.error_code) == ("failed", "memory_limit")
