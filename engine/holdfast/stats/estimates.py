"""Intervals for what is no plain share: differences, unbounded numbers, counts under watch."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln, stdtrit

from holdfast.stats.betting import ConfidenceSequence
from holdfast.stats.intervals import Interval, clopper_pearson

__all__ = [
    "ANYTIME_METHOD",
    "anytime_interval",
    "bernoulli_sequence",
    "difference_interval",
    "real_interval",
]

ANYTIME_METHOD = (
    "Valid at whatever image the audit stops: beta-binomial mixture for shares of 0 and 1, "
    "betting confidence sequence for others; paired Student t only for excess_flip_rate's cells "
    "(Tango) and logit_drift, which are for information"
)
_RARE = 20
_HALF = 0.5


def difference_interval(difference: NDArray[np.float64], confidence: float) -> Interval:
    """Interval for the mean of differences of two rates of the same image, in [-1, 1].

    Student's t on the images (science reference, section 4.5). Where fewer than 20 images have any
    difference that is too optimistic; then -P(d < 0) <= mean <= P(d > 0) with Clopper-Pearson
    bounds, half of the error on each side.

    Args:
        difference: one per image, (n,), n >= 1.
        confidence: two-sided level.
    """
    n, mean = len(difference), float(difference.mean())
    up, down = int((difference > 0).sum()), int((difference < 0).sum())
    if up + down < _RARE:
        low = -clopper_pearson(down, n, confidence)[1]
        high = clopper_pearson(up, n, confidence)[1]
        return Interval(mean, min(low, mean), max(high, mean))
    reach = _student_reach(difference, confidence)
    return Interval(mean, max(-1.0, mean - reach), min(1.0, mean + reach))


def real_interval(values: NDArray[np.float64], confidence: float) -> Interval:
    """Student's t interval for the mean of numbers from 0 upwards, (n,), n >= 2.

    Without a bound on the numbers no interval is exact; this one is asymptotic and for information.
    """
    mean = float(values.mean())
    reach = _student_reach(values, confidence)
    return Interval(mean, max(0.0, mean - reach), mean + reach)


def bernoulli_sequence(k: int, n: int, confidence: float) -> tuple[float, float]:
    """Bounds on a rate after k of n, valid at whatever n one stops looking.

    The mixture K(p) = B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) / (p^k (1 - p)^(n - k)) is a martingale
    for the true p, so by Ville's inequality {p : K(p) < 1 / alpha} covers it at all n at once.
    Source: Robbins, Ann. Math. Statist. 41 (1970), with Jeffreys' prior.

    Args:
        k: how often it happened, 0 to n.
        n: images, >= 1.
        confidence: two-sided level, 1 - alpha.
    """
    level = -math.log(1.0 - confidence) - (betaln(k + 0.5, n - k + 0.5) - betaln(0.5, 0.5))

    def beyond(p: float) -> float:
        seen = k * math.log(p) if k else 0.0
        missed = (n - k) * math.log1p(-p) if k < n else 0.0
        return float(-seen - missed - level)

    tiny, mean = 1e-12, k / n
    low = 0.0 if k == 0 or beyond(tiny) < 0 else float(brentq(beyond, tiny, min(mean, 1 - tiny)))
    high = (
        1.0 if k == n or beyond(1 - tiny) < 0 else float(brentq(beyond, max(mean, tiny), 1 - tiny))
    )
    return low, high


def anytime_interval(scores: NDArray[np.float64], confidence: float) -> Interval:
    """Interval for the mean of scores in [0, 1] in their order, valid wherever one stops."""
    sequence = ConfidenceSequence(1.0 - confidence)
    sequence.update(scores)
    mean = float(scores.mean())
    return Interval(mean, min(sequence.low, mean), max(sequence.high, mean))


def _student_reach(values: NDArray[np.float64], confidence: float) -> float:
    n = len(values)
    if n < 2:  # noqa: PLR2004 - no spread
        return math.inf
    quantile = float(stdtrit(n - 1, 1.0 - (1.0 - confidence) * _HALF))
    return quantile * float(values.std(ddof=1)) / math.sqrt(n)
