"""GitLab Code Quality: the part of the Code Climate format that GitLab reads.

Source: GitLab Docs, "Code Quality report format".
"""

import json
from collections.abc import Mapping
from typing import Final

from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.formats.issues import (
    NOWHERE,
    Severity,
    fingerprints,
    issues,
    line_of,
    subject,
)
from holdfast_reports.words import text

__all__ = ["render_code_quality"]

_SEVERITY: Final[dict[Severity, str]] = {"error": "critical", "warning": "minor", "note": "info"}
_PATH_CUT: Final = 400


def render_code_quality(
    result: AuditResult,
    verdict: Verdict | None,
    *,
    name: str = "",
    path: str = "",
    lines: Mapping[str, int] = NOWHERE,
) -> str:
    """The problems as a JSON array; an empty one when there are none.

    Args:
        result: what was seen.
        verdict: what was decided; None leaves the findings only.
        name: what people call the model; may be hostile.
        path: the file they are shown at, relative to the root of the repository; the name of the
            model when left out.
        lines: where each assertion stands in that file; under an empty name the block of them.
    """
    found, called = issues(result, verdict), subject(result, name)
    prints = fingerprints(found, name=name, path=path)
    report = [
        {
            "description": f"{called}, {issue.title}: {issue.message} {issue.hint}".rstrip(),
            "check_name": issue.rule,
            "fingerprint": fingerprint,
            "severity": _SEVERITY[issue.severity],
            "location": {
                "path": text(path, _PATH_CUT) or called,
                "lines": {"begin": line_of(issue, lines)},
            },
        }
        for issue, fingerprint in zip(found, prints, strict=True)
    ]
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
