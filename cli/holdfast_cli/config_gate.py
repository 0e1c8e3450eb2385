"""The `gate:` block of `holdfast.yaml` and its JSON Schema."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from holdfast.catalogue import CATALOGUE, COMPARED, GROUPED
from holdfast.records.base import Record
from holdfast.records.policy import BaselineRule, Ignore

__all__ = ["GATE_MEANING", "GateBlock", "add_gate_schema"]

_OFF: Final = {"enum": ["off", False]}
_NUMBER: Final = {"type": "number"}
_DROP: Final = {"type": "number", "minimum": 0, "maximum": 1}
GATE_MEANING: Final = {
    "BaselineRule": {
        "branch": "The branch whose stored result is the baseline. --baseline wins.",
        "file": "A result.json, or a folder that holds one, relative to this file.",
        "on_missing": "Without a baseline max_drop is inconclusive (error), skipped with a warning "
        "(warn), or skipped (off).",
    },
    "Ignore": {
        "id": "An assertion of this gate.",
        "until": "The last day on which it does not count, UTC; after it the assertion counts "
        "again.",
        "reason": "Why; every report shows it.",
    },
}
"""What the keys of the records mean, one at a time, for editors and the reference page."""


class GateBlock(Record):
    """What must hold: a preset, own assertions, or both."""

    preset: Annotated[
        Literal["smoke", "recommended", "strict"] | None,
        Field(description="Ready-made assertions; those below win over them."),
    ] = None
    assertions: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="Measurement: level or [level, {min: …, max: …, max_drop: …}]; the level "
            "is off, warn or error. The whole confidence interval must keep the limits. Of a "
            "class: measurement@class=NAME; of a group: measurement@group=NAME; of each: `*`.",
        ),
    ]
    on_inconclusive: Annotated[
        Literal["inconclusive", "fail", "pass"],
        Field(description="What too little evidence counts as; left out, exit code 3."),
    ] = "inconclusive"
    baseline: Annotated[BaselineRule, Field(description="What max_drop is measured against.")] = (
        BaselineRule()
    )
    ignore: Annotated[
        tuple[Ignore, ...],
        Field(description="Assertions that do not count for a while, with day and reason."),
    ] = ()


def add_gate_schema(made: dict[str, Any]) -> None:
    """Write into a schema what the reader checks by hand; `made` has the block's definitions.

    Two things no schema can say: that `min` is not above `max`, and that what is ignored is
    asserted.
    """
    defs = made["$defs"]
    defs["Assertion"] = _assertion({"min": _NUMBER, "max": _NUMBER, "max_drop": _DROP})
    defs["AbsoluteAssertion"] = _assertion({"min": _NUMBER, "max": _NUMBER})
    defs["BaselineRule"]["properties"]["on_missing"] = {
        "enum": ["off", "warn", "error", False],
        "default": "error",
        "description": GATE_MEANING["BaselineRule"]["on_missing"],
    }
    defs["BaselineRule"]["not"] = {
        "required": ["branch", "file"],
        "properties": {name: {"type": "string"} for name in ("branch", "file")},
    }
    known = "|".join(re.escape(entry.id) for entry in CATALOGUE if entry.gates)
    grouped = "|".join(map(re.escape, GROUPED))
    by_group = f"^({grouped})@(class|group)=.+$"
    defs["Ignore"]["properties"]["id"]["pattern"] = f"^({known})$|{by_group}"
    gate = defs["GateBlock"]
    gate["properties"]["assertions"].update(
        properties={entry.id: _reference(entry.id) for entry in CATALOGUE if entry.gates},
        patternProperties={by_group: {"$ref": "#/$defs/Assertion"}},
        additionalProperties=False,
    )
    gate["anyOf"] = [{"required": ["preset"], **_not_null("preset")}, _asserts_something()]


def _assertion(limits: dict[str, Any]) -> dict[str, Any]:
    block = {"type": "object", "properties": limits, "additionalProperties": False}

    def pair(level: dict[str, Any], fewest: int) -> dict[str, Any]:
        inside = {**block, "minProperties": fewest}
        return {"type": "array", "prefixItems": [level, inside], "minItems": 2, "maxItems": 2}

    return {"anyOf": [_OFF, pair(_OFF, 0), pair({"enum": ["warn", "error"]}, 1)]}


def _reference(measurement: str) -> dict[str, str]:
    compared = measurement.rpartition(".")[2] in COMPARED
    return {"$ref": f"#/$defs/{'Assertion' if compared else 'AbsoluteAssertion'}"}


def _not_null(key: str) -> dict[str, Any]:
    return {"properties": {key: {"type": "string"}}}


def _asserts_something() -> dict[str, Any]:
    """At least one assertion that is not off."""
    off = {"anyOf": [_OFF, {"type": "array", "prefixItems": [_OFF]}]}
    some = {"minProperties": 1, "not": {"additionalProperties": off}}
    return {"required": ["assertions"], "properties": {"assertions": some}}
