"""Zooming out with antialias: a separable triangle whose half-width is 1 / zoom canvas pixels.

At zoom 1 the triangle is the bilinear kernel, so the two meet without a step.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from holdfast.geometry.frame import Size, Window

__all__ = ["shrink", "shrink_fill_share"]


def shrink(
    canvas: NDArray[np.uint8] | NDArray[np.float32],
    window: Window,
    zoom: float,
    fill: int,
    out: NDArray[np.float32],
) -> None:
    """Write the view of `canvas` (h, w, c), content scaled by `zoom`, into `out` (H, W, c)."""
    rows, columns = _operators((canvas.shape[0], canvas.shape[1]), window, zoom)
    for channel in range(canvas.shape[2]):
        above = np.subtract(canvas[..., channel], np.float32(fill), dtype=np.float32)
        tall = rows @ above  # above the fill, so that what is outside is zero
        wide = columns @ np.ascontiguousarray(tall.T)
        np.add(wide.T, np.float32(fill), out=out[..., channel])


@lru_cache(maxsize=4096)
def shrink_fill_share(canvas: Size, window: Window, zoom: float) -> float:
    """Share of the view's weight that falls outside the canvas, 0 to 1."""
    rows, columns = _operators(canvas, window, zoom)
    inside = float(rows.sum(dtype=np.float64) * columns.sum(dtype=np.float64))
    return min(1.0, max(0.0, 1.0 - inside / (window.height * window.width)))


@lru_cache(maxsize=256)
def _operators(
    canvas: Size, window: Window, zoom: float
) -> tuple["sparse.csr_array", "sparse.csr_array"]:
    centre_x, centre_y = window.centre
    return (
        _operator(canvas[0], window.height, centre_y, zoom),
        _operator(canvas[1], window.width, centre_x, zoom),
    )


def _operator(available: int, length: int, centre: float, zoom: float) -> "sparse.csr_array":
    """(length, available): row i holds the triangle around where output pixel i comes from."""
    at = centre + (np.arange(length) - (length - 1) / 2) / zoom
    reach = max(1.0, 1.0 / zoom)
    taps = np.arange(np.floor(-reach), np.ceil(reach) + 1)
    source = np.round(at)[:, None] + taps
    weight = np.clip(1.0 - np.abs(source - at[:, None]) / reach, 0.0, None)
    weight /= weight.sum(axis=1, keepdims=True)  # over all taps: what is outside stays missing
    inside = (source >= 0) & (source < available) & (weight > 0)
    row = np.broadcast_to(np.arange(length)[:, None], source.shape)
    entries = (weight[inside].astype(np.float32), (row[inside], source[inside].astype(np.int64)))
    return sparse.csr_array(entries, shape=(length, available))
