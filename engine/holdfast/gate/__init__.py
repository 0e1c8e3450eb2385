"""Judge a result by a policy: pure, plain Python, decided on the confidence bound."""

from holdfast.gate.against import summary_of
from holdfast.gate.judge import judge
from holdfast.gate.policy import expanded, read_policy
from holdfast.gate.presets import PRESETS

__all__ = ["PRESETS", "expanded", "judge", "read_policy", "summary_of"]
