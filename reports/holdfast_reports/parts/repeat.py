"""How to run the same audit again: a command and the configuration it reads."""

import json
import re
from typing import Any, Final

from holdfast.records.detail import SequentialEvidence
from holdfast.records.plan import AuditPlan

__all__ = ["command", "configuration"]

_MODEL: Final = ("task", "architecture", "input", "output", "output_kind")
_DEFAULT_CONFIDENCE: Final = AuditPlan().confidence
# JSON is YAML but for one thing: YAML 1.1 reads 1e-05 as a text, 1.0e-05 as a number.
_BARE_EXPONENT: Final = re.compile(r"(?<![\d.])(\d+)e(?=[-+\d])")


def command(plan: AuditPlan) -> str:
    """The command line. File names are the reader's, so they are place-holders."""
    level = "" if plan.confidence == _DEFAULT_CONFIDENCE else f" --confidence {plan.confidence}"
    return f"holdfast audit MODEL --data IMAGES --config holdfast.yaml{level} -o report.html"


def configuration(plan: AuditPlan, evidence: SequentialEvidence | None) -> str:
    """The plan as a `holdfast.yaml`; reading it gives this plan again.

    An audit with evidence stops where its limits are decided, so they belong to what is repeated.
    """
    written = plan.model_dump(mode="json", exclude_none=True)
    data = {key: written[key] for key in ("limit", "seed") if key in written}
    model = {key: written[key] for key in _MODEL if key in written}
    lines = [
        "version: 1",
        f"model: {_flow(model)}",
        f"data: {_flow(data)}",
        "families:",
        *(f"  {name}: {_flow(family)}" for name, family in written["families"].items()),
        f"audit: {_flow({name: written[name] for name in ('controls', 'full', 'causes')})}",
    ]
    if evidence is not None and (asked := _limits(evidence)):
        lines += [
            "gate:",
            "  assertions:",
            *(f"    {json.dumps(name)}: {_flow(['error', each])}" for name, each in asked.items()),
        ]
    return "\n".join(lines)


def _limits(evidence: SequentialEvidence) -> dict[str, dict[str, float]]:
    asked: dict[str, dict[str, float]] = {}
    for test in evidence.tests:
        asked.setdefault(test.id, {})[test.side] = test.limit
    return asked


def _flow(value: Any) -> str:  # noqa: ANN401 - a part of a dumped record
    return _BARE_EXPONENT.sub(r"\1.0e", json.dumps(value))
