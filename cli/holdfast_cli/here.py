"""An audit on this machine with its baseline and its verdict."""

import typer

from holdfast.records.policy import Decision, Verdict
from holdfast.sandbox.parent import AuditOutput, SandboxMode
from holdfast_cli.baselines import branch_here, compared, find_baseline, keep_baseline
from holdfast_cli.cache import Cache, cache_folder
from holdfast_cli.formats import Outcome
from holdfast_cli.gates import decided
from holdfast_cli.local import child_limits, measure_here, mode_for
from holdfast_cli.order import Order
from holdfast_cli.outputs import render

__all__ = ["audit_here", "keep", "named_branch"]


def audit_here(
    order: Order, mode: SandboxMode, threads: int | None, *, cached: bool
) -> tuple[Outcome, AuditOutput]:
    """Measure, compare with the baseline where there is one, and judge.

    Raises:
        HoldfastError: everything that can be wrong with the model, the images or the machine, and
            `not_comparable`.
    """
    baseline = find_baseline(order.baseline, order.model)
    folder = cache_folder() if cached else None
    done = measure_here(order, mode, child_limits(threads), Cache(folder) if folder else None)
    comparison = compared(baseline, done, mode_for(order, mode)) if baseline else None
    verdict = decided(done.result, order.gate, comparison)
    outcome = Outcome(
        result=done.result,
        result_json=done.result_json,
        verdict=verdict,
        report=lambda: render(done.result, verdict, order.name),
        samples=lambda: done.samples,
        comparison=comparison,
    )
    return outcome, done


def named_branch(branch: str | None) -> str:
    """The branch that a baseline is kept for.

    Raises:
        typer.BadParameter: none is named and none is checked out.
    """
    named = branch or branch_here()
    if named is None:
        raise typer.BadParameter("name the branch", param_hint="--branch")
    return named


def keep(order: Order, branch: str, verdict: Verdict | None, done: AuditOutput) -> None:
    """Store a result as the baseline of a branch, unless its gate did not pass."""
    if verdict is not None and verdict.decision is not Decision.passed:
        typer.echo(f"not kept as the baseline of {branch}: the gate did not pass", err=True)
        return
    typer.echo(f"kept as the baseline of {branch}: {keep_baseline(branch, order.model, done)}")
