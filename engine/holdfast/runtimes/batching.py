"""Any number of images for a model with a batch of its own, and a check that batches are honest."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.model import Arithmetic, Batching, ModelCard
from holdfast.runtimes.protocol import ModelUnderTest, OnDevice, Scores
from holdfast.runtimes.sizes import size_that_works

if TYPE_CHECKING:
    import torch

__all__ = ["CRASHES_IN_BATCHES", "FAILS_IN_BATCHES", "MIXES_IMAGES", "Batched"]

FAILS_IN_BATCHES = "declares a free batch but fails on several images; run one by one"
MIXES_IMAGES = "an image's scores depend on what else is in the batch; run one by one"
CRASHES_IN_BATCHES = "crashed the runtime on a batch; run one by one"
_WORDS = {
    Batching.fails: FAILS_IN_BATCHES,
    Batching.mixes: MIXES_IMAGES,
    Batching.crashes: CRASHES_IN_BATCHES,
}
_FAILURES = ("run_failed", "unsupported_output")
_COMPARED = 4
_Images: TypeAlias = "NDArray[np.float32] | torch.Tensor"
_Ask: TypeAlias = Callable[[Any], Scores]
# Other orders of summing move scores by far less than this share of their spread; batch statistics,
# or a batch that was baked into the graph, move them by more.
_MIX_TOLERANCE = {Arithmetic.float32: 1e-3, Arithmetic.float16: 0.02, Arithmetic.int8: 0.02}


@final
class Batched:
    """Takes batches of any size: chunks and pads them to what the model takes.

    The first few images of the first batch also run as single images. A model that declares a free
    batch and cannot keep it, or mixes its images, runs one by one from there, and its card says so.
    One that takes a fixed batch then sees copies of one image.
    """

    def __init__(self, model: ModelUnderTest, *, single: bool = False) -> None:
        """Wrap a model that takes exactly the batches its card names.

        `single` runs it one by one from the start, because a batch is known to crash it.
        """
        self._model = model
        self._card = model.card
        self._floor = model.card.batch or model.card.batch_min
        self._size = model.card.batch or model.card.batch_max
        self._ran = False
        self._trusted = self._size == 1
        if single and not self._trusted:
            self._one_by_one(Batching.crashes)

    @property
    def card(self) -> ModelCard:
        """What the model is; `batch`, `batching` and `warnings` may change with the first call."""
        return self._card

    @property
    def inner(self) -> ModelUnderTest:
        """The model that takes exactly the batches its card names."""
        return self._model

    @property
    def on_device(self) -> "_BatchedOnDevice | None":
        """The same for tensors, where the model takes them."""
        device = self._model.on_device
        return None if device is None else _BatchedOnDevice(device, self)

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w), n >= 1; see `ModelUnderTest`.

        Raises:
            HoldfastError: also `size_not_taken` when the first run fails on its size alone.
        """
        return self.answer(batch, self._model)

    def answer(self, batch: _Images, ask: _Ask) -> Scores:
        """What calling it gives, of a batch that `ask` takes; raises as that does."""
        try:
            scores = self._scores(batch, ask)
        except HoldfastError as error:
            if error.code == "run_failed" and not self._ran:
                self._explain(batch.shape[-2:])
            raise
        self._ran = True
        return scores

    def _scores(self, batch: _Images, ask: _Ask) -> Scores:
        if not self._trusted and len(batch) > 1:
            self._check(batch[: min(_COMPARED, self._size or _COMPARED)], ask)
        size = self._size or len(batch)
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return np.concatenate([self._run(part, ask) for part in parts])

    def _check(self, few: _Images, ask: _Ask) -> None:
        alone = np.concatenate(
            [self._run(few[place : place + 1], ask) for place in range(len(few))]
        )
        self._trusted = True
        try:
            together = self._run(few, ask)
        except HoldfastError as error:
            if error.code not in _FAILURES:
                raise
            self._one_by_one(Batching.fails)
            return
        if _differ(alone, together, _MIX_TOLERANCE[self._card.arithmetic]):
            self._one_by_one(Batching.mixes)

    def _one_by_one(self, why: Batching) -> None:
        self._trusted, self._size = True, 1
        changes = {
            "batch": self._card.batch or self._floor,
            "batching": why,
            "warnings": (*self._card.warnings, _WORDS[why]),
        }
        self._card = self._card.model_copy(update=changes)

    def _run(self, part: _Images, ask: _Ask) -> Scores:
        """Fill a batch up with copies of its last image; their scores are dropped."""
        n = len(part)
        if n >= self._floor:
            return ask(part)
        return ask(part[[min(place, n - 1) for place in range(self._floor)]])[:n]

    def _explain(self, size_px: tuple[int, ...]) -> None:
        """Say which size works where the asked one is what failed."""
        asked = (size_px[0], size_px[1])
        works = size_that_works(self._model, self._floor, asked)
        if works is not None:
            raise HoldfastError("size_not_taken", asked=_said(asked), works=_said(works))


@final
class _BatchedOnDevice:
    """The tensors' side of `Batched`; see `OnDevice`."""

    def __init__(self, device: OnDevice, batched: Batched) -> None:
        self._device = device
        self._batched = batched

    def lanes(self, n: int) -> Sequence[AbstractContextManager[object]]:
        """So many queues of work."""
        return self._device.lanes(n)

    def put(self, array: NDArray[Any]) -> "torch.Tensor":
        """A copy of an array on the device."""
        return self._device.put(array)

    def scores(self, batch: "torch.Tensor") -> Scores:
        """What calling the model gives, of a batch on the device."""
        return self._batched.answer(batch, self._device.scores)


def _said(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]} x {size_px[1]}"


def _differ(alone: Scores, together: Scores, tolerance: float) -> bool:
    if alone.shape != together.shape:
        return True
    spread = float(alone.max() - alone.min())
    return float(np.abs(alone - together).max()) > tolerance * spread
