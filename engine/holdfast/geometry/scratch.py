"""Buffers that a thread uses again and again: fresh megabytes cost more than the arithmetic."""

import math
import threading

import numpy as np

from holdfast.geometry.protocol import View

__all__ = ["scratch"]

_BUFFERS = threading.local()


def scratch(name: str, shape: tuple[int, ...]) -> View:
    """A float32 array of this thread, of any content, until it asks for that name again."""
    buffer: View | None = getattr(_BUFFERS, name, None)
    if buffer is None or buffer.size < math.prod(shape):
        buffer = np.empty(math.prod(shape), np.float32)
        setattr(_BUFFERS, name, buffer)
    return buffer[: math.prod(shape)].reshape(shape)
