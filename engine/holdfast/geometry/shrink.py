"""Zooming out with antialias: a separable triangle whose half-width is 1 / zoom canvas pixels.

At zoom 1 the triangle is the bilinear kernel, so the two meet without a step.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.protocol import Canvas, View, is_planar
from holdfast.geometry.scratch import scratch

__all__ = [
    "Operator",
    "resample",
    "shrink",
    "shrink_fill_share",
    "shrink_operators",
    "triangle",
]

_CV_CHANNELS = 4


@dataclass(frozen=True)
class Operator:
    """One axis: `weights` (length, stop - start) over the canvas pixels `start` to `stop`."""

    start: int
    stop: int
    weights: "sparse.csr_array"


def shrink(
    canvas: Canvas,
    window: Window,
    zoom: float,
    fill: int,
    out: View,
    *,
    shift_px: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Write the view of `canvas` (h, w, c), content scaled by `zoom`, into `out` (H, W, c).

    The scaled content is then moved by `shift_px` = (dx, dy).
    """
    if is_planar(canvas):
        for channel in range(canvas.shape[2]):
            one = slice(channel, channel + 1)
            shrink(canvas[..., one], window, zoom, fill, out[..., one], shift_px=shift_px)
        return
    size = (canvas.shape[0], canvas.shape[1])
    rows, columns = shrink_operators(size, window, zoom, shift_px)
    used = canvas[rows.start : rows.stop, columns.start : columns.stop]
    above = scratch("above", used.shape)
    np.subtract(used, np.float32(fill), out=above, dtype=np.float32)  # so that outside is zero
    resample(above, rows.weights, columns.weights, out)
    out += np.float32(fill)


def resample(
    pixels: View, rows: "sparse.csr_array", columns: "sparse.csr_array", out: View
) -> None:
    """Apply `rows` (H, h) and `columns` (W, w) to `pixels` (h, w, c): `out` (H, W, c)."""
    (height, available), channels = rows.shape, pixels.shape[2]
    (width, across) = columns.shape
    tall = rows @ pixels.reshape(available, across * channels)
    # OpenCV transposes pixels many times faster than numpy copies a transposed array.
    turned = scratch("turned", (across, height, channels))
    _transpose(tall.reshape(height, across, channels), turned)
    wide = columns @ turned.reshape(across, height * channels)
    _transpose(wide.reshape(width, height, channels), out)


def _transpose(pixels: View, out: View) -> None:
    """Rows become columns."""
    if pixels.shape[2] == 1:  # OpenCV knows no axis of length one
        out[...] = cv2.transpose(pixels[..., 0])[..., np.newaxis]
        return
    if pixels.shape[2] > _CV_CHANNELS:
        out[...] = pixels.swapaxes(0, 1)
        return
    turned = cv2.transpose(pixels, dst=out)
    if turned is not out:  # OpenCV does not write into every layout
        out[...] = np.asarray(turned, np.float32).reshape(out.shape)


@lru_cache(maxsize=4096)
def shrink_fill_share(canvas: Size, window: Window, zoom: float) -> float:
    """Share of the view's weight that falls outside the canvas, 0 to 1."""
    rows, columns = shrink_operators(canvas, window, zoom)
    inside = float(rows.weights.sum(dtype=np.float64) * columns.weights.sum(dtype=np.float64))
    return min(1.0, max(0.0, 1.0 - inside / (window.height * window.width)))


@lru_cache(maxsize=256)
def shrink_operators(
    canvas: Size, window: Window, zoom: float, shift_px: tuple[float, float] = (0.0, 0.0)
) -> tuple[Operator, Operator]:
    """The operators of rows and of columns; see `shrink`."""
    (centre_x, centre_y), (dx, dy) = window.centre, shift_px
    return (
        _operator(canvas[0], window.height, centre_y, zoom, dy),
        _operator(canvas[1], window.width, centre_x, zoom, dx),
    )


def triangle(
    at: NDArray[np.floating], reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels around `at` (...,) and their weights, (..., taps) each; weights sum to 1.

    Args:
        at: coordinates.
        reach: half-width of the triangle in pixels, at least 1; 1 interpolates linearly.
    """
    taps = np.arange(np.floor(-reach), np.ceil(reach) + 1)
    source = np.round(at)[..., None] + taps
    weight = np.clip(1.0 - np.abs(source - at[..., None]) / reach, 0.0, None)
    weight /= weight.sum(axis=-1, keepdims=True)
    return source, weight


def _operator(available: int, length: int, centre: float, zoom: float, shift_px: float) -> Operator:
    """Row i holds the triangle around where output pixel i comes from."""
    at = centre + (np.arange(length) - (length - 1) / 2 - shift_px) / zoom
    source, weight = triangle(at, max(1.0, 1.0 / zoom))
    # Over all taps: what is outside stays missing.
    inside = (source >= 0) & (source < available) & (weight > 0)
    row = np.broadcast_to(np.arange(length)[:, None], source.shape)
    column = source[inside].astype(np.int64)
    start, stop = (int(column.min()), int(column.max()) + 1) if column.size else (0, 1)
    entries = (weight[inside].astype(np.float32), (row[inside], column - start))
    return Operator(start, stop, sparse.csr_array(entries, shape=(length, stop - start)))
