"""A model that lives in this process: a plain function or a `torch.nn.Module` of the caller.

For trusted code only. Nothing is locked, and what the model does to this process is done: files of
strangers belong into the locked child (`holdfast.runtimes.opening`).
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.records.model import Layout, ModelCard, ModelFormat, TensorCard
from holdfast.runtimes.batching import Batched
from holdfast.runtimes.protocol import ModelUnderTest, Scores
from holdfast.runtimes.scores import checked_scores

__all__ = ["Answer", "in_process"]

Answer = Callable[[NDArray[np.float32]], Any]
"""A normalised batch (n, c, h, w) to scores (n, k), as an array or as something that makes one."""


@contextmanager
def in_process(
    model: Any,  # noqa: ANN401 - a function, or a module of a library that need not be installed
    channels: int,
) -> Iterator[ModelUnderTest]:
    """Adapt the caller's own model for the length of a block; it takes batches of any size.

    A `torch.nn.Module` runs in evaluation mode and without gradients, on the device of its
    parameters; its modes are as before afterwards. Exceptions of the model pass through as they
    are, for they are the caller's own. The model has no bytes, so its digest is drawn anew: two
    audits never count as audits of the same model.

    Args:
        model: a function from a normalised float32 batch (n, c, h, w) to scores (n, k), or a
            module that does the same with tensors.
        channels: 1, 3 or 4, what the model takes.

    Raises:
        TypeError: the model is neither.
    """
    if _is_module(model):
        modes = [(each, each.training) for each in model.modules()]
        model.eval()
        try:
            yield Batched(_Local(_card(model, channels), _module_answer(model)))
        finally:
            for each, training in modes:
                each.training = training
    elif callable(model):
        yield Batched(_Local(_card(model, channels), model))
    else:
        raise TypeError(f"{type(model).__name__} is neither a function nor a torch.nn.Module")


class _Local:
    """A description and the caller's function; see `ModelUnderTest`."""

    def __init__(self, card: ModelCard, answer: Answer) -> None:
        self._card = card
        self._answer = answer

    @property
    def card(self) -> ModelCard:
        """What is known of the model."""
        return self._card

    @property
    def on_device(self) -> None:
        """It takes arrays."""

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a copy of a normalised batch: the caller may change it in place."""
        return checked_scores(np.asarray(self._answer(batch.copy())), len(batch))


def _is_module(model: Any) -> bool:  # noqa: ANN401 - as above
    """Whether it is a module of PyTorch; where that was never imported, nothing is one."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _module_answer(module: Any) -> Answer:  # noqa: ANN401 - as above
    torch: Any = sys.modules["torch"]
    weights = next(module.parameters(), None)

    def answer(batch: NDArray[np.float32]) -> Any:  # noqa: ANN401 - an array
        tensor = torch.from_numpy(batch)
        if weights is not None:
            tensor = tensor.to(weights.device, weights.dtype)
        with torch.inference_mode():
            return module(tensor).to("cpu", torch.float32).numpy()

    return answer


def _card(model: Any, channels: int) -> ModelCard:  # noqa: ANN401 - as above
    name = getattr(model, "__name__", type(model).__name__)
    weights = list(model.parameters()) if _is_module(model) else []
    return ModelCard(
        format=ModelFormat.python,
        sha256=hashlib.sha256(os.urandom(32)).hexdigest(),
        size_bytes=0,
        n_parameters=sum(int(each.numel()) for each in weights),
        inputs=(
            TensorCard(name="images", dtype="float32", shape=("n", channels, "height", "width")),
        ),
        outputs=(TensorCard(name="scores", dtype="float32", shape=("n", None)),),
        layout=Layout.nchw,
        batch=None,
        channels=channels,
        height_px=None,
        width_px=None,
        output="scores",
        output_reason="what it returns",
        output_kind=None,
        n_classes=None,
        warnings=(f"{name} ran in the process of its caller, without a sandbox",),
    )
