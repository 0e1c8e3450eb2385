"""`holdfast gate` and `holdfast report`: a stored result, judged or rendered again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast_cli import options as opt

if TYPE_CHECKING:  # these load the records; `holdfast --help` has to stay quick
    from holdfast.records.comparison import Comparison
    from holdfast.records.result import AuditResult
    from holdfast_cli.config import Config
    from holdfast_cli.formats import Outcome

__all__ = ["gate", "report"]


def gate(  # noqa: PLR0913 - these are the options of the command
    result: opt.ResultPath,
    *,
    config: opt.ConfigPath = None,
    set_: opt.Set = None,
    output: opt.Outputs = None,
    format: opt.Formats = None,  # noqa: A002 - typer makes the option's name from it
    inconclusive: opt.InconclusiveOption = None,
    fail_on: opt.FailOnOption = opt.FailOn.error,
    baseline: opt.BaselineOption = None,
    soft_fail: opt.SoftFail = False,
    server: opt.Server = None,
    sandbox: opt.Sandbox = opt.SandboxLevel.auto,
) -> None:
    """Judge a stored result by the gate of a configuration; runs no model.

    RESULT is a file, or with --server the id of an audit.
    """
    from holdfast.errors import HoldfastError
    from holdfast_cli.actions import tell_actions
    from holdfast_cli.gates import exit_code
    from holdfast_cli.local import need_for
    from holdfast_cli.order import GateOptions, config_path, find_config, with_options
    from holdfast_cli.outputs import check_outputs, write_outputs
    from holdfast_cli.screen import show_baseline, show_verdict, show_written
    from holdfast_cli.tree import DEFAULT_NAME

    outputs = check_outputs(output or [], format or [])
    need_for(outputs)
    read = find_config(config, set_ or [])
    block = with_options(read.gate, GateOptions(inconclusive, fail_on, baseline))
    if block is None:
        where = str(config_path(config) or DEFAULT_NAME)
        raise HoldfastError("invalid_config", where=where, reason="there is no gate to judge by")
    stored = _fetched(result, server) if server and not result.exists() else _read(result)
    comparison = _comparison(read, baseline, stored, sandbox)
    outcome = replace(_outcome(stored, config, block, comparison), lines=read.lines)
    show_verdict(result.name, outcome.verdict)
    show_baseline(outcome.verdict, comparison)
    tell_actions(outcome)
    show_written(write_outputs(outputs, outcome))
    raise typer.Exit(exit_code(outcome.verdict, soft_fail=soft_fail))


@dataclass(frozen=True)
class _Stored:
    """A result from wherever it is kept; its per-sample file is read when it is needed."""

    path: Path
    result: "AuditResult"
    result_json: bytes
    samples: Callable[[], bytes]
    page: str = ""


def _read(path: Path) -> _Stored:
    from holdfast_cli.outputs import parse_result, read_bytes

    stored = read_bytes(path)
    beside = path.with_suffix(".samples.parquet")
    return _Stored(path, parse_result(stored, str(path)), stored, lambda: read_bytes(beside))


def _fetched(audit_id: Path, server: str) -> _Stored:
    from holdfast_cli.remote import connect, stored_there

    with connect(server) as client:
        outcome = stored_there(client, str(audit_id))
        samples = outcome.samples() if outcome.samples else b""
    page = outcome.page
    return _Stored(audit_id, outcome.result, outcome.result_json, lambda: samples, page)


def _comparison(
    config: "Config", option: str | None, stored: _Stored, sandbox: opt.SandboxLevel
) -> "Comparison | None":
    """The stored result against its baseline, where one is named and found."""
    from holdfast.sandbox.parent import AuditOutput
    from holdfast_cli.baselines import compared, find_baseline
    from holdfast_cli.local import need
    from holdfast_cli.order import asked_baseline

    asked = asked_baseline(config, option)
    if asked is not None and asked.path is None and config.model is None:
        why = "name a file: the configuration has no model, by which branches keep baselines"
        raise typer.BadParameter(why, param_hint="--baseline")
    found = find_baseline(asked, config.model or stored.path)
    if found is None:
        return None
    need("audit")
    output = AuditOutput(stored.result, stored.result_json, stored.samples())
    return compared(found, output, sandbox.value)


def report(
    result: opt.ResultPath,
    *,
    output: opt.Outputs = None,
    format: opt.Formats = None,  # noqa: A002 - as above
    config: opt.ConfigPath = None,
) -> None:
    """Render a stored result again, with the verdict when the configuration has a gate."""
    from holdfast_cli.local import need_for
    from holdfast_cli.order import find_config
    from holdfast_cli.outputs import check_outputs, write_outputs
    from holdfast_cli.screen import show_written

    if not output:
        raise typer.BadParameter("name the file to write, for example report.html", param_hint="-o")
    outputs = check_outputs(output, format or [])
    need_for(outputs)
    read = find_config(config)
    outcome = replace(_outcome(_read(result), config, read.gate, None), lines=read.lines)
    show_written(write_outputs(outputs, outcome))


def _outcome(
    stored: _Stored,
    config: Path | None,
    block: "Mapping[str, Any] | None",
    comparison: "Comparison | None",
) -> "Outcome":
    """A stored result as if its audit had just ended; its samples stay where they are."""
    from holdfast_cli.formats import Outcome
    from holdfast_cli.gates import decided
    from holdfast_cli.order import place_of
    from holdfast_cli.outputs import render

    verdict = decided(stored.result, block, comparison)
    return Outcome(
        result=stored.result,
        result_json=stored.result_json,
        verdict=verdict,
        report=lambda: render(stored.result, verdict),
        place=place_of(config, stored.path),
        comparison=comparison,
        page=stored.page,
    )
