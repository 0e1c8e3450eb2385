"""Any number of images for a model with a batch of its own, and a check that batches are honest."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard
from holdfast.runtimes.protocol import ModelUnderTest, Scores

__all__ = ["FAILS_IN_BATCHES", "MIXES_IMAGES", "Batched"]

FAILS_IN_BATCHES = "declares a free batch but fails on two images; run one by one"
MIXES_IMAGES = "an image's scores depend on what else is in the batch; run one by one"
_FAILURES = ("run_failed", "unsupported_output")
# Half precision and other orders of summing move scores by far less than this share of their
# spread; a batch that was baked into the graph moves them by all of it.
_MIX_TOLERANCE = 0.02


@final
class Batched:
    """Takes batches of any size: chunks and pads them to what the model takes.

    The first batch of two or more images also runs as single images. A model that declares a free
    batch and cannot keep it, or mixes its images, runs one by one from there, and its card says so.
    """

    def __init__(self, model: ModelUnderTest) -> None:
        """Wrap a model that takes exactly the batches its card names."""
        self._model = model
        self._card = model.card
        self._trusted = not self._can_be_single()

    @property
    def card(self) -> ModelCard:
        """What the model is; `batch` and `warnings` may change with the first call."""
        return self._card

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w), n >= 1; see `ModelUnderTest`."""
        if not self._trusted and len(batch) > 1:
            self._check(batch[:2])
            self._trusted = True
        size = self._card.batch or self._card.batch_max or len(batch)
        floor = self._card.batch or self._card.batch_min
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return np.concatenate([self._run(part, floor) for part in parts])

    def _can_be_single(self) -> bool:
        return self._card.batch is None and self._card.batch_min == 1

    def _check(self, pair: NDArray[np.float32]) -> None:
        alone = np.concatenate([self._model(pair[:1]), self._model(pair[1:])])
        try:
            together = self._model(pair)
        except HoldfastError as error:
            if error.code not in _FAILURES:
                raise
            self._one_by_one(FAILS_IN_BATCHES)
            return
        if _differ(alone, together):
            self._one_by_one(MIXES_IMAGES)

    def _one_by_one(self, why: str) -> None:
        warnings = (*self._card.warnings, why)
        self._card = self._card.model_copy(update={"batch": 1, "warnings": warnings})

    def _run(self, part: NDArray[np.float32], size: int) -> Scores:
        """Fill a batch up to `size` with copies of its last image; their scores are dropped."""
        missing = size - len(part)
        if missing <= 0:
            return self._model(part)
        padded = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
        return self._model(padded)[: len(part)]


def _differ(alone: Scores, together: Scores) -> bool:
    if alone.shape != together.shape:
        return True
    spread = float(alone.max() - alone.min())
    return float(np.abs(alone - together).max()) > _MIX_TOLERANCE * spread
