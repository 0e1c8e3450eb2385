"""Write what an audit leaves: the suffix decides the format, by one table."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import typer
from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult

__all__ = [
    "FORMATS",
    "Outcome",
    "check_outputs",
    "parse_result",
    "read_bytes",
    "render",
    "suffix_of",
    "write_outputs",
]


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


def check_outputs(paths: Sequence[Path]) -> None:
    """Refuse, before any work, a path that could not be written after it.

    Raises:
        HoldfastError: `unsupported_output_format`.
        typer.BadParameter: a folder that cannot be made or written.
    """
    for path in paths:
        if suffix_of(path) is None:
            raise HoldfastError("unsupported_output_format", path=path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise typer.BadParameter(f"{path.parent} cannot be made", param_hint="-o") from None
        target = path if path.exists() else path.parent
        if path.is_dir() or not os.access(target, os.W_OK):
            raise typer.BadParameter(f"{path} cannot be written", param_hint="-o")


def write_outputs(paths: Sequence[Path], outcome: Outcome) -> list[Path]:
    """Write every path and, beside a result, its per-sample file; answer what was written."""
    written = []
    for path in paths:
        suffix = suffix_of(path)
        if suffix is None:  # whoever writes has checked before any work
            raise HoldfastError("unsupported_output_format", path=path)
        _, content = FORMATS[suffix]
        path.write_bytes(content(outcome))
        written.append(path)
        if suffix == ".json" and outcome.samples is not None:
            samples = path.with_suffix(".samples.parquet")
            samples.write_bytes(outcome.samples())
            written.append(samples)
    return written


def render(result: AuditResult, verdict: Verdict | None, name: str = "") -> bytes:
    """The HTML report, made here; `name` is what people call the model."""
    from holdfast_reports.html import html_report

    return html_report(result, verdict, name=name).encode()


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that the user named.

    Raises:
        HoldfastError: `file_not_found`.
    """
    try:
        return path.read_bytes()
    except OSError:
        raise HoldfastError("file_not_found", path=path) from None


def parse_result(data: bytes, name: str) -> AuditResult:
    """Read the bytes of a result that came from `name`.

    Raises:
        HoldfastError: `invalid_result`.
    """
    try:
        return AuditResult.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise HoldfastError("invalid_result", path=name, reason=reason) from None
