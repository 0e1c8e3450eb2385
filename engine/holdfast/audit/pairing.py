"""Two results image by image: the scores of the images that both used."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.per_image import FORMS
from holdfast.audit.reading import SamplesRead
from holdfast.records.result import AuditResult
from holdfast.stats import noninferiority

__all__ = ["Pair", "Side", "changed", "paired", "scores"]

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Scores of the same images at the baseline and at the candidate, (n,) each; more is better."""


@dataclass(frozen=True)
class Side:
    """One result and where each common image stands in it, (n,)."""

    result: AuditResult
    read: SamplesRead
    places: NDArray[np.intp]


def scores(side: Side, measurement: str) -> NDArray[np.float64] | None:
    """The common images' scores, more is better; NaN where the measurement does not apply."""
    numbers = side.read.tally.numbers(measurement)
    if numbers is None:
        return None
    everyone = np.full(side.read.tally.n_images, np.nan)
    everyone[numbers.images] = 1.0 - numbers.values
    return everyone[side.places]


def paired(old: Side, new: Side, measurement: str, chosen: NDArray[np.bool_] | None) -> Pair | None:
    """The scores of the images that have one on both sides.

    Args:
        old: the baseline.
        new: the candidate.
        measurement: its id.
        chosen: which of the common images are meant, (n,); None for all.

    Returns:
        None where no image has a score on both sides.
    """
    before, after = scores(old, measurement), scores(new, measurement)
    if before is None or after is None:
        return None
    both = ~np.isnan(before) & ~np.isnan(after)
    if chosen is not None:
        both &= chosen
    return (before[both], after[both]) if both.any() else None


def changed(measurement: str, pair: Pair, margin: float, alpha: float) -> dict[str, Any]:
    """What a record of the change holds: values as the result reports them, the change as a score.

    Args:
        measurement: its id.
        pair: at least one image.
        margin: how much may be lost.
        alpha: one-sided level of the bounds.
    """
    before, after = pair
    found = noninferiority(after - before, margin, alpha)
    good = FORMS[measurement.rpartition(".")[2]] == "good_share"
    shown = [float(side.mean()) for side in pair]
    return {
        "id": measurement,
        "baseline": shown[0] if good else 1.0 - shown[0],
        "candidate": shown[1] if good else 1.0 - shown[1],
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "decision": found.decision,
        "n_images": len(before),
    }
