"""The formats of `-o`: what a file name may end with, and what is then written. The one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, final

from holdfast.records.base import canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult

__all__ = ["COMPARISONS", "FORMATS", "Compared", "Format", "Outcome", "Output", "format_of"]

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Outcome:
    """A finished audit. Report and per-sample file are made or fetched when they are written.

    `name` is what people call the model; `place` is the file that problems are shown at, relative
    to the working folder, because code-hosting sites know no other, and `lines` tells where each
    assertion stands in it. `page` is the address of an
    audit of a service.
    """

    result: AuditResult
    result_json: bytes
    verdict: Verdict | None
    report: Callable[[], bytes]
    samples: Callable[[], bytes] | None = None
    name: str = ""
    place: str = ""
    comparison: Comparison | None = None
    page: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Compared:
    """A comparison and what people call the two audits."""

    found: Comparison
    baseline: str
    candidate: str


@final
@dataclass(frozen=True)
class Format(Generic[T]):
    """One format: what a file name may end with, and what is written."""

    endings: tuple[str, ...]
    content: Callable[[T], bytes]


@final
@dataclass(frozen=True)
class Output:
    """A file to write, and the key of its format."""

    path: Path
    form: str


def _junit(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.junit import render_junit

    return render_junit(outcome.result, outcome.verdict, name=outcome.name).encode()


def _sarif(outcome: Outcome) -> bytes:
    from holdfast_reports.formats.sarif import render_sarif

    named, lines = {"name": outcome.name, "path": outcome.place}, outcome.lines
    return render_sarif(outcome.result, outcome.verdict, **named, lines=lines).encode()


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

    named, lines = {"name": outcome.name, "path": outcome.place}, outcome.lines
    return render_code_quality(outcome.result, outcome.verdict, **named, lines=lines).encode()


def _compared_page(compared: Compared) -> bytes:
    from holdfast_reports.comparing import comparison_html

    return comparison_html(compared.found, compared.baseline, compared.candidate).encode()


def _compared_summary(compared: Compared) -> bytes:
    from holdfast_reports.comparing import render_comparison_markdown

    named = (compared.baseline, compared.candidate)
    return render_comparison_markdown(compared.found, *named).encode()


FORMATS: Final[Mapping[str, Format[Outcome]]] = {
    "html": Format((".html",), lambda outcome: outcome.report()),
    "json": Format((".json",), lambda outcome: outcome.result_json),
    "junit": Format((".xml",), _junit),
    "sarif": Format((".sarif",), _sarif),
    "markdown": Format((".md",), _markdown),
    "csv": Format((".csv",), _cells),
    "badge": Format((".svg",), _badge),
    "shields": Format((".badge.json",), _badge_endpoint),
    # The second is the name that GitLab's own documentation gives the file.
    "codequality": Format((".codequality.json", "gl-code-quality-report.json"), _code_quality),
}
"""What an audit is written as: the name for `--format`, endings of file names, and how."""

COMPARISONS: Final[Mapping[str, Format[Compared]]] = {
    "html": Format((".html",), _compared_page),
    "json": Format((".json",), lambda compared: canonical_json(compared.found) + b"\n"),
    "markdown": Format((".md",), _compared_summary),
}
"""The same for a comparison."""


def format_of(path: Path, table: Mapping[str, Format[Any]] = FORMATS) -> str | None:
    """The format that the name of a file asks for, by its longest ending; None when none does.

    A name that is nothing but a dot and an ending is a hidden file without one.
    """
    name = path.name.lower()
    fitting = [
        (len(end), key)
        for key, form in table.items()
        for end in form.endings
        if name.endswith(end) and (end[0] != "." or name != end)
    ]
    return max(fitting)[1] if fitting else None
