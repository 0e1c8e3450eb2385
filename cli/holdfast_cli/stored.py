"""`holdfast gate` and `holdfast report`: a stored result, judged or rendered again."""

import typer

from holdfast_cli import options as opt

__all__ = ["gate", "report"]


def gate(
    result: opt.ResultPath,
    *,
    config: opt.ConfigPath = None,
    inconclusive: opt.InconclusiveOption = None,
    fail_on: opt.FailOnOption = opt.FailOn.error,
    soft_fail: opt.SoftFail = False,
) -> None:
    """Judge a stored result by the gate of a configuration; runs no model."""
    from holdfast.errors import HoldfastError
    from holdfast_cli.config import DEFAULT_NAME
    from holdfast_cli.gates import decided, exit_code, with_options
    from holdfast_cli.order import find_config
    from holdfast_cli.outputs import read_result
    from holdfast_cli.screen import show_verdict

    block = with_options(find_config(config).gate, inconclusive, fail_on)
    if block is None:
        where = str(config or DEFAULT_NAME)
        raise HoldfastError("invalid_config", where=where, reason="there is no gate to judge by")
    verdict = decided(read_result(result), block)
    show_verdict(result.name, verdict)
    raise typer.Exit(exit_code(verdict, soft_fail=soft_fail))


def report(
    result: opt.ResultPath, *, output: opt.Outputs = None, config: opt.ConfigPath = None
) -> None:
    """Render a stored result again, with the verdict when the configuration has a gate."""
    from holdfast_cli.gates import decided
    from holdfast_cli.local import need
    from holdfast_cli.order import find_config
    from holdfast_cli.outputs import Outcome, check_outputs, read_result, render, write_outputs
    from holdfast_cli.screen import show_written

    if not output:
        raise typer.BadParameter("name the file to write, for example report.html", param_hint="-o")
    check_outputs(output)
    need("report")
    record = read_result(result)
    verdict = decided(record, find_config(config).gate)
    outcome = Outcome(
        result=record,
        result_json=result.read_bytes(),
        verdict=verdict,
        report=lambda: render(record, verdict),
    )
    show_written(write_outputs(output, outcome))
