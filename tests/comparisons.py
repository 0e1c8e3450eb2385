"""Comparisons made by hand, for what only reads them."""

from typing import Any

from holdfast.records.comparison import Comparison

__all__ = ["change", "comparison_with", "family_change"]

_OLD, _NEW = "1" * 64, "0" * 64  # the results of `results.py` have the second


def change(
    measurement: str, difference: float, low: float, high: float, **more: Any
) -> dict[str, Any]:
    """A measurement that changed from 0.9 at the baseline; `kind` and `name` make it a group's."""
    return {
        "id": measurement,
        "baseline": 0.9,
        "candidate": 0.9 + difference,
        "difference": difference,
        "low": low,
        "high": high,
        "decision": "inconclusive",
        "n_images": 100,
        **more,
    }


def family_change(family: str, p_adjusted: float, flipped: int = 0) -> dict[str, Any]:
    """A family whose flips changed, with as many images that flip now."""
    return {
        "family": family,
        "p_value": p_adjusted,
        "p_adjusted": p_adjusted,
        "lost": 3 * flipped,
        "gained": 0,
        "flipped": [f"{family}/{number}.png" for number in range(min(flipped, 200))],
        "n_flipped": flipped,
    }


def comparison_with(*measurements: dict[str, Any], same: bool = False, **more: Any) -> Comparison:
    """A comparison with these changes and nothing else of interest."""
    return Comparison.model_validate(
        {
            "baseline_sha256": _NEW if same else _OLD,
            "candidate_sha256": _NEW,
            "n_images": 100,
            "margin": 0.01,
            "confidence": 0.95,
            "decision": "inconclusive",
            "sentence": "It was compared.",
            "measurements": list(measurements),
            "families": [],
            "cells": [],
            "flipped": [],
            "n_flipped": 0,
            **more,
        },
        strict=False,
    )
