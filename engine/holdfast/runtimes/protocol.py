"""The seam between the audit and whatever executes a model."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.records.model import ModelCard

if TYPE_CHECKING:
    import torch

__all__ = ["ModelUnderTest", "OnDevice", "Scores"]

Scores = NDArray[np.float32]


class OnDevice(Protocol):
    """A device on which tensors can be made and handed to the model: views need not travel."""

    def lanes(self, n: int) -> Sequence[AbstractContextManager[object]]:
        """So many queues of work: a thread in one does not wait for what was begun in another."""

    def put(self, array: NDArray[Any]) -> "torch.Tensor":
        """A copy of an array on the device."""

    def scores(self, batch: "torch.Tensor") -> Scores:
        """What calling the model gives, of a batch on the device."""


class ModelUnderTest(Protocol):
    """A description and a call. Everything more wraps it."""

    @property
    def card(self) -> ModelCard:
        """What the model is."""

    @property
    def on_device(self) -> OnDevice | None:
        """Where its views can be made; None where it takes arrays only."""

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w); finite.

        After a first call on its own it is called from several threads at once.

        Raises:
            HoldfastError: `run_failed`, `nonfinite_output`, `unsupported_output`, `memory_limit`.
        """
