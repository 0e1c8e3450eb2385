"""What every function of this package asks of its arguments."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["check_level", "scores"]


def check_level(level: float) -> None:
    """Raise ValueError unless `level` (alpha or a confidence) lies strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError("a level lies strictly between 0 and 1")


def scores(values: ArrayLike, dimensions: int, low: float = 0.0) -> NDArray[np.float64]:
    """The values as float64; ValueError unless of that rank and all within [low, 1]."""
    array = np.asarray(values, np.float64)
    if array.ndim != dimensions:
        raise ValueError(f"expected an array of {dimensions} dimension(s), not {array.ndim}")
    if not np.all((array >= low) & (array <= 1.0)):
        raise ValueError(f"scores are finite and lie between {low:g} and 1")
    return array
