"""The gate of the command line: what options change in a policy, and what a verdict exits with."""

from collections.abc import Mapping
from typing import Any

from holdfast.gate import expanded, judge, read_policy
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_cli.exits import EXIT
from holdfast_cli.options import FailOn, Inconclusive

__all__ = ["decided", "exit_code", "with_options"]


def with_options(
    gate: Mapping[str, Any] | None, inconclusive: Inconclusive | None, fail_on: FailOn
) -> Mapping[str, Any] | None:
    """The `gate:` block that options ask for: what they say wins over the file.

    They change the block and not the exit code, so that the report, the service and the screen
    all tell the verdict that was used.
    """
    if gate is None:
        return None
    changed = expanded(gate)
    if inconclusive is not None:
        changed["on_inconclusive"] = inconclusive.value
    if fail_on is FailOn.warn:
        changed["assertions"] = {
            name: _as_error(value) for name, value in changed["assertions"].items()
        }
    return changed


def _as_error(value: object) -> object:
    if isinstance(value, list) and value[0] == "warn":
        return ["error", *value[1:]]
    return value


def decided(result: AuditResult, gate: Mapping[str, Any] | None) -> Verdict | None:
    """The verdict, or None without a gate."""
    return None if gate is None else judge(result, read_policy(gate))


def exit_code(verdict: Verdict | None, *, soft_fail: bool) -> int:
    """What the command ends with; a verdict is not an error, so `--soft-fail` can silence it."""
    if verdict is None or soft_fail:
        return EXIT["passed"]
    return EXIT[verdict.decision]
