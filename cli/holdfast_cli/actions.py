"""What GitHub Actions shows of an audit: a summary, annotations beside a file, step outputs.

Source: GitHub Docs, "Workflow commands for GitHub Actions".
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import typer

from holdfast_cli.formats import Outcome

__all__ = ["MAX_SUMMARY_BYTES", "tell_actions"]

MAX_SUMMARY_BYTES: Final = 1_000_000
"""The runner throws a whole summary away above 1 MiB per step; several may share the step."""

_VARIABLES: Final = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ACTIONS")


def tell_actions(outcome: Outcome, environ: Mapping[str, str] = os.environ) -> None:
    """Tell a runner of GitHub Actions what was decided; anywhere else do nothing.

    Each part has a variable of its own, as on the runner: GITHUB_STEP_SUMMARY, GITHUB_OUTPUT,
    GITHUB_ACTIONS. A file that cannot be written costs its part and a line on stderr, never the
    exit code of the gate.
    """
    if not any(environ.get(name) for name in _VARIABLES):
        return
    from holdfast_reports.formats.github import render_annotations
    from holdfast_reports.formats.markdown import render_markdown

    result, verdict = outcome.result, outcome.verdict
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        summary = render_markdown(result, verdict, name=outcome.name)
        _append(Path(path), _cut(summary.encode(), _size(Path(path))))
    if path := environ.get("GITHUB_OUTPUT"):
        decision = verdict.decision if verdict else "none"
        passed = str(decision in ("passed", "none")).lower()
        page = f"report-url={outcome.page}\n" if outcome.page else ""
        _append(Path(path), f"decision={decision}\npassed={passed}\n{page}".encode())
    if environ.get("GITHUB_ACTIONS") == "true":
        named = {"name": outcome.name, "path": outcome.place}
        typer.echo(render_annotations(result, verdict, **named, lines=outcome.lines), nl=False)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _cut(summary: bytes, already: int) -> bytes:
    """What still fits, up to the end of a line; a summary that is cut says so."""
    room = MAX_SUMMARY_BYTES - already
    if len(summary) <= room:
        return summary
    note = b"\nThe summary was cut; the report holds everything.\n"
    kept = summary[: max(0, room - len(note))]
    return kept[: kept.rfind(b"\n") + 1] + note if room > len(note) else b""


def _append(path: Path, content: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError:
        typer.echo(f"{path} cannot be written; the runner shows less", err=True)
