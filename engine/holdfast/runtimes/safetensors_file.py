"""Our own reader of the safetensors format: a length, a JSON header, raw bytes.

The format (github.com/huggingface/safetensors, README) is small enough to read it here; the rules
are those of its own library: no overlap, no hole, nothing behind the last tensor.
"""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import torch

from holdfast.errors import HoldfastError
from holdfast.runtimes.torch_tensor import ELEMENT_BYTES, unpack

__all__ = ["read_safetensors"]

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000
_MAX_TENSORS = 100_000
_MAX_KEY = 256
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(data: bytes) -> dict[str, torch.Tensor]:
    """All tensors by name, with memory of their own.

    Raises:
        HoldfastError: `invalid_safetensors` or `too_large`.
    """
    header_bytes = int(struct.unpack("<Q", data[:_LENGTH_BYTES])[0])
    start = _LENGTH_BYTES + header_bytes
    if header_bytes > _MAX_HEADER_BYTES or start > len(data):
        raise _invalid("its header is longer than the file")
    entries = _entries(data[_LENGTH_BYTES:start])
    body = memoryview(data)[start:]
    _check_places(entries, len(body))
    return {
        entry.name: unpack(body[entry.begin : entry.end], entry.dtype).reshape(entry.shape)
        for entry in entries
    }


def _invalid(reason: str) -> HoldfastError:
    return HoldfastError("invalid_safetensors", reason=reason)


def _entries(header: bytes) -> list[_Entry]:
    try:
        found = json.loads(header, object_pairs_hook=_once)
        found.pop("__metadata__", None)
        if len(found) > _MAX_TENSORS:
            raise HoldfastError("too_large", what="The number of tensors", limit=_MAX_TENSORS)
        return [_entry(name, value) for name, value in found.items()]
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise _invalid("its header cannot be read") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: readers differ on which one wins."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


def _entry(name: str, value: dict[str, Any]) -> _Entry:
    dtype, shape = _DTYPES.get(value["dtype"]), value["shape"]
    begin, end = value["data_offsets"]
    numbers = (*shape, begin, end)
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError
    if dtype is None or len(name) > _MAX_KEY:
        raise _invalid(f"{name[:60]} is of an unknown type or has a long name")
    if math.prod(shape) * ELEMENT_BYTES[dtype] != end - begin:
        raise _invalid(f"{name[:60]} does not have the bytes of its shape")
    return _Entry(name, dtype, tuple(shape), begin, end)


def _check_places(entries: list[_Entry], body_bytes: int) -> None:
    at = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != at:
            raise _invalid("its tensors overlap or leave a hole")
        at = entry.end
    if at != body_bytes:
        raise _invalid("bytes are missing or left over at its end")
