"""What every runtime's output must be: one finite score per class and image."""

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.runtimes.protocol import Scores

__all__ = ["OUT_OF_MEMORY", "checked_scores"]

_MAX_SCORES = 1 << 26
OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate", "can't allocate")
"""Phrases of the runtimes that mean the memory limit was met."""


def checked_scores(raw: object, n: int) -> Scores:
    """Check that an output is one finite score per class and image; axes of length 1 go.

    Args:
        raw: what the runtime gave.
        n: how many images it was given.

    Returns:
        float32 scores (n, k); one score per image is k = 1.

    Raises:
        HoldfastError: `unsupported_output`, `output_too_large` or `nonfinite_output`.
    """
    if not isinstance(raw, np.ndarray) or raw.size == 0 or raw.shape[:1] != (n,):
        shape = list(getattr(raw, "shape", ()))
        raise HoldfastError("unsupported_output", reason=f"a batch of {n} gave the shape {shape}")
    sides = [side for side in raw.shape[1:] if side != 1]
    if len(sides) > 1:
        raise HoldfastError("unsupported_output", reason=f"its shape is {list(raw.shape)}")
    if raw.size > _MAX_SCORES:
        raise HoldfastError("output_too_large", shape=list(raw.shape), limit=_MAX_SCORES)
    scores = raw.reshape(n, -1).astype(np.float32, copy=False)
    if not np.isfinite(scores).all():
        raise HoldfastError("nonfinite_output")
    return scores
