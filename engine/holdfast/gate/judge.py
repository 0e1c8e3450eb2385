"""The decision: an assertion passes only if the whole interval satisfies it."""

from holdfast.records.base import digest
from holdfast.records.detail import SequentialEvidence, SequentialTest
from holdfast.records.outcome import Outcome
from holdfast.records.policy import Assertion, Decision, GatePolicy, Judgement, Level, Verdict
from holdfast.records.result import AuditResult, FindingSeverity, Measurement

__all__ = ["judge"]


def judge(result: AuditResult, policy: GatePolicy) -> Verdict:
    """Decide every assertion of `policy` on `result`, without rounding.

    `min` passes when the lower bound is at least the limit, fails when the upper bound is below
    it, and is inconclusive between; `max` mirrors that. No measurement, no pass. A finding of
    severity `error` (a constant model, for example) fails the gate whatever the numbers say.
    Failed outweighs inconclusive, which outweighs passed; only level `error` counts.

    A sequential audit brings evidence for the limits of the policy it ran with; for these the
    e-processes decide, and an undecided one is inconclusive. For other limits its intervals decide,
    which hold at whatever image it stopped.
    """
    measured = {measurement.id: measurement for measurement in result.measurements}
    judgements = [
        _judge_one(assertion, measured.get(assertion.id), result.sequential)
        for assertion in policy.assertions
        if assertion.level is not Level.off
    ]
    judgements = _faults(result) + sorted(judgements, key=lambda judgement: judgement.id)
    seen = _overall(judgements)
    decision = _apply(policy, seen)
    return Verdict(
        decision=decision,
        policy_digest=digest(policy),
        plan_digest=result.provenance.plan_digest,
        model_sha256=result.provenance.model_sha256,
        judgements=tuple(judgements),
        sentence=_summary(judgements, seen, decision),
    )


def _judge_one(
    assertion: Assertion, measurement: Measurement | None, evidence: SequentialEvidence | None
) -> Judgement:
    if measurement is None or measurement.outcome is not Outcome.measured:
        why = "it was not measured" if measurement is None else measurement.sentence
        return _judgement(assertion, measurement, Decision.inconclusive, f"not decided: {why}")
    tests = _tests(assertion, evidence)
    if tests is None:
        decision = _by_interval(assertion, measurement)
        sentence = _observed(assertion, measurement, decision)
    else:
        decision = _by_evidence(tests)
        sentence = _observed(assertion, measurement, decision) + _decided_at(tests)
    return _judgement(assertion, measurement, decision, sentence)


def _by_interval(assertion: Assertion, measurement: Measurement) -> Decision:
    low, high = measurement.low or 0.0, measurement.high or 0.0
    minimum = -float("inf") if assertion.min is None else assertion.min
    maximum = float("inf") if assertion.max is None else assertion.max
    if high < minimum or low > maximum:
        return Decision.failed
    if low >= minimum and high <= maximum:
        return Decision.passed
    return Decision.inconclusive


def _tests(
    assertion: Assertion, evidence: SequentialEvidence | None
) -> tuple[SequentialTest, ...] | None:
    """The sequential tests of exactly these limits; None where the interval has to decide."""
    limits = {("min", assertion.min), ("max", assertion.max)} - {("min", None), ("max", None)}
    tests = tuple(
        test
        for test in (evidence.tests if evidence else ())
        if test.id == assertion.id and test.n_images and (test.side, test.limit) in limits
    )
    return tests if len(tests) == len(limits) else None


def _by_evidence(tests: tuple[SequentialTest, ...]) -> Decision:
    seen = {test.decision for test in tests}
    if "failed" in seen:
        return Decision.failed
    return Decision.passed if seen == {"passed"} else Decision.inconclusive


def _decided_at(tests: tuple[SequentialTest, ...]) -> str:
    decided = [test.n_images for test in tests if test.decision]
    return f", decided after {max(decided)}" if len(decided) == len(tests) else ""


def _observed(assertion: Assertion, measurement: Measurement, decision: Decision) -> str:
    said = {
        Decision.passed: "keeps",
        Decision.failed: "breaks",
        Decision.inconclusive: "is too close to decide on",
    }[decision]
    limits = [("min", assertion.min), ("max", assertion.max)]
    limit = " and ".join(f"{name} {value:g}" for name, value in limits if value is not None)
    return (
        f"observed {measurement.value:.4f} [{measurement.low:.4f}, {measurement.high:.4f}] "
        f"on {measurement.n_images} images {said} {limit}"
    )


def _judgement(
    assertion: Assertion, measurement: Measurement | None, decision: Decision, sentence: str
) -> Judgement:
    return Judgement(
        id=assertion.id,
        level=assertion.level,
        decision=decision,
        value=measurement.value if measurement else None,
        low=measurement.low if measurement else None,
        high=measurement.high if measurement else None,
        min=assertion.min,
        max=assertion.max,
        n_images=measurement.n_images if measurement else 0,
        sentence=sentence,
    )


def _faults(result: AuditResult) -> list[Judgement]:
    return [
        Judgement(
            id=finding.id,
            level=Level.error,
            decision=Decision.failed,
            value=None,
            low=None,
            high=None,
            min=None,
            max=None,
            n_images=result.probes.n_used,
            sentence=finding.sentence,
        )
        for finding in result.findings
        if finding.severity is FindingSeverity.error
    ]


def _overall(judgements: list[Judgement]) -> Decision:
    counted = {item.decision for item in judgements if item.level is Level.error}
    for decision in (Decision.failed, Decision.inconclusive):
        if decision in counted:
            return decision
    return Decision.passed


def _apply(policy: GatePolicy, seen: Decision) -> Decision:
    if seen is not Decision.inconclusive or policy.on_inconclusive == "inconclusive":
        return seen
    return Decision.failed if policy.on_inconclusive == "fail" else Decision.passed


def _summary(judgements: list[Judgement], seen: Decision, decision: Decision) -> str:
    counted = [item for item in judgements if item.level is Level.error]
    if not counted:
        return "No assertion of level error: nothing could fail."
    of_kind = [item.id for item in counted if item.decision is seen]
    if seen is Decision.passed:
        return f"All {len(counted)} assertions hold."
    verb = "failed" if seen is Decision.failed else "could not be decided"
    extra = "" if seen is decision else f"; the policy counts that as {decision}"
    return f"{len(of_kind)} of {len(counted)} assertions {verb}: {', '.join(of_kind)}{extra}."
