"""Tests and intervals that stay valid however often one looks: stop as soon as it is decided.

Images come in a random order fixed by a seed, one score in [0, 1] each. By Ville's inequality a
process of wealth that bets fairly against a hypothesis reaches 1 / alpha with probability at most
alpha while the hypothesis is true, at whatever time one looks (science reference, section 4.7;
Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", 2024).
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.stats.betting import ConfidenceSequence, confidence_sequence
from holdfast.stats.checks import check_level, scores

__all__ = [
    "ConfidenceSequence",
    "Decision",
    "EProcess",
    "PairedEProcess",
    "confidence_sequence",
    "images_to_decide",
    "stakes",
]

Decision = Literal["passed", "failed"]

_CLEAR = 0.05
_CLOSE = 0.1
_LARGE = 4
_MOST = 0.999
_FOREVER = 2**53


def stakes(tau: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fixed stakes (b,) against "the mean is at least tau", 0 < tau < 1, and their log weights.

    A stake multiplies the wealth by 1 - stake (x - tau), so 1 / (1 - tau) is the largest that
    cannot go bankrupt. Shares of it: four in geometric steps from the Kelly-optimal one for 0/1
    scores whose mean lies 0.05 below tau (at most a half) to nearly all; two smaller ones, with a
    tenth of the wealth, decide what is closer to tau. Chosen by simulation: ADR 0009.
    """
    nearest = min(_CLEAR / tau, 0.5)
    large = np.geomspace(nearest, _MOST, _LARGE)
    shares = np.concatenate([[nearest / 4.0, nearest / 2.0], large])
    weights = np.concatenate([[_CLOSE / 2.0] * 2, [(1.0 - _CLOSE) / _LARGE] * _LARGE])
    return shares / (1.0 - tau), np.log(weights)


