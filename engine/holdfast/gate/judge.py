"""The decision: an assertion passes only if the whole interval satisfies it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from holdfast.gate.against import summary_of
from holdfast.gate.drops import change_of, drop_part, record_of
from holdfast.gate.each import absence, each_part, group_numbers
from holdfast.gate.limits import Seen, limits_part, seen_in
from holdfast.gate.parts import Part, together, undecided
from holdfast.records.base import digest
from holdfast.records.comparison import Comparison
from holdfast.records.detail import GroupNumbers
from holdfast.records.policy import Assertion, Decision, GatePolicy, Judgement, Level, Verdict
from holdfast.records.result import AuditResult, FindingSeverity, Measurement

__all__ = ["judge"]


def judge(
    result: AuditResult,
    policy: GatePolicy,
    comparison: Comparison | None = None,
    *,
    today: date | None = None,
) -> Verdict:
    """Decide every assertion of `policy` on `result`, without rounding.

    `min` passes when the lower bound is at least the limit, fails when the upper bound is below
    it, and is inconclusive between; `max` mirrors that. `max_drop` passes when the lower bound of
    the paired change against the baseline is above minus the limit, fails when its upper bound is
    below that, and is inconclusive between; the model of the baseline itself always passes. An
    assertion with several limits fails when one fails, and passes when all pass.

    No measurement, no pass. Without a comparison `max_drop` is inconclusive, or skipped with or
    without a warning where `policy.baseline.on_missing` says so. A finding of severity `error` (a
    constant model, for example) fails the gate whatever the numbers say. Failed outweighs
    inconclusive, which outweighs passed; only level `error` counts. What is ignored counts as a
    warning up to the day that its ignore names, and counts again after it.

    A sequential audit brings evidence for the limits of the policy it ran with; for these the
    e-processes decide, and an undecided one is inconclusive. For other limits its intervals decide,
    which hold at whatever image it stopped.

    Args:
        result: what was seen.
        policy: what must hold.
        comparison: of the baseline (first) with this result; None where there is no baseline.
        today: the day that ignores are held against, UTC; now when left out.

    Raises:
        ValueError: the comparison is about another model than the result.
    """
    if comparison and comparison.candidate_sha256 != result.provenance.model_sha256:
        raise ValueError("the comparison is about another model")
    judging = _Judging(result, policy, comparison, today or datetime.now(UTC).date())
    asserted = (judging.one(item) for item in policy.assertions if item.level is not Level.off)
    judgements = sorted((item for item in asserted if item), key=lambda item: item.id)
    judgements = [*_faults(result), *judging.missing_baseline(), *judgements]
    seen = _overall(judgements)
    decision = _apply(policy, seen)
    return Verdict(
        decision=decision,
        policy_digest=digest(policy),
        plan_digest=result.provenance.plan_digest,
        model_sha256=result.provenance.model_sha256,
        judgements=tuple(judgements),
        sentence=_summary(judgements, seen, decision),
        baseline=summary_of(comparison, policy.baseline) if comparison else None,
    )


@dataclass(frozen=True)
class _Judging:
    """One result and what it is judged by."""

    result: AuditResult
    policy: GatePolicy
    comparison: Comparison | None
    today: date

    def one(self, assertion: Assertion) -> Judgement | None:
        """One assertion, decided; None where all that it asserts is skipped."""
        if self._skips_drop:
            if assertion.min is None and assertion.max is None:
                return None
            assertion = assertion.model_copy(update={"max_drop": None})
        numbers, part = self._numbers_and_part(assertion)
        return self._judgement(assertion, numbers, part)

    def missing_baseline(self) -> list[Judgement]:
        """The warning about what was skipped, once."""
        skipped = [
            assertion.id
            for assertion in self.policy.assertions
            if assertion.level is not Level.off and assertion.max_drop is not None
        ]
        rule = self.policy.baseline
        if self.comparison or not skipped or rule.on_missing is not Level.warn:
            return []
        where = f" {rule.branch or rule.file}" if rule.branch or rule.file else ""
        sentence = f"there is no baseline{where}, so max_drop of {', '.join(skipped)} was skipped"
        return [_bare("baseline", Level.warn, Decision.inconclusive, sentence, 0)]

    @property
    def _skips_drop(self) -> bool:
        return self.comparison is None and self.policy.baseline.on_missing is not Level.error

    def _numbers_and_part(
        self, assertion: Assertion
    ) -> tuple[Measurement | GroupNumbers | None, Part]:
        group = assertion.group
        if group is None:
            measured = self._measured(assertion.id)
            seen = seen_in(measured)
            why = "it was not measured" if measured is None else measured.sentence
            return measured, undecided(why) if seen is None else self._decide(assertion, seen)
        rows = group_numbers(self.result, assertion, group)
        if not rows:
            return None, undecided(absence(self.result, assertion, group))
        if group.is_each:
            part, row = each_part(assertion, group, rows, self._decide)
            return row, part
        seen = seen_in(rows[0])
        return rows[0], undecided("it was not measured") if not seen else self._decide(
            assertion, seen
        )

    def _measured(self, measurement: str) -> Measurement | None:
        rows = (row for row in self.result.measurements if row.id == measurement)
        return next(rows, None)

    def _decide(self, assertion: Assertion, seen: Seen) -> Part:
        parts = []
        if assertion.min is not None or assertion.max is not None:
            evidence, confidence = self.result.sequential, self.result.plan.confidence
            parts.append(limits_part(assertion, seen, evidence, confidence))
        if assertion.max_drop is not None:
            parts.append(drop_part(assertion, assertion.max_drop, self.comparison))
        return together(parts)

    def _judgement(
        self, assertion: Assertion, numbers: Measurement | GroupNumbers | None, part: Part
    ) -> Judgement:
        level, ignored_until, note = self._ignored(assertion)
        change = None
        if self.comparison is not None:
            change = record_of(change_of(self.comparison, assertion.measurement, assertion.group))
        return Judgement(
            id=assertion.id,
            level=level,
            decision=part.decision,
            value=numbers.value if numbers else None,
            low=numbers.low if numbers else None,
            high=numbers.high if numbers else None,
            min=assertion.min,
            max=assertion.max,
            n_images=numbers.n_images if numbers else 0,
            sentence=part.sentence + note,
            max_drop=assertion.max_drop,
            change=change,
            ignored_until=ignored_until,
            images_to_decide=part.images_to_decide,
        )

    def _ignored(self, assertion: Assertion) -> tuple[Level, date | None, str]:
        """The level that counts today, and what a reader is told about an ignore."""
        found = [ignore for ignore in self.policy.ignore if ignore.id == assertion.id]
        if not found:
            return assertion.level, None, ""
        last = max(found, key=lambda ignore: ignore.until)
        if last.until < self.today:
            return assertion.level, None, f" (counts again: its ignore ended on {last.until})"
        return Level.warn, last.until, f" (ignored until {last.until}: {last.reason})"


def _faults(result: AuditResult) -> list[Judgement]:
    return [
        _bare(finding.id, Level.error, Decision.failed, finding.sentence, result.probes.n_used)
        for finding in sorted(result.findings, key=lambda item: (item.id, item.sentence))
        if finding.severity is FindingSeverity.error
    ]


def _bare(name: str, level: Level, decision: Decision, sentence: str, n_images: int) -> Judgement:
    """A judgement about no limit."""
    return Judgement(
        id=name,
        level=level,
        decision=decision,
        value=None,
        low=None,
        high=None,
        min=None,
        max=None,
        n_images=n_images,
        sentence=sentence,
    )


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
        return (
            "The assertion holds." if len(counted) == 1 else f"All {len(counted)} assertions hold."
        )
    verb = "failed" if seen is Decision.failed else "could not be decided"
    extra = "" if seen is decision else f"; the policy counts that as {decision}"
    return f"{len(of_kind)} of {len(counted)} assertions {verb}: {', '.join(of_kind)}{extra}."
