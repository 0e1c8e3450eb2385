"""The seam between the audit and whatever executes a model."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.records.model import ModelCard

__all__ = ["ModelUnderTest", "Scores"]

Scores = NDArray[np.float32]


class ModelUnderTest(Protocol):
    """A description and a call. Everything more wraps it."""

    @property
    def card(self) -> ModelCard:
        """What the model is."""

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w); finite.

        After a first call on its own it is called from several threads at once.

        Raises:
            HoldfastError: `run_failed`, `nonfinite_output`, `unsupported_output`, `memory_limit`.
        """
