"""Reasons and remarks that the numbers alone do not tell."""

from typing import Final

from holdfast.records.result import AuditResult, Finding, FindingSeverity
from holdfast_reports.shapes import FindingView
from holdfast_reports.words import text, title

__all__ = ["findings"]

_WORD: Final = {
    FindingSeverity.error: "Fault",
    FindingSeverity.warning: "Warning",
    FindingSeverity.info: "Remark",
}
_CUT: Final = 400


def findings(result: AuditResult) -> tuple[FindingView, ...]:
    """In the order of the engine: the gravest first."""
    return tuple(_finding(finding) for finding in result.findings)


def _finding(finding: Finding) -> FindingView:
    return FindingView(
        severity=finding.severity,
        word=_WORD[finding.severity],
        sentence=title(text(finding.sentence, _CUT)),
        hint=title(text(finding.hint, _CUT)),
    )
