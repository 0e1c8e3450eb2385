"""What every runtime's output must be: one finite score per class and image, or its label."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.runtimes.protocol import Scores

__all__ = ["OUT_OF_MEMORY", "checked_labels", "checked_scores"]

_MAX_SCORES = 1 << 26
_MAX_LABEL = 1 << 24  # beyond, float32 no longer tells neighbours apart
OUT_OF_MEMORY = (
    *("bad_alloc", "Failed to allocate", "can't allocate"),
    *("CUDA out of memory", "Available memory of"),
)
"""Phrases of the runtimes that mean the memory limit was met."""


def checked_scores(raw: object, n: int) -> Scores:
    """Check that an output is one finite score per class and image; axes of length 1 go.

    Args:
        raw: what the runtime gave.
        n: how many images it was given.

    Returns:
        float32 scores (n, k); k is 1 for a model with one score per image.

    Raises:
        HoldfastError: `unsupported_output`, `output_too_large` or `nonfinite_output`.
    """
    if not isinstance(raw, np.ndarray) or raw.size == 0 or raw.shape[:1] != (n,):
        raise _not_for(n, raw)
    sides = [side for side in raw.shape[1:] if side != 1]
    if len(sides) > 1:
        raise HoldfastError("unsupported_output", reason=f"its shape is {list(raw.shape)}")
    if raw.size > _MAX_SCORES:
        raise HoldfastError("output_too_large", shape=list(raw.shape), limit=_MAX_SCORES)
    scores = raw.reshape(n, -1).astype(np.float32, copy=False)
    if not np.isfinite(scores).all():
        raise HoldfastError("nonfinite_output")
    return scores


def checked_labels(raw: object, n: int) -> Scores:
    """Check that an output is one class index per image, whatever its axes are.

    Returns:
        the indices as float32 (n, 1), which holds them exactly.

    Raises:
        HoldfastError: `unsupported_output`.
    """
    if not isinstance(raw, np.ndarray) or raw.size != n or raw.dtype.kind not in "iu":
        raise _not_for(n, raw)
    labels: NDArray[Any] = raw.reshape(n, 1)
    if int(labels.min()) < 0 or int(labels.max()) >= _MAX_LABEL:
        raise HoldfastError("unsupported_output", reason="its whole numbers are no class indices")
    return labels.astype(np.float32)


def _not_for(n: int, raw: object) -> HoldfastError:
    shape = list(getattr(raw, "shape", ()))
    return HoldfastError("unsupported_output", reason=f"a batch of {n} gave the shape {shape}")
