"""`holdfast gate` and `holdfast report`: a stored result, judged or rendered again."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast_cli import options as opt

if TYPE_CHECKING:  # these load the records; `holdfast --help` has to stay quick
    from holdfast.records.policy import Verdict
    from holdfast.records.result import AuditResult
    from holdfast_cli.formats import Outcome

__all__ = ["gate", "report"]


def gate(
    result: opt.ResultPath,
    *,
    config: opt.ConfigPath = None,
    output: opt.Outputs = None,
    inconclusive: opt.InconclusiveOption = None,
    fail_on: opt.FailOnOption = opt.FailOn.error,
    soft_fail: opt.SoftFail = False,
) -> None:
    """Judge a stored result by the gate of a configuration; runs no model."""
    from holdfast.errors import HoldfastError
    from holdfast_cli.actions import tell_actions
    from holdfast_cli.config import DEFAULT_NAME
    from holdfast_cli.gates import decided, exit_code, with_options
    from holdfast_cli.local import need_for
    from holdfast_cli.order import find_config
    from holdfast_cli.outputs import check_outputs, write_outputs
    from holdfast_cli.screen import show_verdict, show_written

    outputs = output or []
    check_outputs(outputs)
    need_for(outputs)
    block = with_options(find_config(config).gate, inconclusive, fail_on)
    if block is None:
        where = str(config or DEFAULT_NAME)
        raise HoldfastError("invalid_config", where=where, reason="there is no gate to judge by")
    outcome = _outcome(result, config, lambda record: decided(record, block))
    show_verdict(result.name, outcome.verdict)
    tell_actions(outcome)
    show_written(write_outputs(outputs, outcome))
    raise typer.Exit(exit_code(outcome.verdict, soft_fail=soft_fail))


def report(
    result: opt.ResultPath, *, output: opt.Outputs = None, config: opt.ConfigPath = None
) -> None:
    """Render a stored result again, with the verdict when the configuration has a gate."""
    from holdfast_cli.gates import decided
    from holdfast_cli.local import need_for
    from holdfast_cli.order import find_config
    from holdfast_cli.outputs import check_outputs, write_outputs
    from holdfast_cli.screen import show_written

    if not output:
        raise typer.BadParameter("name the file to write, for example report.html", param_hint="-o")
    check_outputs(output)
    need_for(output)
    block = find_config(config).gate
    outcome = _outcome(result, config, lambda record: decided(record, block))
    show_written(write_outputs(output, outcome))


def _outcome(
    path: Path, config: Path | None, decide: Callable[["AuditResult"], "Verdict | None"]
) -> "Outcome":
    """A stored result as if its audit had just ended; its samples stay where they are."""
    from holdfast_cli.formats import Outcome
    from holdfast_cli.order import place_of
    from holdfast_cli.outputs import parse_result, read_bytes, render

    stored = read_bytes(path)
    record = parse_result(stored, str(path))
    verdict = decide(record)
    return Outcome(
        result=record,
        result_json=stored,
        verdict=verdict,
        report=lambda: render(record, verdict),
        place=place_of(config, path),
    )
