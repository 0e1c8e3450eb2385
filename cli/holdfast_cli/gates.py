"""The gate of the command line: the verdict on a result, and what it exits with."""

from collections.abc import Mapping
from typing import Any

from holdfast.gate import judge, read_policy
from holdfast.records.comparison import Comparison
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_cli.exits import EXIT

__all__ = ["decided", "exit_code"]


def decided(
    result: AuditResult, gate: Mapping[str, Any] | None, comparison: Comparison | None = None
) -> Verdict | None:
    """The verdict, or None without a gate."""
    return None if gate is None else judge(result, read_policy(gate), comparison)


def exit_code(verdict: Verdict | None, *, soft_fail: bool) -> int:
    """What the command ends with; a verdict is not an error, so `--soft-fail` can silence it."""
    if verdict is None or soft_fail:
        return EXIT["passed"]
    return EXIT[verdict.decision]
