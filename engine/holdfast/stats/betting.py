"""Two-sided intervals by betting: for a fixed number of images and for every number at once.

Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024;
science reference, sections 4.2 and 4.7.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.stats.checks import check_level, scores

__all__ = ["ConfidenceSequence", "betting_interval", "confidence_sequence"]

_CAP = 0.5
_CHUNK = 64
_HALVINGS = 40


def _predictable_variance(
    x: NDArray[np.float64], carried: tuple[int, float, float] = (0, 0.0, 0.0)
) -> tuple[NDArray[np.float64], tuple[int, float, float]]:
    """Variance (k,) known before each image, as if one image had told 1/4; and what to carry on.

    What is carried: images so far, sum of the scores, sum of squared distances to the running mean.
    """
    n, total, squares = carried
    t = n + np.arange(1, len(x) + 1)
    sums = np.cumsum(np.concatenate([[total], x]))[1:]
    squared = (x - (0.5 + sums) / (t + 1)) ** 2
    spread = np.cumsum(np.concatenate([[squares], squared]))
    variance = (0.25 + spread[:-1]) / t
    return variance, (n + len(x), float(sums[-1]), float(spread[-1]))


def _log_wealth(
    x: NDArray[np.float64], bets: NDArray[np.float64], mean: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gains in log wealth of bets that the true mean is above `mean`; at most half is staked."""
    cap = _CAP / np.maximum(mean, np.finfo(np.float64).tiny)
    return np.asarray(np.log1p(np.minimum(bets, cap) * (x - mean)))


def betting_interval(x: ArrayLike, confidence: float) -> tuple[float, float]:
    """Interval for the mean of scores x (n,) in [0, 1] that needs no approximation at all.

    Hedged betting with stakes sqrt(2 ln(2/a) / (n var)), var from the earlier images only, at most
    half the wealth (science reference, sections 4.2 and 4.7). Valid for every n and distribution,
    and 1.2 to 2.2 times as wide as Student's interval; for rare events, where that one fails. The
    order of the images must be random: it matters for the bounds, not for their validity.

    Returns:
        Lower and upper bound, in [0, 1]; (0, 1) for no image.

    Raises:
        ValueError: x is not one-dimensional or outside [0, 1], or confidence is not a level.
    """
    check_level(confidence)
    bad = scores(x, 1)
    if len(bad) == 0:
        return 0.0, 1.0
    level = math.log(2.0 / (1.0 - confidence))
    bets = np.sqrt(2.0 * level / (len(bad) * _predictable_variance(bad)[0]))
    low = _root(lambda mean: float(np.cumsum(_log_wealth(bad, bets, mean)).max()) >= level)
    good = 1.0 - bad
    high = 1.0 - _root(lambda mean: float(np.cumsum(_log_wealth(good, bets, mean)).max()) >= level)
    # In an order far from random both ends can be refuted; the hull of the ends is then returned.
    return min(low, high), max(low, high)


def _root(refuted: Callable[[float], bool]) -> float:
    """The largest refuted mean, from below; every mean under a refuted one is refuted too."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


class ConfidenceSequence:
    """An interval for the mean of scores in [0, 1] that is right at all times at once.

    Hedged betting with predictable mixture stakes sqrt(2 ln(2/a) / (var t ln(1 + t))), capped at
    half the wealth, on a grid of means; the running intersection is kept. The probability that the
    interval ever misses the true mean is at most alpha. Bounds are rounded outwards to the grid.
    """

    def __init__(self, alpha: float, *, resolution: float = 2.5e-4) -> None:
        """`alpha` in (0, 1); `resolution` is the step of the grid of means, in (0, 0.5].

        Raises:
            ValueError: alpha is not a level or the resolution is outside its range.
        """
        check_level(alpha)
        if not 0.0 < resolution <= _CAP:
            raise ValueError("the resolution lies between 0 and 0.5")
        self._level = math.log(2.0 / alpha)
        self._grid = np.linspace(0.0, 1.0, math.ceil(1.0 / resolution) + 1)
        self._up = np.zeros(len(self._grid))
        self._down = np.zeros(len(self._grid))
        self._first, self._last = 0, len(self._grid) - 1
        self._empty = False
        self._carried = (0, 0.0, 0.0)

    def update(self, x: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the scores x (k,) of the next k images.

        Returns:
            Lower and upper bounds (k,) after each of them. Should every mean be refuted (it
            happens with probability at most alpha), the last interval that was not empty stays.

        Raises:
            ValueError: x is not one-dimensional or a score is outside [0, 1].
        """
        new = scores(x, 1)
        low, high = np.empty(len(new)), np.empty(len(new))
        for start in range(0, len(new), _CHUNK):
            part = slice(start, start + _CHUNK)
            low[part], high[part] = self._extend(new[part])
        return low, high

    def _extend(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        variance, carried = _predictable_variance(x, self._carried)
        t = self._carried[0] + np.arange(1, len(x) + 1)
        self._carried = carried
        if self._empty:
            return np.full(len(x), self.low), np.full(len(x), self.high)
        bets = np.sqrt(2.0 * self._level / (variance * t * np.log1p(t)))[:, np.newaxis]
        alive = self._alive(x[:, np.newaxis], bets)
        first, last = self._first + alive.argmax(1), self._last - alive[:, ::-1].argmax(1)
        left = int(alive.any(1).sum())
        self._empty = left < len(x)
        first[left:], last[left:] = (
            (first[left - 1], last[left - 1]) if left else (self._first, self._last)
        )
        self._first, self._last = int(first[-1]), int(last[-1])
        return self._outside(first, -1), self._outside(last, 1)

    def _alive(self, x: NDArray[np.float64], bets: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(k, points): is a mean of the grid, of those still alive, not refuted up to an image?"""
        part = slice(self._first, self._last + 1)
        means = self._grid[part]
        up, down = _log_wealth(x, bets, means), _log_wealth(1.0 - x, bets, 1.0 - means)
        for wealth, gains in ((self._up, up), (self._down, down)):
            gains[0] += wealth[part]
            np.cumsum(gains, axis=0, out=gains)
            wealth[part] = gains[-1]
        return np.logical_and.accumulate(np.maximum(up, down) < self._level, axis=0)

    def _outside(self, index: NDArray[np.intp], step: int) -> NDArray[np.float64]:
        """The bound lies between the last mean that is alive and the next one, which is refuted."""
        return np.asarray(self._grid[np.clip(index + step, 0, len(self._grid) - 1)])

    @property
    def n(self) -> int:
        """Images so far."""
        return self._carried[0]

    @property
    def low(self) -> float:
        """Lower bound of the mean."""
        return float(self._grid[max(self._first - 1, 0)])

    @property
    def high(self) -> float:
        """Upper bound of the mean."""
        return float(self._grid[min(self._last + 1, len(self._grid) - 1)])


def confidence_sequence(
    x: ArrayLike, alpha: float, *, resolution: float = 2.5e-4
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds (n,), (n,) of the mean after each of the scores x (n,): see ConfidenceSequence."""
    return ConfidenceSequence(alpha, resolution=resolution).update(x)
