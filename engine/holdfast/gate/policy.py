"""Read the `gate:` block of a configuration as a policy."""

import difflib
from typing import Any

from holdfast.catalogue import CATALOGUE, find
from holdfast.errors import HoldfastError
from holdfast.gate.presets import PRESETS
from holdfast.records.base import read_record
from holdfast.records.policy import GatePolicy

__all__ = ["expanded", "read_policy"]


def read_policy(block: Any) -> GatePolicy:  # noqa: ANN401 - user data
    """Read a policy as users write it.

    Args:
        block: `{"preset": name, "assertions": {id: level | [level, limits]}, "on_inconclusive":
            ...}`, from YAML or JSON; a preset or assertions or both. `off` may come as False,
            which is what YAML makes of it.

    Raises:
        HoldfastError: `invalid_policy`; `unknown_assertion` for an id that is no measurement, with
            the nearest one as a suggestion.
    """
    whole = expanded(block)
    assertions = [_assertion(str(key), value) for key, value in whole["assertions"].items()]
    return read_record(GatePolicy, {**whole, "assertions": assertions}, "invalid_policy")


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


def _assertion(measurement_id: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - user data
    entry = find(measurement_id)
    if entry is None:
        raise HoldfastError(
            "unknown_assertion", id=measurement_id, suggestion=_nearest(measurement_id)
        )
    if not entry.gates:
        reason = f"{measurement_id} is for diagnosis and cannot be asserted"
        raise HoldfastError("invalid_policy", reason=reason)
    level, limits = (value[0], value[1]) if _is_pair(value) else (value, {})
    if not isinstance(limits, dict) or not limits.keys() <= {"min", "max"}:
        raise HoldfastError("invalid_policy", reason=f"{measurement_id}: limits are min and max")
    return {**limits, "id": measurement_id, "level": "off" if level is False else level}


def _is_pair(value: Any) -> bool:  # noqa: ANN401 - user data
    return isinstance(value, list | tuple) and len(value) == 2  # noqa: PLR2004 - a pair


def _nearest(measurement_id: str) -> str:
    found = difflib.get_close_matches(measurement_id, [entry.id for entry in CATALOGUE], n=1)
    return f"Did you mean {found[0]}? " if found else ""
