"""The formats of `-o`: what a file name may end with, and what is then written. The one table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from holdfast.records.comparison import Comparison
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult

__all__ = ["FORMATS", "Outcome", "suffix_of"]


@final
@dataclass(frozen=True)
class Outcome:
    """A finished audit. Report and per-sample file are made or fetched when they are written.

    `name` is what people call the model; `place` is the file that problems are shown at, relative
    to the working folder, because code-hosting sites know no other.
    """

    result: AuditResult
    result_json: bytes
    verdict: Verdict | None
    report: Callable[[], bytes]
    samples: Callable[[], bytes] | None = None
    name: str = ""
    place: str = ""
    comparison: Comparison | None = None


def _junit(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.junit import render_junit

    return render_junit(outcome.result, outcome.verdict, name=outcome.name).encode()


def _sarif(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.sarif import render_sarif

    named = {"name": outcome.name, "path": outcome.place}
    return render_sarif(outcome.result, outcome.verdict, **named).encode()


def _markdown(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.markdown import render_markdown

    return render_markdown(outcome.result, outcome.verdict, name=outcome.name).encode()


def _cells(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.cells import render_cells_csv

    return render_cells_csv(outcome.result).encode()


def _badge(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.badge import render_badge_svg

    return render_badge_svg(outcome.result, outcome.verdict, name=outcome.name).encode()


def _badge_endpoint(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.badge import render_badge_json

    return render_badge_json(outcome.verdict).encode()


def _code_quality(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.gitlab import render_code_quality

    named = {"name": outcome.name, "path": outcome.place}
    return render_code_quality(outcome.result, outcome.verdict, **named).encode()


FORMATS: Final[dict[str, tuple[str, Callable[[Outcome], bytes]]]] = {
    ".html": ("the report", lambda outcome: outcome.report()),
    ".json": ("the result", lambda outcome: outcome.result_json),
    ".xml": ("JUnit", _junit),
    ".sarif": ("SARIF 2.1.0", _sarif),
    ".md": ("a Markdown summary", _markdown),
    ".csv": ("every cell", _cells),
    ".svg": ("a badge", _badge),
    ".badge.json": ("a shields.io endpoint", _badge_endpoint),
    ".codequality.json": ("GitLab Code Quality", _code_quality),
    # The name that GitLab's own documentation gives the file.
    "gl-code-quality-report.json": ("GitLab Code Quality", _code_quality),
}
"""What a file name may end with, what is then written, and how. The longest ending decides."""


def suffix_of(path: Path) -> str | None:
    """The key of `FORMATS` that decides what is written to `path`; None when none does.

    A name that is nothing but a dot and an ending is a hidden file without one.
    """
    name = path.name.lower()
    fitting = [end for end in FORMATS if name.endswith(end) and (end[0] != "." or name != end)]
    return max(fitting, key=len, default=None)
