"""Write what an audit leaves, and read what one left."""

import os
from collections.abc import Sequence
from pathlib import Path

import typer
from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_cli.formats import FORMATS, Outcome, suffix_of

__all__ = ["check_outputs", "parse_result", "read_bytes", "render", "write_outputs"]


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
