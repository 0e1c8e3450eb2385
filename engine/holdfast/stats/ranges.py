"""What a sample says about a range of parameters or a population of images."""

from scipy.special import betaincinv

from holdfast.stats.checks import check_level

__all__ = ["failing_share_bound", "images_needed"]


def failing_share_bound(m: int, failures: int, confidence: float) -> float:
    """Upper bound of the failing share of a parameter range, one-sided.

    For `m` parameters drawn independently and uniformly from the range, `failures` of which failed:
    Clopper-Pearson, 1 - (1 - confidence)^(1/m) for no failure. A statement about coverage, never a
    certificate (science reference, section 2.9).

    Raises:
        ValueError: not 0 <= failures <= m, or confidence is not a level.
    """
    check_level(confidence)
    if not 0 <= failures <= m:
        raise ValueError("failures lie between 0 and the number of draws")
    return 1.0 if failures == m else float(betaincinv(failures + 1, m - failures, confidence))


def images_needed(tau: float, failures: int, confidence: float) -> int:
    """The fewest images that certify a rate of at most tau when `failures` of them fail.

    One-sided Clopper-Pearson (science reference, section 4.3).

    Args:
        tau: the rate to certify, in (0, 1).
        failures: failing images, at least 0.
        confidence: one-sided level.

    Raises:
        ValueError: an argument is outside its range.
    """
    if not 0.0 < tau < 1.0:
        raise ValueError("a rate to certify lies strictly between 0 and 1")
    low, high = failures, max(2 * failures, 1)
    while failing_share_bound(high, failures, confidence) > tau:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = failing_share_bound(middle, failures, confidence) <= tau
        low, high = (low, middle) if enough else (middle, high)
    return high
