"""The bilinear warp and its matrix: one affine map from the view to the canvas.

OpenCV warps 1 and 4 channels about five times as fast as 3 and computes the same numbers, so
interleaved colour travels with an unused fourth channel and planes go one by one (ADR 0007 has
the times).
"""

import math
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.protocol import Canvas, View, is_planar

__all__ = ["Matrix", "sources", "view_to_canvas", "warp", "warp_fill_share"]

Matrix = NDArray[np.float64]
"""2 x 3: from (x, y, 1) of the view to (x, y) of the canvas."""

_QUARTERS = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}
_COLOURS = 3

# The warp runs beside the model, which already uses the cores.
cv2.setNumThreads(1)


@lru_cache(maxsize=4096)
def view_to_canvas(
    window: Window, angle_deg: float, zoom: float, shift_px: tuple[float, float] = (0.0, 0.0)
) -> Matrix:
    """Where each pixel of the view comes from, when content turns and grows, then shifts.

    Read-only, because it is kept.

    Args:
        window: the crop; its centre is the fixed point of turning and growing.
        angle_deg: counter-clockwise as displayed; quarter turns are exact.
        zoom: above 0; above 1 enlarges.
        shift_px: (dx, dy), right and down, in pixels of the view.
    """
    quarter = _QUARTERS.get(angle_deg % 360)
    radians = math.radians(angle_deg)
    cos, sin = quarter or (math.cos(radians), math.sin(radians))
    turn = np.array([[cos, -sin], [sin, cos]]) / zoom
    own_centre = np.array([(window.width - 1) / 2, (window.height - 1) / 2]) + np.array(shift_px)
    matrix = np.column_stack([turn, np.array(window.centre) - turn @ own_centre])
    matrix.flags.writeable = False
    return matrix


def sources(matrix: Matrix, size: Size) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Canvas rows and columns, (H, W) each, from which the pixels of a view of `size` come.

    Without rotation they are (H, 1) and (1, W).
    """
    y, x = np.ogrid[: size[0], : size[1]]
    (xx, xy, x0), (yx, yy, y0) = matrix
    rows = yy * y + y0 if yx == 0 else yx * x + yy * y + y0
    columns = xx * x + x0 if xy == 0 else xx * x + xy * y + x0
    return rows, columns


def warp(canvas: Canvas, matrix: Matrix, fill: int, out: View) -> None:
    """Interpolate `canvas` (h, w, c) once, bilinearly, into `out` (H, W, c).

    Outside the canvas lie pixels of the fill value: the border blends over one pixel.
    """
    if is_planar(canvas):
        for channel in range(canvas.shape[2]):
            one = slice(channel, channel + 1)
            warp(canvas[..., one], matrix, fill, out[..., one])
        return
    size = (out.shape[1], out.shape[0])
    colour = canvas.shape[2] == _COLOURS
    padded = cv2.cvtColor(canvas, cv2.COLOR_RGB2RGBA) if colour else canvas
    # From float32 OpenCV interpolates exactly; from uint8 it would round the view.
    source = padded.astype(np.float32, copy=False)
    target = np.empty((*out.shape[:2], source.shape[2]), np.float32) if colour else out
    if source.shape[2] == 1:  # OpenCV knows no axis of length one
        source, target = source[..., 0], target[..., 0]
    warped = cv2.warpAffine(
        source,
        matrix,
        size,
        dst=target,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill, fill, fill, fill),
    )
    result = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=out) if colour else warped
    if result is not (out if colour else target):  # OpenCV does not write into every layout
        out[...] = cast("View", result).reshape(out.shape)


@lru_cache(maxsize=4096)
def warp_fill_share(canvas: Size, window: Window, angle_deg: float, zoom: float) -> float:
    """Share of the view's weight that falls outside the canvas, 0 to 1."""
    inside = np.empty((window.height, window.width, 1), np.float32)
    warp(np.ones((*canvas, 1), np.uint8), view_to_canvas(window, angle_deg, zoom), 0, inside)
    return float(np.clip(1.0 - inside.mean(dtype=np.float64), 0.0, 1.0))
