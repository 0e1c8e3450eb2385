"""Intervals for the mean of per-image scores. The image is the statistical unit, never the view.

The views of one image are correlated: an interval that counted them as independent would cover
far less than it says (science reference, section 4.1).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from holdfast.stats.betting import betting_interval

__all__ = [
    "METHOD",
    "Interval",
    "betting_interval",
    "clopper_pearson",
    "design_effect",
    "icc",
    "mean_interval",
    "wilson",
]

METHOD = (
    "Clopper-Pearson on images; for shares per image with the effective sample size "
    "p(1-p)/var; fewer than 20 images off either end: bounds from 'any deviation'; paired "
    "Student t for differences; the upper bound of the worst cell with Bonferroni"
)
_RARE = 20
_MIDDLE = 0.5


@dataclass(frozen=True)
class Interval:
    """An estimate and its two-sided interval."""

    value: float
    low: float
    high: float

    def flipped(self) -> "Interval":
        """The same for one minus the score."""
        return Interval(1.0 - self.value, 1.0 - self.high, 1.0 - self.low)


def clopper_pearson(k: float, n: float, confidence: float) -> tuple[float, float]:
    """Exact binomial interval; `k` and `n` may be real (effective) numbers.

    L = Beta(a/2; k, n-k+1), U = Beta(1-a/2; k+1, n-k), L = 0 at k = 0, U = 1 at k = n.
    Source: Clopper & Pearson, Biometrika 26 (1934).
    """
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1.0, tail))
    high = 1.0 if k >= n else float(betaincinv(k + 1.0, n - k, 1.0 - tail))
    return low, high


def mean_interval(
    bad: NDArray[np.float64], confidence: float, *, step: float | None = None
) -> Interval:
    """Interval for the mean of per-image bad rates in [0, 1].

    Args:
        bad: one score per image, (n,), 0 is ideal.
        confidence: two-sided level.
        step: the smallest positive score that can occur (1 / cells), None for continuous scores.

    Scores that are all 0 or 1 are binomial. Otherwise n_eff = p (1 - p) / var takes the place of n
    (capped by n / step; science reference, section 4.2). When fewer than 20 images are off the end
    that is nearer, 0 or 1, that is too optimistic; then step * P(off) <= mean distance <= P(off).
    """
    n, mean = len(bad), float(bad.mean())
    off = int(np.count_nonzero(bad > 0 if mean <= _MIDDLE else bad < 1))
    if np.all((bad == 0) | (bad == 1)):
        low, high = clopper_pearson(int(np.count_nonzero(bad)), n, confidence)
    elif off < _RARE:
        low, high = clopper_pearson(off, n, confidence)
        low = 0.0 if step is None else low * step
        low, high = (low, high) if mean <= _MIDDLE else (1.0 - high, 1.0 - low)
    else:
        variance = float(bad.var(ddof=1)) / n
        cap = float(n) / (step or 1.0)
        effective = min(cap, mean * (1.0 - mean) / variance) if variance > 0 else float(n)
        low, high = clopper_pearson(mean * effective, effective, confidence)
    return Interval(mean, min(low, mean), max(high, mean))


def wilson(k: float, n: float, confidence: float) -> tuple[float, float]:
    """Score interval of a share, for display; `k` and `n` may be real (effective) numbers.

    (p + z^2/2n +- z sqrt(pq/n + z^2/4n^2)) / (1 + z^2/n). Source: Wilson, JASA 22 (1927).
    """
    z2 = float(ndtri((1.0 + confidence) / 2.0)) ** 2
    p = k / n
    centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = math.sqrt(z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))) / (1.0 + z2 / n)
    # At k = 0 and k = n an end is exact; rounding would leave the estimate outside.
    low = 0.0 if k <= 0 else max(centre - half, 0.0)
    high = 1.0 if k >= n else min(centre + half, 1.0)
    return low, high


def icc(x: NDArray[np.float64]) -> float | None:
    """Correlation of the cells of one image, by analysis of variance.

    (MSB - MSW) / (MSB + (m - 1) MSW); science reference, section 4.1. It lies in [-1/(m-1), 1].

    Args:
        x: scores, (n images, m cells).

    Returns:
        None where it is undefined: fewer than two images or cells, or all scores equal.
    """
    values = np.asarray(x, np.float64)
    n, m = values.shape
    if n < 2 or m < 2 or np.all(values == values[0, 0]):  # noqa: PLR2004 (two make a variance)
        return None
    means = values.mean(axis=1)
    between = m * float(np.sum((means - means.mean()) ** 2)) / (n - 1)
    within = float(np.sum((values - means[:, np.newaxis]) ** 2)) / (n * (m - 1))
    return float((between - within) / (between + (m - 1) * within))


def design_effect(icc: float, m: int) -> float:
    """How many correlated cells weigh as much as one independent one: 1 + (m - 1) icc."""
    return 1.0 + (m - 1) * icc
