"""Write what an audit leaves, and read what one left."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_cli.formats import FORMATS, Format, Outcome, Output, format_of

__all__ = ["check_outputs", "parse_result", "read_bytes", "render", "write_outputs"]


def check_outputs(
    paths: Sequence[Path],
    formats: Sequence[str] = (),
    table: Mapping[str, Format[Any]] = FORMATS,
) -> list[Output]:
    """Settle, before any work, what is written where; refuse what could not be written after it.

    Args:
        paths: the files.
        formats: none, and the endings of the files decide; or one for each file, in their order.
        table: what there is.

    Raises:
        HoldfastError: `unsupported_output_format`.
        typer.BadParameter: a file that stands twice or cannot be written, or another number of
            formats than of files.
    """
    if formats and not paths:
        raise typer.BadParameter("name the file to write with -o", param_hint="--format")
    if formats and len(formats) != len(paths):
        files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
        why = f"{len(formats)} for {files}: give it once after each -o, or never"
        raise typer.BadParameter(why, param_hint="--format")
    named: Sequence[str | None] = formats or [format_of(path, table) for path in paths]
    outputs: list[Output] = []
    for path, form in zip(paths, named, strict=True):
        if form is None:
            raise HoldfastError("unsupported_output_format", path=path, known=_known(table))
        if path in [output.path for output in outputs]:
            raise typer.BadParameter(f"{path} stands twice", param_hint="-o")
        _check_place(path)
        outputs.append(Output(path, form))
    return outputs


def _known(table: Mapping[str, Format[Any]]) -> str:
    """Every ending, and what `--format` calls it where that is another word."""
    return ", ".join(
        end if end.strip(".") == name else f"{end} ({name})"
        for name, form in table.items()
        for end in form.endings
    )


def _check_place(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise typer.BadParameter(f"{path.parent} cannot be made", param_hint="-o") from None
    target = path if path.exists() else path.parent
    if path.is_dir() or not os.access(target, os.W_OK):
        raise typer.BadParameter(f"{path} cannot be written", param_hint="-o")


def write_outputs(outputs: Sequence[Output], outcome: Outcome) -> list[Path]:
    """Write every file and, beside a result, its per-sample file; answer what was written."""
    written = []
    for output in outputs:
        output.path.write_bytes(FORMATS[output.form].content(outcome))
        written.append(output.path)
        if output.form == "json" and outcome.samples is not None:
            samples = output.path.with_suffix(".samples.parquet")
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
