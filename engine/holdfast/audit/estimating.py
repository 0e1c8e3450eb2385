"""From the images' numbers to a value with its interval, for a fixed number of images or any."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.per_image import Form
from holdfast.audit.tally import Numbers
from holdfast.stats import (
    Interval,
    anytime_interval,
    bernoulli_sequence,
    clopper_pearson,
    difference_interval,
    mean_interval,
    real_interval,
)

__all__ = ["Estimator"]


@dataclass(frozen=True)
class Estimator:
    """How intervals are made.

    Attributes:
        confidence: two-sided level.
        anytime: True for an audit that may stop at any image, whose intervals must hold wherever
            that is (time-uniform); False for a number of images that was fixed before.
    """

    confidence: float
    anytime: bool

    def estimate(self, numbers: Numbers, form: Form) -> Interval:
        """Value and interval of a measurement in the direction in which it is reported."""
        values = numbers.values
        if form == "real":
            return real_interval(values, self.confidence)
        if form == "difference":
            return self._difference(values)
        bad = self._bad_rate(values, numbers.step)
        return bad.flipped() if form == "good_share" else bad

    def binomial(self, k: int, n: int, confidence: float | None = None) -> tuple[float, float]:
        """Interval of a rate from a count."""
        level = confidence or self.confidence
        if self.anytime:
            return bernoulli_sequence(k, n, level)
        return clopper_pearson(k, n, level)

    def _bad_rate(self, bad: NDArray[np.float64], step: float | None) -> Interval:
        if not self.anytime:
            return mean_interval(bad, self.confidence, step=step)
        if np.all((bad == 0) | (bad == 1)):
            k, n = int(np.count_nonzero(bad)), len(bad)
            return Interval(k / n, *bernoulli_sequence(k, n, self.confidence))
        return anytime_interval(bad, self.confidence)

    def _difference(self, values: NDArray[np.float64]) -> Interval:
        if not self.anytime:
            return difference_interval(values, self.confidence)
        half = anytime_interval((values + 1.0) / 2.0, self.confidence)
        return Interval(float(values.mean()), 2.0 * half.low - 1.0, 2.0 * half.high - 1.0)
