"""What a person reads on stdout after an audit: the numbers, the reasons, the verdict."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.gate import summary_of
from holdfast.records.comparison import Comparison
from holdfast.records.policy import BaselineRule, Decision, Verdict
from holdfast.records.result import AuditResult, Finding, Measurement, Normalisation

__all__ = ["STYLE", "show_baseline", "show_result", "show_verdict", "show_written"]

STYLE: Final = {
    Decision.passed: "bold green",
    Decision.failed: "bold red",
    Decision.inconclusive: "bold yellow",
}
_HOW: Final = {
    "given": "as asked",
    "most_accurate": "the most accurate one on the labelled images",
    "default": "the default",
}


_HEADLINES: Final = ("consistency", "worst_case", "drift", "accuracy_drop", "robust_accuracy")
_NAMES: Final = 10
_CAUSES: Final = {"resampling": "resampling", "content_loss": "lost content"}


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def show_result(name: str, result: AuditResult) -> None:
    """Print the headline numbers, why the audit ended, and the findings."""
    console = _console()
    probes, (height, width) = result.probes, result.provenance.crop_px
    facts = f"{probes.n_used} images, {probes.n_labelled} labelled, {width} x {height} px"
    console.print(Text.assemble((name, "bold"), f": {facts}"))
    console.print(Text(_preset(result.provenance.normalisation)))
    if probes.skipped:
        console.print(Text(f"{len(probes.skipped)} images could not be used", style="yellow"))
    if result.sequential is not None and result.sequential.stopped:
        seen = result.sequential
        words = f"stopped after {seen.n_images} of {seen.n_planned} images"
        console.print(Text(f"{words}: every assertion is decided"))
    console.print(_table(result.measurements, result.plan.confidence))
    _show_findings(console, result.findings)


def _show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """One line each; causes that are not the motion share a line, which comes first."""
    causes = [
        f"{family} ({_CAUSES[kind]})"
        for family, _, kind in (finding.id.partition(".") for finding in findings)
        if kind in _CAUSES
    ]
    if causes:
        console.print(Text.assemble(("warning", "bold"), f" not geometry: {', '.join(causes)}"))
    for finding in findings:
        if finding.id == "stopped_early" or finding.id.partition(".")[2] in _CAUSES:
            continue
        console.print(Text.assemble((finding.severity, "bold"), f" {finding.id}: "), end="")
        console.print(Text(f"{finding.sentence} {finding.hint}".rstrip()))


def _preset(used: Normalisation) -> str:
    return f"input preset {used.preset}: {_HOW[used.how]}"


def _table(measurements: Sequence[Measurement], confidence: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("measurement")
    table.add_column("value", justify="right")
    table.add_column(f"{100 * confidence:g} % interval")
    for item in _headlines(measurements):
        if item.value is None:
            table.add_row(item.id, "-", Text(item.sentence, style="dim"))
        else:
            table.add_row(item.id, f"{item.value:.4f}", Text(f"[{item.low:.4f}, {item.high:.4f}]"))
    return table


def _headlines(measurements: Sequence[Measurement]) -> Iterator[Measurement]:
    """The numbers that a person reads first; a family that was left out is one row."""
    for family, group in groupby(measurements, key=lambda item: item.id.partition(".")[0]):
        rows = list(group)
        shown = [row for row in rows if row.id == family or row.id.partition(".")[2] in _HEADLINES]
        if shown and all(row.value is None for row in rows) and shown[0].id != family:
            yield shown[0].model_copy(update={"id": family})
        else:
            yield from shown


def show_verdict(name: str, verdict: Verdict | None) -> None:
    """Print the decision first, then each assertion with its reason."""
    console = _console()
    if verdict is None:
        console.print(Text("No gate: nothing was decided.", style="dim"))
        return
    style = STYLE[verdict.decision]
    console.print(Text.assemble((verdict.decision.upper(), style), f" {name}: {verdict.sentence}"))
    for item in verdict.judgements:
        head = (f"  {item.decision}", STYLE[item.decision].removeprefix("bold "))
        level = "" if item.level == "error" else f" ({item.level})"
        console.print(Text.assemble(head, f" {item.id}{level}: {item.sentence}"))


def show_baseline(verdict: Verdict | None, comparison: Comparison | None) -> None:
    """Print what changed against the baseline: families, images, and what it means together."""
    summary = verdict.baseline if verdict else None
    if summary is None and comparison is not None:
        summary = summary_of(comparison, BaselineRule())
    if summary is None:
        return
    console = _console()
    name = summary.name or summary.model_sha256[:12]
    console.print(Text.assemble(("baseline", "bold"), f" {name}: {summary.sentence}"))
    for loss in summary.families:
        if loss.regressed and loss.flipped:
            names = ", ".join(loss.flipped[:_NAMES])
            more = f" and {loss.n_flipped - _NAMES} more" if loss.n_flipped > _NAMES else ""
            console.print(Text(f"  {loss.family} flips: {names}{more}"))
    _show_findings(console, summary.findings)


def show_written(written: Sequence[Path | str]) -> None:
    """Print where the outputs are."""
    for target in written:
        _console().print(Text(f"wrote {target}"))
