"""How to run the same audit again: a command and the configuration it reads."""

import json
import re
from typing import Any, Final

from holdfast.records.plan import AuditPlan

__all__ = ["command", "configuration"]

_MODEL: Final = ("task", "architecture", "input")
_DEFAULT_CONFIDENCE: Final = AuditPlan().confidence
# JSON is YAML but for one thing: YAML 1.1 reads 1e-05 as a text, 1.0e-05 as a number.
_BARE_EXPONENT: Final = re.compile(r"(?<![\d.])(\d+)e(?=[-+\d])")


def command(plan: AuditPlan) -> str:
    """The command line. File names are the reader's, so they are place-holders."""
    level = "" if plan.confidence == _DEFAULT_CONFIDENCE else f" --confidence {plan.confidence}"
    return f"holdfast audit MODEL --data IMAGES --config holdfast.yaml{level} -o report.html"


def configuration(plan: AuditPlan) -> str:
    """The plan as a `holdfast.yaml`; reading it gives this plan again."""
    written = plan.model_dump(mode="json", exclude_none=True)
    data = {key: written[key] for key in ("limit", "seed") if key in written}
    lines = [
        "version: 1",
        f"model: {_flow({key: written[key] for key in _MODEL if key in written})}",
        f"data: {_flow(data)}",
        "families:",
        *(f"  {name}: {_flow(family)}" for name, family in written["families"].items()),
    ]
    return "\n".join(lines)


def _flow(value: Any) -> str:  # noqa: ANN401 - a part of a dumped record
    return _BARE_EXPONENT.sub(r"\1.0e", json.dumps(value))
