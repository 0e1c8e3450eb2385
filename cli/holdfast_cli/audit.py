"""`holdfast audit`: the main job, here or on a service."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import typer

from holdfast_cli import options as opt
from holdfast_cli.exits import EXIT

if TYPE_CHECKING:  # these load the records; `holdfast --help` has to stay quick
    from holdfast_cli.formats import Outcome, Output
    from holdfast_cli.order import Order

__all__ = ["audit"]


def audit(  # noqa: PLR0913 - these are the options of the command
    model: opt.OptionalModelPath = None,
    *,
    data: opt.Data = None,
    config: opt.ConfigPath = None,
    set_: opt.Set = None,
    architecture: opt.Architecture = None,
    input: opt.Input = None,  # noqa: A002 - typer makes the option's name from it
    crop: opt.Crop = None,
    resize: opt.Resize = None,
    limit: opt.Limit = None,
    seed: opt.Seed = None,
    confidence: opt.Confidence = None,
    full: opt.Full = False,
    output: opt.Outputs = None,
    format: opt.Formats = None,  # noqa: A002 - as above
    inconclusive: opt.InconclusiveOption = None,
    fail_on: opt.FailOnOption = opt.FailOn.error,
    baseline: opt.BaselineOption = None,
    save_baseline: opt.SaveBaseline = False,
    soft_fail: opt.SoftFail = False,
    server: opt.Server = None,
    wait: opt.Wait = True,
    timeout: opt.Timeout = "30m",  # type: ignore[assignment] # typer parses the default, too
    project: opt.Project = None,
    branch: opt.Branch = None,
    commit: opt.Commit = None,
    github: opt.GitHub = False,
    sandbox: opt.Sandbox = opt.SandboxLevel.auto,
    device: opt.DeviceOption = opt.DeviceName.cpu,
    threads: opt.Threads = None,
    cache: opt.CacheOption = True,
) -> None:
    """Audit a model: how often does it change its mind when the picture moves?

    Without --server it runs on this machine, in a locked child process.
    """
    from holdfast_cli.order import GateOptions, PlanOptions, find_config, make_order, place_of
    from holdfast_cli.outputs import check_outputs

    outputs = check_outputs(output or [], format or [])
    if outputs and server and not wait:
        raise typer.BadParameter("there is nothing to write with --no-wait", param_hint="-o")
    if save_baseline and server:
        raise typer.BadParameter("a service keeps its own", param_hint="--save-baseline")
    order = make_order(
        model,
        data,
        read := find_config(config, set_ or []),
        PlanOptions(input, crop, resize, limit, seed, confidence, full or None, architecture),
        GateOptions(inconclusive, fail_on, baseline, save_baseline),
    )
    order = replace(order, device=device)
    named = (order.name, place_of(config, order.model), read.lines)
    finish = partial(_finish, named, outputs, (soft_fail, github))
    if server is None:
        code = _here(order, _Here(sandbox, threads, cache, save_baseline, branch), outputs, finish)
    else:
        code = _there(order, server, (project, branch, commit), timeout if wait else None, finish)
    raise typer.Exit(code)


@dataclass(frozen=True)
class _Here:
    """The options of an audit on this machine."""

    sandbox: opt.SandboxLevel
    threads: int | None
    cache: bool
    save_baseline: bool
    branch: str | None


def _here(
    order: "Order", options: _Here, outputs: Sequence["Output"], finish: Callable[["Outcome"], int]
) -> int:
    from holdfast_cli.here import audit_here, keep, named_branch
    from holdfast_cli.local import need, need_for

    need("audit")
    need_for(outputs)
    branch = named_branch(options.branch) if options.save_baseline else ""
    outcome, done = audit_here(order, options.sandbox.value, options.threads, cached=options.cache)
    code = finish(outcome)
    if options.save_baseline:
        keep(order, branch, outcome.verdict, done)
    return code


def _there(
    order: "Order",
    server: str,
    place: tuple[str | None, str | None, str | None],
    timeout_s: float | None,
    finish: Callable[["Outcome"], int],
) -> int:
    """Audit on a service; without a time-out only ask for it."""
    from holdfast_cli.remote import Place, audit_there, connect, start_there

    with connect(server) as client:
        if timeout_s is None:
            typer.echo(start_there(client, order, Place(*place)))
            return EXIT["passed"]
        return finish(audit_there(client, order, Place(*place), timeout_s))


def _finish(
    named: tuple[str, str, Mapping[str, int]],
    outputs: Sequence["Output"],
    flags: tuple[bool, bool],
    outcome: "Outcome",
) -> int:
    from holdfast_cli import screen
    from holdfast_cli.actions import tell_actions
    from holdfast_cli.gates import exit_code
    from holdfast_cli.outputs import write_outputs

    (name, place, lines), (soft_fail, github) = named, flags
    outcome = replace(outcome, name=name, place=place, lines=lines)
    if outcome.page:
        typer.echo(f"on the service: {outcome.page}", err=True)  # stdout is as without one
    screen.show_result(name, outcome.result)
    screen.show_verdict(name, outcome.verdict)
    screen.show_baseline(outcome.verdict, outcome.comparison)
    tell_actions(outcome, {**os.environ, **({"GITHUB_ACTIONS": "true"} if github else {})})
    screen.show_written(write_outputs(outputs, outcome))
    return exit_code(outcome.verdict, soft_fail=soft_fail)
