"""Ready-made policies. Their limits come from what real nets measure: ADR 0016.

`smoke` fails what is broken, `recommended` what a team would not want to ship, `strict` is for nets
that were trained or built for it.
"""

from typing import Any, Final

__all__ = ["PRESETS"]

PRESETS: Final[dict[str, dict[str, Any]]] = {
    "smoke": {
        "translation.consistency": ["error", {"min": 0.60}],
        "rotation.consistency": ["error", {"min": 0.60}],
        "scale.consistency": ["error", {"min": 0.60}],
    },
    "recommended": {
        "translation.consistency": ["error", {"min": 0.90}],
        "rotation.consistency": ["error", {"min": 0.80}],
        "scale.consistency": ["error", {"min": 0.80}],
        "translation.accuracy_drop": ["warn", {"max": 0.05}],
        "rotation.accuracy_drop": ["warn", {"max": 0.10}],
        "scale.accuracy_drop": ["warn", {"max": 0.10}],
    },
    "strict": {
        "translation.consistency": ["error", {"min": 0.95}],
        "rotation.consistency": ["error", {"min": 0.95}],
        "scale.consistency": ["error", {"min": 0.95}],
        "translation.worst_case": ["error", {"min": 0.80}],
        "rotation.worst_case": ["error", {"min": 0.80}],
        "scale.worst_case": ["error", {"min": 0.80}],
    },
}
"""Assertions as a configuration writes them, by the preset's name."""
