"""Read the `gate:` block of a configuration as a policy."""

import difflib
from typing import Any

from holdfast.catalogue import CATALOGUE, COMPARED, GROUPED, find
from holdfast.errors import HoldfastError
from holdfast.gate.presets import PRESETS
from holdfast.records.base import read_record
from holdfast.records.policy import GatePolicy

__all__ = ["expanded", "read_policy"]

_LIMITS = ("min", "max", "max_drop")


def read_policy(block: Any) -> GatePolicy:  # noqa: ANN401 - user data
    """Read a policy as users write it.

    Args:
        block: `{"preset": name, "assertions": {id: level | [level, limits]}, "on_inconclusive":
            ..., "baseline": {...}, "ignore": [{id, until, reason}]}`, from YAML or JSON; a preset
            or assertions or both. An id may end with `@class=NAME` or `@group=NAME`. `off` may
            come as False, which is what YAML makes of it.

    Raises:
        HoldfastError: `invalid_policy`; `unknown_assertion` for an id that is no measurement, with
            the nearest one as a suggestion.
    """
    whole = expanded(block)
    assertions = [_assertion(str(key), value) for key, value in whole["assertions"].items()]
    changed = {"assertions": assertions, **_with_off(whole)}
    return read_record(GatePolicy, {**whole, **changed}, "invalid_policy")


def expanded(block: Any) -> dict[str, Any]:  # noqa: ANN401 - user data
    """The block with its preset written out; own assertions win over those of the preset.

    Raises:
        HoldfastError: `invalid_policy` for a block of another form or an unknown preset.
    """
    own = block.get("assertions", {}) if isinstance(block, dict) else None
    if not isinstance(own, dict) or not block.keys() & {"preset", "assertions"}:
        raise HoldfastError("invalid_policy", reason="it needs a preset or a block of assertions")
    preset = block.get("preset")
    if preset is not None and preset not in PRESETS:
        reason = f"preset is none of {', '.join(PRESETS)}"
        raise HoldfastError("invalid_policy", reason=reason)
    rest = {key: value for key, value in block.items() if key != "preset"}
    return {**rest, "assertions": {**(PRESETS[preset] if preset else {}), **own}}


def _with_off(whole: dict[str, Any]) -> dict[str, Any]:
    """`on_missing: off` is False, says YAML; ids of ignores are checked like those asserted."""
    changed: dict[str, Any] = {}
    baseline = whole.get("baseline")
    if isinstance(baseline, dict) and baseline.get("on_missing") is False:
        changed["baseline"] = {**baseline, "on_missing": "off"}
    ignores = whole.get("ignore")
    for each in ignores if isinstance(ignores, list) else []:
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            _check_id(each["id"])
    return changed


def _assertion(written: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - user data
    _check_id(written)
    level, limits = (value[0], value[1]) if _is_pair(value) else (value, {})
    if not isinstance(limits, dict) or not limits.keys() <= set(_LIMITS):
        raise HoldfastError("invalid_policy", reason=f"{written}: limits are {', '.join(_LIMITS)}")
    if "max_drop" in limits and written.partition("@")[0].rpartition(".")[2] not in COMPARED:
        reason = f"{written}: max_drop is for {', '.join(COMPARED)}"
        raise HoldfastError("invalid_policy", reason=reason)
    return {**limits, "id": written, "level": "off" if level is False else level}


def _check_id(written: str) -> None:
    """Refuse what nothing measures, or what nothing measures by class or group."""
    measurement, at, rest = written.partition("@")
    entry = find(measurement)
    if entry is None:
        raise HoldfastError("unknown_assertion", id=written, suggestion=_nearest(measurement, rest))
    if not entry.gates:
        reason = f"{written} is for diagnosis and cannot be asserted"
        raise HoldfastError("invalid_policy", reason=reason)
    kind, _, name = rest.partition("=")
    if at and (kind not in ("class", "group") or not name):
        reason = f"{written} must end with @class=NAME or @group=NAME"
        raise HoldfastError("invalid_policy", reason=reason)
    if at and measurement not in GROUPED:
        reason = f"{written}: by class or group there are {', '.join(GROUPED)}"
        raise HoldfastError("invalid_policy", reason=reason)


def _is_pair(value: Any) -> bool:  # noqa: ANN401 - user data
    return isinstance(value, list | tuple) and len(value) == 2  # noqa: PLR2004 - a pair


def _nearest(measurement: str, rest: str) -> str:
    found = difflib.get_close_matches(measurement, [entry.id for entry in CATALOGUE], n=1)
    whole = f"{found[0]}@{rest}" if found and rest else "".join(found)
    return f"Did you mean {whole}? " if found else ""
