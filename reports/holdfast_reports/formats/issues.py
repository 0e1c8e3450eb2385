"""What a list of problems shows: assertions that do not hold, and grave findings. One rule for all.

An assertion `blocks` when it keeps the gate from passing, `warns` when it broke without doing so,
and is a `note` when nothing more is known than that its level is warn and it is undecided.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from holdfast.records.comparison import BaselineSummary
from holdfast.records.policy import Decision, Judgement, Level, Verdict
from holdfast.records.result import AuditResult, Finding, FindingSeverity
from holdfast_reports.parts.against import flips_of
from holdfast_reports.parts.assertions import assertion_title
from holdfast_reports.words import text, title

__all__ = [
    "NOWHERE",
    "Issue",
    "Severity",
    "Standing",
    "findings_of",
    "fingerprints",
    "is_fault",
    "issues",
    "judged",
    "line_of",
    "standing",
    "subject",
]

Severity = Literal["error", "warning", "note"]
Standing = Literal["holds", "blocks", "warns", "open"]

NOWHERE: Final[Mapping[str, int]] = MappingProxyType({})
"""Lines of assertions, where nobody knows them."""

_SENTENCE_CUT: Final = 600
_SHORT_SHA: Final = 12
_RANK: Final[dict[Severity, int]] = {"error": 0, "warning": 1, "note": 2}
_SEVERITY: Final[dict[Standing, Severity]] = {
    "blocks": "error",
    "warns": "warning",
    "open": "note",
}
_OF_FINDING: Final[dict[FindingSeverity, Severity]] = {
    FindingSeverity.error: "error",
    FindingSeverity.warning: "warning",
}


@dataclass(frozen=True)
class Issue:
    """One problem. `judgement` is None for a finding; texts are cleaned and not escaped."""

    rule: str
    title: str
    severity: Severity
    message: str
    hint: str
    judgement: Judgement | None = None


def subject(result: AuditResult, name: str) -> str:
    """What the model is called: its name, cleaned, else the front of its digest."""
    return text(name) or f"Model {result.provenance.model_sha256[:_SHORT_SHA]}"


def judged(verdict: Verdict | None) -> tuple[Judgement, ...]:
    """All judgements in one order, whatever order they came in."""
    found = verdict.judgements if verdict else ()
    return tuple(sorted(found, key=lambda item: (item.id, item.sentence)))


def standing(verdict: Verdict, judgement: Judgement) -> Standing:
    """What a judgement does to the gate.

    An undecided assertion of level error blocks unless the gate passed all the same, which only a
    policy with `on_inconclusive: pass` can do.
    """
    if judgement.decision is Decision.passed:
        return "holds"
    if judgement.level is not Level.error:
        return "warns" if judgement.decision is Decision.failed else "open"
    if judgement.decision is Decision.inconclusive and verdict.decision is Decision.passed:
        return "warns"
    return "blocks"


def is_fault(result: AuditResult, judgement: Judgement) -> bool:
    """Whether a judgement stands for a finding of severity error and asserts no limit."""
    faults = {f.id for f in result.findings if f.severity is FindingSeverity.error}
    limits = (judgement.min, judgement.max, judgement.max_drop)
    return all(limit is None for limit in limits) and judgement.id in faults


def issues(result: AuditResult, verdict: Verdict | None) -> tuple[Issue, ...]:
    """Every problem once, the gravest first; remarks of severity info are none."""
    told = (*result.findings, *(verdict.baseline.findings if verdict and verdict.baseline else ()))
    found = [_of_finding(finding) for finding in told if finding.severity in _OF_FINDING]
    for judgement in judged(verdict):
        if verdict is None or is_fault(result, judgement):  # a fault is among the findings
            continue
        how = standing(verdict, judgement)
        if how != "holds":
            found.append(_of_judgement(judgement, _SEVERITY[how], flips_of(verdict, judgement)))
    return tuple(sorted(found, key=lambda item: (_RANK[item.severity], item.rule, item.message)))


def findings_of(summary: BaselineSummary) -> tuple[Issue, ...]:
    """What the changes against a baseline mean together."""
    return tuple(_of_finding(each) for each in summary.findings if each.severity in _OF_FINDING)


def _of_finding(finding: Finding) -> Issue:
    return Issue(
        rule=text(finding.id),
        title=assertion_title(finding.id),
        severity=_OF_FINDING[finding.severity],
        message=title(text(finding.sentence, _SENTENCE_CUT)),
        hint=title(text(finding.hint, _SENTENCE_CUT)),
    )


def _of_judgement(judgement: Judgement, severity: Severity, flips: str) -> Issue:
    return Issue(
        rule=text(judgement.id),
        title=assertion_title(judgement.id),
        severity=severity,
        message=title(text(judgement.sentence, _SENTENCE_CUT)),
        hint=flips,
        judgement=judgement,
    )


def line_of(issue: Issue, lines: Mapping[str, int]) -> int:
    """The line that an issue is shown at: of its assertion, else of the block of them, else 1."""
    return lines.get(issue.rule, lines.get("", 1))


def fingerprints(found: tuple[Issue, ...], *, name: str, path: str) -> tuple[str, ...]:
    """One SHA-256 per issue, the same in every run as long as one rule breaks for one model.

    Numbers are left out: they change from run to run. A rule that appears again is counted.

    Args:
        found: what `issues` gave.
        name: what people call the model, empty when they do not.
        path: the file that the issues are shown at.
    """
    seen: Counter[str] = Counter()
    made = []
    for issue in found:
        key = "\0".join((issue.rule, text(name), text(path, 400), str(seen[issue.rule])))
        seen[issue.rule] += 1
        made.append(hashlib.sha256(key.encode()).hexdigest())
    return tuple(made)
