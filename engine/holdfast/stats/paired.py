"""Baseline against candidate on the same images (science reference, sections 4.5 and 4.6)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, chdtrc, ndtri, stdtrit

from holdfast.stats.betting import betting_interval
from holdfast.stats.checks import check_level, scores
from holdfast.stats.intervals import clopper_pearson

__all__ = [
    "ClusteredTest",
    "McNemar",
    "NonInferiority",
    "holm",
    "images_for_noninferiority",
    "mcnemar",
    "modified_obuchowski",
    "noninferiority",
    "tango",
]

_RARE = 20
_ABOVE = 1e-9


@dataclass(frozen=True)
class McNemar:
    """Two-sided p values of "nothing changed"."""

    exact: float
    mid_p: float


@dataclass(frozen=True)
class NonInferiority:
    """Candidate minus baseline of a score (higher is better), and what it decides."""

    difference: float
    low: float
    high: float
    decision: Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class ClusteredTest:
    """A chi-square statistic with one degree of freedom and its p value."""

    statistic: float
    p_value: float


def mcnemar(b: int, c: int) -> McNemar:
    """Discordant counts b, c of one binary cell: exact and mid-p test.

    The mid-p value is the one to read: it kept its level in all scenarios of Fagerland, Lydersen &
    Laake, BMC Medical Research Methodology 13 (2013), and is less timid than the exact one.
    """
    n, fewer = b + c, min(b, c)
    if b == c:
        return McNemar(1.0, 1.0)
    up_to = float(bdtr(fewer, n, 0.5))
    below = float(bdtr(fewer - 1, n, 0.5)) if fewer > 0 else 0.0
    return McNemar(min(1.0, 2.0 * up_to), below + up_to)


def tango(b: int, c: int, n: int, confidence: float) -> tuple[float, float]:
    """Score interval of the paired difference (b - c) / n of two shares, in [-1, 1].

    The roots of T(d) = +-z. Source: Tango, Statistics in Medicine 17 (1998).

    Args:
        b: images where only the first is positive.
        c: images where only the second is positive.
        n: all images, at least b + c and at least 1.
        confidence: two-sided level.

    Raises:
        ValueError: the counts do not fit together, or confidence is not a level.
    """
    check_level(confidence)
    if b < 0 or c < 0 or n < max(b + c, 1):
        raise ValueError("discordant counts are at most the number of images")
    z = float(ndtri((1.0 + confidence) / 2.0))
    return -_tango_upper(c, b, n, z), _tango_upper(b, c, n, z)


def _tango_upper(b: int, c: int, n: int, z: float) -> float:
    """The root above the estimate: where n d - (b - c) is z standard errors."""

    def excess(difference: float) -> float:
        linear = (2 * n - b + c) * difference - b - c
        constant = -c * difference * (1.0 - difference)
        root = math.sqrt(max(linear * linear - 8.0 * n * constant, 0.0))
        q = max((root - linear) / (4.0 * n), 0.0)
        variance = n * (2.0 * q + difference * (1.0 - difference))
        return n * difference - (b - c) - z * math.sqrt(max(variance, 0.0))

    estimate = (b - c) / n
    if estimate >= 1.0:
        return 1.0
    # The excess may be 0 at the estimate itself (no discordance), but is negative right above it.
    above = estimate + _ABOVE * (1.0 - estimate)
    return float(brentq(excess, above, 1.0, xtol=1e-14))


def noninferiority(difference: ArrayLike, margin: float, alpha: float) -> NonInferiority:
    """Is the candidate's mean score at most `margin` below the baseline's?

    Passed when the one-sided lower bound of the mean difference is above -margin, failed when the
    one-sided upper bound is below it. Bounds are those of the paired t; where fewer than 20 images
    differ, the spread of the differences says little, and bounds that hold for any distribution
    take its place: the smaller of Clopper-Pearson on "got worse" and betting on how much, each at
    alpha / 2.

    Args:
        difference: candidate minus baseline of the score per image, (n,), in [-1, 1].
        margin: at least 0, in units of the score.
        alpha: one-sided level of each bound.

    Raises:
        ValueError: no image, a difference outside [-1, 1], a negative margin or alpha no level.
    """
    check_level(alpha)
    change = scores(difference, 1, low=-1.0)
    if len(change) == 0 or not margin >= 0.0:
        raise ValueError("a comparison takes images and a margin of at least 0")
    mean = float(change.mean())
    if np.count_nonzero(change) < _RARE:
        low, high = -_rare_loss(-change, alpha), _rare_loss(change, alpha)
    else:
        half = float(stdtrit(len(change) - 1, 1.0 - alpha) * change.std(ddof=1))
        half /= math.sqrt(len(change))
        low, high = max(mean - half, -1.0), min(mean + half, 1.0)
    if low > -margin:
        return NonInferiority(mean, low, high, "passed")
    return NonInferiority(mean, low, high, "failed" if high < -margin else "inconclusive")


def images_for_noninferiority(
    variance: float, margin: float, alpha: float = 0.05, power: float = 0.9
) -> int:
    """Images that pass a comparison with probability `power` when nothing changed.

    (z_alpha + z_power)^2 variance / margin^2; science reference, section 4.5.

    Args:
        variance: of the difference of one image; for one binary cell its discordant share.
        margin: more than 0, in units of the score.
        alpha: one-sided level of the lower bound.
        power: probability to pass, in (0, 1).

    Raises:
        ValueError: alpha or power is not a level, or the margin is not positive.
    """
    check_level(alpha)
    check_level(power)
    if not margin > 0.0:
        raise ValueError("a sample size takes a margin above 0")
    quantiles = float(ndtri(1.0 - alpha) + ndtri(power))
    return math.ceil(quantiles**2 * variance / margin**2)


def _rare_loss(change: NDArray[np.float64], alpha: float) -> float:
    """Upper bound of the mean of the positive part, hence of the mean."""
    positive = np.maximum(change, 0.0)
    any_of_it = clopper_pearson(int(np.count_nonzero(positive)), len(change), 1.0 - alpha)[1]
    return min(any_of_it, betting_interval(positive, 1.0 - alpha)[1])


def modified_obuchowski(b: ArrayLike, c: ArrayLike, n: ArrayLike) -> ClusteredTest:
    """McNemar's test for several cells per image, which are correlated. Wants 50 images or more.

    With d = b - c per image: (K - 1)/K (sum d)^2 / (half the sum of (d - n sum d / sum n)^2 + d^2).
    Source: Yang, Sun & Hardin, Biometrical Journal 52 (2010), in the form of R's `clust.bin.pair`.

    Args:
        b: cells of each image that only the first got right, (K,).
        c: cells that only the second got right, (K,).
        n: all cells of each image, (K,).
    """
    change = np.asarray(b, np.float64) - np.asarray(c, np.float64)
    cells = np.asarray(n, np.float64)
    total, images = float(change.sum()), len(change)
    if not change.any():
        return ClusteredTest(0.0, 1.0)
    centred = change - cells * total / float(cells.sum())
    variance = 0.5 * float(np.sum(centred**2 + change**2))
    statistic = (images - 1) / images * total**2 / variance
    return ClusteredTest(statistic, float(chdtrc(1.0, statistic)))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p values (g,): those at most alpha are significant with a familywise error of alpha.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    p = scores(p_values, 1)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0)
