"""Tensors from raw little-endian bytes, after a check of every bound. No pickle."""

import math
from collections.abc import Sequence

import torch

from holdfast.errors import HoldfastError

__all__ = ["ELEMENT_BYTES", "dtype_name", "strided", "unpack"]

ELEMENT_BYTES = {
    torch.uint8: 1,
    torch.int8: 1,
    torch.bool: 1,
    torch.int16: 2,
    torch.float16: 2,
    torch.bfloat16: 2,
    torch.int32: 4,
    torch.float32: 4,
    torch.int64: 8,
    torch.float64: 8,
}
"""Bytes per element of the types that a stored tensor may have."""
_MAX_ELEMENTS = 1 << 40


def dtype_name(dtype: torch.dtype) -> str:
    """`float32` for `torch.float32`, as in a `TensorCard`."""
    return str(dtype).removeprefix("torch.")


def unpack(raw: bytes | memoryview, dtype: torch.dtype) -> torch.Tensor:
    """All elements of `raw` as one flat tensor with memory of its own."""
    return (
        torch.frombuffer(bytearray(raw), dtype=dtype) if len(raw) else torch.empty(0, dtype=dtype)
    )


def strided(
    flat: torch.Tensor, shape: Sequence[int], strides: Sequence[int], offset: int, name: str
) -> torch.Tensor:
    """A tensor of `shape` over the elements of `flat`, none of which lies outside it.

    Raises:
        HoldfastError: `bad_archive` for negative numbers or a tensor larger than its bytes.
    """
    numbers = (*shape, *strides, offset)
    if len(shape) != len(strides) or any(not 0 <= number < _MAX_ELEMENTS for number in numbers):
        raise HoldfastError("bad_archive", reason=f"{name[:60]} has an impossible shape")
    if 0 in shape:
        return torch.empty(tuple(shape), dtype=flat.dtype)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if last >= flat.numel() or math.prod(shape) > flat.numel():
        raise HoldfastError("bad_archive", reason=f"{name[:60]} is larger than its bytes")
    return flat.as_strided(tuple(shape), tuple(strides), offset)
