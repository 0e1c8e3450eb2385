"""Bounds for the worst cell of a grid, which was selected for looking worst.

The largest of many estimates is too large (science reference, section 4.6): naive intervals of the
selected cell miss on the low side. What each method promises, and what was measured: ADR 0010.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from holdfast.stats.checks import check_level, scores
from holdfast.stats.intervals import mean_interval

__all__ = ["WorstCell", "WorstCellMethod", "worst_cell"]

WorstCellMethod = Literal["each", "bonferroni", "split", "max_t"]

_DRAWS = 1000
_PSEUDO = 2.0


@dataclass(frozen=True)
class WorstCell:
    """The cell with the highest bad rate, and one-sided bounds.

    `place` is its column (the first of equals), `estimate` its observed bad rate; `low` and `bound`
    are a lower and an upper bound, each one-sided at the confidence asked for.
    """

    place: int
    estimate: float
    low: float
    bound: float
    method: WorstCellMethod


def worst_cell(
    bad: ArrayLike, confidence: float, *, method: WorstCellMethod = "each", seed: int = 0
) -> WorstCell:
    """The worst cell of the scores and bounds of its bad rate.

    `each`: the largest of the cells' upper bounds, each at the full level, is a bound for the
    largest rate: already the truly worst cell alone is covered that often. The lower bound does
    need Bonferroni. `bonferroni`: all cells at once. `max_t`: all cells at once by a bootstrap over
    images. `split`: the cell is chosen on a random half of the images and bounded on the other;
    that is a statement about the chosen cell and no bound for the others.

    Args:
        bad: scores of n images in m cells, (n, m), in [0, 1] or bool; n >= 2.
        confidence: one-sided level of each bound.
        method: see above.
        seed: of the split and of the bootstrap.

    Raises:
        ValueError: fewer than two images, no cell, a score outside [0, 1], confidence no level.
    """
    check_level(confidence)
    values = scores(bad, 2)
    if values.shape[0] < 2 or values.shape[1] < 1:  # noqa: PLR2004 (halves of one image)
        raise ValueError("a worst cell takes two images and one cell")
    if method == "split":
        return _split(values, confidence, np.random.default_rng(seed))
    means = values.mean(axis=0)
    place, tail = int(means.argmax()), 1.0 - confidence
    if method == "max_t":
        low, high = _max_t(values, tail, np.random.default_rng(seed))
    else:
        shared = tail / values.shape[1]
        low = float(_bounds(values, shared)[0].max())
        high = float(_bounds(values, tail if method == "each" else shared)[1].max())
    return WorstCell(place, float(means[place]), low, high, method)


def _bounds(
    values: NDArray[np.float64], tail: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds (m,), (m,) of every cell, each missed with probability `tail`."""
    if not np.all((values == 0) | (values == 1)):
        intervals = [mean_interval(column, 1.0 - 2.0 * tail) for column in values.T]
        return np.array([i.low for i in intervals]), np.array([i.high for i in intervals])
    n, k = len(values), values.sum(axis=0)
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1.0 - tail), 1.0)
    return low, high


def _split(values: NDArray[np.float64], confidence: float, draw: np.random.Generator) -> WorstCell:
    shuffled = values[draw.permutation(len(values))]
    half = len(values) // 2
    place = int(shuffled[:half].mean(axis=0).argmax())
    column = shuffled[half:, [place]]
    low, high = _bounds(column, 1.0 - confidence)
    return WorstCell(place, float(column.mean()), float(low[0]), float(high[0]), "split")


def _max_t(
    values: NDArray[np.float64], tail: float, draw: np.random.Generator
) -> tuple[float, float]:
    """Bounds from the largest studentised error of all cells in resamples of the images.

    Two pseudo-observations at each end keep the error of a cell with hardly any flip above 0. Cells
    that do not vary at all tell a bootstrap nothing; they take their bounds from Bonferroni.
    """
    n, means = len(values), values.mean(axis=0)
    centred = values - means
    ends = _PSEUDO * ((1.0 - means) ** 2 + means**2)
    errors = np.sqrt((np.sum(centred**2, axis=0) + ends) / (n + 2.0 * _PSEUDO)) / np.sqrt(n)
    counts = draw.multinomial(n, np.full(n, 1.0 / n), size=_DRAWS)
    deviations = counts @ centred / n / errors
    below = float(np.quantile((-deviations).max(axis=1), 1.0 - tail))
    above = float(np.quantile(deviations.max(axis=1), 1.0 - tail))
    low, high = means - above * errors, means + below * errors
    flat = np.ptp(values, axis=0) == 0.0
    if flat.any():
        low[flat], high[flat] = _bounds(values[:, flat], tail / len(means))
    return max(float(low.max()), 0.0), min(float(high.max()), 1.0)
