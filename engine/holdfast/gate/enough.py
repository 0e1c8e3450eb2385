"""How many images would decide what is too close to call.

Source: the project's science reference, sections 4.3 and 4.5: the width of an interval falls with
the square root of the number of images, and a sample size for power 0.9 adds the quantile of 0.9
to that of the level.
"""

import math
from statistics import NormalDist
from typing import Final

__all__ = ["MOST", "images_to_decide", "needs"]

MOST: Final = 10_000_000
"""Above this the number says only that no probe set will do."""

_POWER_QUANTILE: Final = NormalDist().inv_cdf(0.9)


def images_to_decide(
    n_images: int, value: float, interval: tuple[float, float], limit: float, tail: float
) -> int | None:
    """About how many images decide a limit in 9 of 10 audits, should `value` be the true one.

    n ((z + z_0.9) / z half / distance)^2, `half` being from the value to the bound on the side of
    the limit, `distance` from the value to the limit.

    Args:
        n_images: how many there were.
        value: what was observed.
        interval: its bounds.
        limit: what is asserted.
        tail: probability above one bound, in (0, 0.5): half of alpha for a two-sided interval.

    Returns:
        More than `n_images`; None where no number up to `MOST` will do.
    """
    half = value - interval[0] if value >= limit else interval[1] - value
    distance = abs(value - limit)
    if distance == 0.0 or half <= 0.0:
        return None
    quantile = NormalDist().inv_cdf(1.0 - tail)
    ratio = (quantile + _POWER_QUANTILE) / quantile * half / distance
    if ratio > math.sqrt(MOST / max(n_images, 1)):
        return None
    return max(n_images + 1, math.ceil(n_images * ratio**2))


def needs(images: int | None) -> str:
    """The end of a sentence about something undecided."""
    if images is None:
        return ", and the observed value is so near the limit that more images will hardly help"
    return f"; about {images:,} images would decide it, should the observed value be the true one"
