"""GitHub annotations: lines on stdout that the runner shows beside a file.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; the escapes are those of
`@actions/core`, `command.ts`.
"""

from collections.abc import Mapping
from typing import Final

from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.formats.issues import NOWHERE, Issue, Severity, issues, line_of, subject
from holdfast_reports.words import text

__all__ = ["render_annotations"]

_KIND: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "note": "notice"}
_MOST: Final = 10
"""The runner shows so many of each kind per step and drops the rest without a word."""

_PATH_CUT: Final = 400


def render_annotations(
    result: AuditResult,
    verdict: Verdict | None,
    *,
    name: str = "",
    path: str = "",
    lines: Mapping[str, int] = NOWHERE,
) -> str:
    """One line per problem, at most 10 of each kind, the gravest first; empty when there is none.

    Args:
        result: what was seen.
        verdict: what was decided; None leaves the findings only.
        name: what people call the model; may be hostile.
        path: the file beside which they are shown, relative to the root of the repository.
        lines: where each assertion stands in that file; under an empty name the block of them.
    """
    found, called, file = issues(result, verdict), subject(result, name), text(path, _PATH_CUT)
    told = []
    for severity in _KIND:
        kept = [issue for issue in found if issue.severity == severity]
        told += [_line(issue, called, file, line_of(issue, lines)) for issue in kept[:_MOST]]
    return "".join(f"{line}\n" for line in told)


def _line(issue: Issue, called: str, file: str, line: int) -> str:
    values = {"file": file, "line": str(line) if file else "", "title": f"{called}: {issue.title}"}
    given = ",".join(f"{key}={_property(value)}" for key, value in values.items() if value)
    return f"::{_KIND[issue.severity]} {given}::{_data(f'{issue.message} {issue.hint}'.rstrip())}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
