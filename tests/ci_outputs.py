"""Audits for the formats that other programs read: every verdict, hostile texts, any order."""

import json
import random
from typing import Any

from factories import audit_data, deep_data, result_of, verdict_on
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from results import finding, measurement

__all__ = ["HOSTILE", "VERDICTS", "hostile", "shuffled", "standings"]

HOSTILE = (
    "\"'><script>alert(1)</script>",
    "]]></failure><x/>",
    "a\r\n::error file=x::owned\n##[error]owned",
    "bell\x07 nul\x00 esc\x1b[31m \ufffe\uffff \u202eright \x85",
    "| `code` **bold** [link](http://evil.example) ![x](y) @team #1 www.evil.example",
    "=cmd|' /C calc'!A0",
    "100 %, %0A: %25 ../..\\",
    "&amp; &#60; {0} {{x}}",
)

_LIMITS: dict[str, dict[str, tuple[str, dict[str, float]]]] = {
    "passed": {"accuracy": ("error", {"min": 0.5})},
    "failed": {
        "accuracy": ("error", {"min": 0.5}),
        "translation.consistency": ("error", {"min": 0.9}),
        "rotation.consistency": ("warn", {"min": 0.99}),
        "scale.consistency": ("error", {"min": 0.97}),
        "scale.drift": ("warn", {"max": 0.03}),
    },
    "inconclusive": {"scale.consistency": ("error", {"min": 0.97})},
    "none": {},
}
VERDICTS = tuple(_LIMITS)


def standings(kind: str) -> tuple[AuditResult, Verdict | None]:
    """An audit with the verdict `kind`, one of `VERDICTS`."""
    result = result_of(audit_data())
    if kind == "none":
        return result, None
    limits = {name.replace(".", "__"): limit for name, limit in _LIMITS[kind].items()}
    verdict = verdict_on(result, **limits)
    assert verdict.decision == kind
    return result, verdict


def hostile(payload: str) -> tuple[AuditResult, Verdict]:
    """An audit that failed, with `payload` wherever the owner of a model or an archive can write.

    A finding's id becomes an assertion's id, so a fault carries the payload into the verdict.
    """
    data = deep_data()
    spoilt = {"sentence": payload, "hint": payload}
    data["findings"] = [
        finding(payload[:80], severity) | spoilt for severity in ("error", "warning", "info")
    ]
    data["measurements"] += [measurement(payload[:80], 0.5, 0.4, 0.6)]
    data["probes"] |= {"class_names": [payload[:80]] * 3}
    data["provenance"] |= {"engine_version": payload[:80], "started_at": payload[:80]}
    for each in data["examples"]:
        each["probe"] = payload
    result = result_of(data)
    policy = {"assertions": {"translation.consistency": ["error", {"min": 0.9}]}}
    return result, judge(result, read_policy(policy))


def shuffled(result: AuditResult, seed: int) -> AuditResult:
    """The same audit with measurements, cells, findings and examples in another order."""
    data: dict[str, Any] = json.loads(result.model_dump_json())
    for name in ("measurements", "cells", "findings", "examples"):
        random.Random(seed).shuffle(data[name])  # noqa: S311 - an order, no secret
    return AuditResult.model_validate_json(json.dumps(data))
