"""Judge a result by a policy: pure, plain Python, decided on the confidence bound."""

from holdfast.gate.judge import judge
from holdfast.gate.policy import read_policy

__all__ = ["judge", "read_policy"]
