"""Find out by running what a network takes and gives, where its file does not say."""

from dataclasses import dataclass

import torch

from holdfast.errors import HoldfastError
from holdfast.records.model import AxisSize, TensorCard
from holdfast.runtimes.sizes import USUAL_SIDES_PX
from holdfast.runtimes.torch_device import CPU
from holdfast.runtimes.torch_model import Forward, run_forward
from holdfast.runtimes.torch_tensor import dtype_name

__all__ = ["Found", "try_sizes"]

Size = tuple[int, int]
_CHANNELS = (3, 1, 4)
_MOVES_ON = ("run_failed",)


@dataclass(frozen=True)
class Found:
    """`size_px` (height, width) is None for a network that takes any size."""

    channels: int
    size_px: Size | None
    outputs: tuple[TensorCard, ...]


def try_sizes(
    forward: Forward, declared: Size | None, dtype: torch.dtype, device: torch.device = CPU
) -> Found:
    """Run one image of a mid grey at a time (RGB, grey, RGBA) until the size rule is known.

    Two sizes that work make it any size; one alone is the network's own. The batch is always 1: a
    net that was traced with one image may crash on two.

    Args:
        forward: the network.
        declared: the size that the user named, tried first.
        dtype: what the network takes.
        device: where it is.

    Raises:
        HoldfastError: `unsupported_input` when nothing works, `memory_limit`.
    """
    own = () if declared is None else (declared,)
    sizes = dict.fromkeys((*own, *((side, side) for side in USUAL_SIDES_PX)))
    for channels in _CHANNELS:
        working: list[Size] = []
        outputs: list[torch.Tensor] = []
        for size in sizes:
            made = _try(forward, torch.full((1, channels, *size), 0.5).to(device, dtype))
            if made is None:
                continue
            outputs = outputs or made
            working.append(size)
            if len(working) > 1:
                break
        if working:
            only = working[0] if len(working) == 1 else None
            return Found(channels, only, tuple(map(_card, range(len(outputs)), outputs)))
    raise HoldfastError("unsupported_input", reason="it runs on no usual size; say it with --crop")


def _try(forward: Forward, image: torch.Tensor) -> list[torch.Tensor] | None:
    try:
        return run_forward(forward, image)
    except HoldfastError as error:
        if error.code not in _MOVES_ON:
            raise
        return None


def _card(place: int, tensor: torch.Tensor) -> TensorCard:
    """The first axis is the batch; what has none cannot hold scores and is said as it is."""
    shape: tuple[AxisSize, ...] = tuple(side or None for side in tensor.shape)
    plain = torch.float32 if tensor.is_quantized else tensor.dtype
    batch = (None, *shape[1:]) if shape else shape
    return TensorCard(name=f"output {place}", dtype=dtype_name(plain), shape=batch)
