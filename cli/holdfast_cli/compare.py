"""`holdfast compare`: what changed between two audits of the same images?"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast_cli import options as opt
from holdfast_cli.exits import EXIT

if TYPE_CHECKING:
    from holdfast.records.comparison import Comparison, FamilyChange

__all__ = ["compare"]

_SHOWN = 10
_WIDEST = 200


class ComparisonFormat(StrEnum):
    """The keys of `holdfast_cli.formats.COMPARISONS`, which loads too much for `--help`."""

    html = "html"
    json = "json"
    markdown = "markdown"


def compare(
    baseline: Annotated[Path, typer.Argument(help="The result.json of the older model.")],
    candidate: Annotated[Path, typer.Argument(help="The result.json of the newer model.")],
    *,
    margin: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="How much of a score may be lost.")
    ] = 0.01,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            help="Write this file; may be given again. Its suffix decides: .html, .json, .md.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - typer makes the option's name from it
        list[ComparisonFormat] | None,
        typer.Option(
            "--format",
            help="What -o writes, whatever the suffix; then once for each -o, in the same order.",
            show_default=False,
        ),
    ] = None,
    sandbox: opt.Sandbox = opt.SandboxLevel.auto,
    server: opt.Server = None,
) -> None:
    """Compare two results image by image; their per-sample files lie beside them.

    With --server they are ids of audits, and the service compares them.
    """
    from holdfast_cli.formats import COMPARISONS, Compared
    from holdfast_cli.local import need
    from holdfast_cli.outputs import check_outputs

    outputs = check_outputs(output or [], format or [], COMPARISONS)
    if any(each.form != "json" for each in outputs):
        need("report")
    found = (
        _here(baseline, candidate, margin, sandbox)
        if server is None
        else _there(server, str(baseline), str(candidate), margin)
    )
    _show(found)
    for each in outputs:
        named = Compared(found, str(baseline), str(candidate))
        each.path.write_bytes(COMPARISONS[each.form].content(named))
        typer.echo(f"wrote {each.path}")
    raise typer.Exit(EXIT[found.decision])


def _here(
    baseline: Path, candidate: Path, margin: float, sandbox: opt.SandboxLevel
) -> "Comparison":
    from holdfast.sandbox.parent import compare_results
    from holdfast_cli.local import child_limits, need

    need("audit")
    pairs = [(path, path.with_suffix(".samples.parquet")) for path in (baseline, candidate)]
    return compare_results(pairs[0], pairs[1], margin, mode=sandbox.value, limits=child_limits(1))


def _there(server: str, baseline: str, candidate: str, margin: float) -> "Comparison":
    from holdfast_cli.remote import compared_there, connect

    with connect(server) as client:
        return compared_there(client, baseline, candidate, margin)


def _show(found: "Comparison") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for title in ("measurement", "baseline", "candidate", "better by", "interval", ""):
        table.add_column(title, justify="left" if title in ("measurement", "") else "right")
    same = found.baseline_sha256 == found.candidate_sha256
    for row in found.measurements:
        table.add_row(
            row.id,
            f"{row.baseline:.3f}",
            f"{row.candidate:.3f}",
            f"{row.difference:+.3f}",
            f"[{row.low:+.3f}, {row.high:+.3f}]".replace("[", "\\["),
            "no change" if same else row.decision,
        )
    # Logs of CI jobs are no terminal, and 80 columns would cut the names.
    free = console.options.update(width=_WIDEST)
    console.width = max(console.width, console.measure(table, options=free).maximum)
    console.print(table)
    for family in found.families:
        console.print(escape(_told(family)), soft_wrap=True)
    for finding in found.findings:
        said = f"{finding.severity} {finding.id}: {finding.sentence} {finding.hint}".rstrip()
        console.print(escape(said), soft_wrap=True)
    if found.flipped:
        lost = escape(_names(found.flipped, found.n_flipped))
        console.print(f"lost their worst case: {lost}", soft_wrap=True)
    console.print(f"{found.decision}: {escape(found.sentence)}", soft_wrap=True)


def _told(family: "FamilyChange") -> str:
    """How many answers a family lost and gained, whether by chance, and at which images."""
    p_value = f"p = {family.p_adjusted:.2g} adjusted over the families"
    answers = "answer" if family.lost == 1 else "answers"
    lost = f"{family.family}: {family.lost} {answers} lost, {family.gained} gained ({p_value})"
    if not family.n_flipped:
        return lost
    return f"{lost}; flip now, held before: {_names(family.flipped, family.n_flipped)}"


def _names(names: Sequence[str], n: int) -> str:
    more = f" and {n - _SHOWN} more" if n > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