class _Wealth:
    """Mean wealth of the fixed bets that the mean of x is below tau."""

    def __init__(self, tau: float) -> None:
        self._tau = tau
        self._stakes, self._log_wealth = stakes(tau)

    def extend(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log wealth after each of the images x (k,)."""
        steps = np.log1p(-np.outer(x - self._tau, self._stakes))
        # The start is added first, so that blocks of any size add in the same order.
        steps[0] += self._log_wealth
        log_wealth = np.cumsum(steps, axis=0)
        self._log_wealth = log_wealth[-1]
        return np.asarray(np.logaddexp.reduce(log_wealth, axis=1))


class EProcess:
    """Tests the mean of per-image bad rates against tau, image by image, and stops for good.

    Two processes run together: one bets that the mean is below tau (it decides "passed"), one that
    it is above (it decides "failed"). The first to reach 1 / alpha decides. Each wrong decision has
    a probability of at most alpha over the whole, unlimited run.

    At the ends there is nothing to bet on. A rate cannot exceed tau >= 1, so the first image passes
    it; it cannot keep below tau < 0, so the first image fails it. At tau = 0 no number of perfect
    images shows that the rate is 0, so it never passes, and one image with a positive score fails.
    """

    def __init__(self, tau: float, alpha: float) -> None:
        """`tau` is the limit of the mean, `alpha` the probability of each error, in (0, 1).

        Raises:
            ValueError: alpha is not a level, or tau is not a number.
        """
        check_level(alpha)
        if math.isnan(tau):
            raise ValueError("a threshold is a number")
        self._tau = float(tau)
        self._log_level = -math.log(alpha)
        inside = 0.0 < self._tau < 1.0
        self._below = _Wealth(self._tau) if inside else None
        # Scores above tau are complements below 1 - tau, which may round to 1 for a tiny tau.
        self._above = _Wealth(1.0 - self._tau) if inside and 1.0 - self._tau < 1.0 else None
        self._log_e = (0.0, 0.0)
        self._decision: Decision | None = None
        self._n = 0
        self._n_at_decision: int | None = None

    def update(self, x: ArrayLike) -> Decision | None:
        """Take the scores x (k,) in [0, 1] of the next k images; returns the decision so far.

        Blocks of any size give the same numbers as single images.

        Raises:
            ValueError: x is not one-dimensional or a score is outside [0, 1].
        """
        bad = scores(x, 1)
        if len(bad) == 0:
            return self._decision
        passing, failing = self._passing(bad), self._failing(bad)
        if self._decision is None:
            self._decide(passing >= self._log_level, failing >= self._log_level)
        self._n += len(bad)
        self._log_e = float(passing[-1]), float(failing[-1])
        return self._decision

    def _passing(self, bad: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._below is not None:
            return self._below.extend(bad)
        return np.full(len(bad), math.inf if self._tau >= 1.0 else 0.0)

    def _failing(self, bad: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._above is not None:
            return self._above.extend(1.0 - bad)
        if self._tau >= 1.0:
            return np.zeros(len(bad))
        refuted = (bad > self._tau) | (self._log_e[1] > 0.0)
        return np.where(np.logical_or.accumulate(refuted), math.inf, 0.0)

    def _decide(self, passed: NDArray[np.bool_], failed: NDArray[np.bool_]) -> None:
        decided = passed | failed
        if decided.any():
            first = int(decided.argmax())
            self._decision = "failed" if failed[first] else "passed"
            self._n_at_decision = self._n + first + 1

    @property
    def log_e_pass(self) -> float:
        """Natural log of the evidence that the mean is below tau; decides at log(1 / alpha)."""
        return self._log_e[0]

    @property
    def log_e_fail(self) -> float:
        """Natural log of the evidence that the mean is above tau; decides at log(1 / alpha)."""
        return self._log_e[1]

    @property
    def decision(self) -> Decision | None:
        """The first decision that was reached; it is never taken back. None: not yet."""
        return self._decision

    @property
    def n(self) -> int:
        """Images so far, those after the decision included."""
        return self._n

    @property
    def n_at_decision(self) -> int | None:
        """The number of the image, counted from 1, that decided."""
        return self._n_at_decision


class PairedEProcess(EProcess):
    """Is the candidate's mean score at most `margin` below the baseline's? Image by image.

    y = (candidate - baseline + 1) / 2 is in [0, 1]; non-inferiority says that its mean is above
    (1 - margin) / 2 (science reference, section 4.7): the bad rate 1 - y is below (1 + margin) / 2.
    """

    def __init__(self, margin: float, alpha: float) -> None:
        """`margin` in [0, 1) in units of the score, `alpha` as in EProcess.

        Raises:
            ValueError: alpha is not a level or margin is outside [0, 1).
        """
        if not 0.0 <= margin < 1.0:
            raise ValueError("a margin lies between 0 and 1")
        super().__init__((1.0 + margin) / 2.0, alpha)

    def update(self, x: ArrayLike) -> Decision | None:
        """Take the differences x = candidate - baseline (k,) of scores (higher is better).

        Raises:
            ValueError: x is not one-dimensional or a difference is outside [-1, 1].
        """
        return super().update((1.0 - scores(x, 1, low=-1.0)) / 2.0)


def images_to_decide(value: float, variance: float, tau: float, alpha: float) -> int | None:
    """About how many images would decide a gate at tau, were the observed rate the true one.

    Args:
        value: mean bad rate, in [0, 1].
        variance: variance of the score of one image (not of the mean); at most value (1 - value).
        tau: limit of the mean.
        alpha: probability of an error, per side.

    Returns:
        The image at which the wealth of EProcess reaches 1 / alpha when every bet grows at its
        expected rate, for scores of two values with that mean and variance. Exact for equal scores.
        None: it would not be decided.

    Raises:
        ValueError: alpha is not a level.
    """
    check_level(alpha)
    if tau < 0.0 or tau >= 1.0:
        return 1
    if value == tau:
        return None
    points, chances = _two_points(value, variance)
    if tau == 0.0:
        return math.ceil(1.0 / float(chances[points > 0.0].sum()))
    side, limit = (points, tau) if value < tau else (1.0 - points, 1.0 - tau)
    if not 0.0 < limit < 1.0:
        return None
    bets, log_weights = stakes(limit)
    growth = chances @ np.log1p(-np.outer(side - limit, bets))
    if growth.max() <= 0.0:
        return None
    return _first_at(growth, log_weights, -math.log(alpha))


def _two_points(mean: float, variance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (2,) in [0, 1] and chances (2,) with that mean and variance.

    One standard deviation to each side, or 0 and what balances it where that is nearer.
    """
    if mean > 0.5:  # noqa: PLR2004 (the mirrored case)
        points, chances = _two_points(1.0 - mean, variance)
        return 1.0 - points, chances
    spread = min(max(variance, 0.0), mean * (1.0 - mean))
    below = min(math.sqrt(spread), mean)
    if below == 0.0:
        return np.array([mean, mean]), np.array([0.5, 0.5])
    above = spread / below
    chances = np.array([above, below]) / (below + above)
    return np.array([mean - below, mean + above]), chances


def _first_at(
    growth: NDArray[np.float64], weights: NDArray[np.float64], level: float
) -> int | None:
    """The smallest n with log(sum exp(weights + n growth)) >= level, by bisection."""
    low, high = 0, 1
    while np.logaddexp.reduce(weights + high * growth) < level:
        low, high = high, 2 * high
        if high > _FOREVER:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle)
            if np.logaddexp.reduce(weights + middle * growth) >= level
            else (middle, high)
        )
    return high
