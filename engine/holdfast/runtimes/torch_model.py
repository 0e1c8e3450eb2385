"""What all PyTorch formats share: threads, feeding a batch, reading scores, naming failures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.model import Layout, ModelCard, OutputKind
from holdfast.runtimes.protocol import Scores
from holdfast.runtimes.scores import OUT_OF_MEMORY, checked_labels, checked_scores
from holdfast.runtimes.torch_device import CPU

__all__ = ["Forward", "TorchModel", "as_error", "flat_tensors", "run_forward", "use_threads"]

Forward = Callable[[torch.Tensor], Any]
"""A batch to whatever the model returns."""
_MAX_DEPTH = 8
_BYTE_MAX, _BYTE_CENTRE = 255, 128


def use_threads(threads: int) -> None:
    """Compute with so many threads from now on."""
    torch.set_num_threads(threads)


def flat_tensors(tree: Any, depth: int = 0) -> Iterator[torch.Tensor]:  # noqa: ANN401 - a model's own
    """All tensors of nested lists, tuples and dicts, in order."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, (list, tuple, dict)) and depth < _MAX_DEPTH:
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from flat_tensors(part, depth + 1)


def as_error(error: Exception, otherwise: HoldfastError) -> HoldfastError:
    """`memory_limit` when the runtime ran out of memory, else `otherwise`."""
    text = str(error)
    if isinstance(error, MemoryError) or any(phrase in text for phrase in OUT_OF_MEMORY):
        return HoldfastError("memory_limit")
    return otherwise


def run_forward(forward: Forward, batch: torch.Tensor) -> list[torch.Tensor]:
    """All output tensors of one batch.

    Raises:
        HoldfastError: `run_failed` or `memory_limit`.
    """
    try:
        with torch.inference_mode():
            return list(flat_tensors(forward(batch)))
    except HoldfastError:
        raise
    except Exception as error:  # noqa: BLE001 - the runtime raises many kinds
        raise as_error(error, HoldfastError("run_failed", shape=list(batch.shape))) from None


@final
class TorchModel:
    """A description and something to call; see `ModelUnderTest`."""

    def __init__(
        self,
        card: ModelCard,
        forward: Forward,
        outputs: Sequence[str],
        device: torch.device = CPU,
    ) -> None:
        """Join them; `outputs` are the names of what `forward` returns, in order.

        `device` is where `forward` expects its input.
        """
        self._device = device
        self._card = card
        self._forward = forward
        self._index = list(outputs).index(card.output)
        self._dtype: torch.dtype = getattr(torch, card.inputs[0].dtype)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def on_device(self) -> "TorchModel | None":
        """Itself on a GPU. Beside a model on the CPU the views of arrays are faster."""
        return None if self._device == CPU else self

    def lanes(self, n: int) -> Sequence[AbstractContextManager[object]]:
        """A stream of the GPU for each; what is copied to or from it waits for its own only."""
        if self._device.type != "cuda":
            return [nullcontext() for _ in range(n)]
        streams = [torch.cuda.Stream(self._device) for _ in range(n)]  # type: ignore[no-untyped-call]
        return [torch.cuda.stream(stream) for stream in streams]

    def put(self, array: NDArray[Any]) -> torch.Tensor:
        """A copy of an array on the model's device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device, copy=True)

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w); a fixed batch must be exact."""
        return self.scores(torch.from_numpy(np.ascontiguousarray(batch)))

    def scores(self, batch: torch.Tensor) -> Scores:
        """The same of a tensor on any device."""
        tensors = run_forward(self._forward, self._fed(batch))
        if self._index >= len(tensors):
            raise HoldfastError("unsupported_output", reason=f"it gave {len(tensors)} tensors")
        raw = tensors[self._index]
        if self._card.output_kind is OutputKind.labels:
            return checked_labels(raw.detach().cpu().numpy(), len(batch))
        plain = raw.dequantize() if raw.is_quantized else raw
        return checked_scores(plain.detach().to(CPU, torch.float32).numpy(), len(batch))

    def _fed(self, batch: torch.Tensor) -> torch.Tensor:
        """A copy in the model's layout and type: a model may change its input in place.

        Whole numbers as ONNX models get them: uint8 pixels as they are, int8 minus 128.
        """
        ready = batch
        if self._card.layout is Layout.nhwc:
            ready = ready.permute(0, 2, 3, 1)
        if self._card.layout is Layout.flat:
            ready = ready.flatten(1)
        if self._dtype in (torch.uint8, torch.int8):
            ready = ready.round().clamp(0, _BYTE_MAX)
        if self._dtype == torch.int8:
            ready = ready - _BYTE_CENTRE
        return ready.to(self._device, self._dtype, copy=True, memory_format=torch.contiguous_format)
