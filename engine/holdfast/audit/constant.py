"""Recognise a model that ignores its input: its consistency is perfect and worth nothing."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConstantWatch"]


@dataclass
class ConstantWatch:
    """Keeps the range of every class's reference score over all images."""

    tolerance: float
    _low: NDArray[np.float32] | None = field(default=None)
    _high: NDArray[np.float32] | None = field(default=None)

    def add(self, scores: NDArray[np.float32]) -> None:
        """Look at the reference scores (n, k) of n more images."""
        low, high = scores.min(axis=0), scores.max(axis=0)
        self._low = low if self._low is None else np.minimum(self._low, low)
        self._high = high if self._high is None else np.maximum(self._high, high)

    @property
    def constant(self) -> bool:
        """True when no score moved by more than rounding."""
        if self._low is None or self._high is None:
            return False
        scale = max(float(np.abs(self._low).max()), float(np.abs(self._high).max()))
        return float((self._high - self._low).max()) <= self.tolerance * scale
