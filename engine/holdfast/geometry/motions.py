"""The motions: how a view is taken from a canvas. Shifts copy pixels, the others interpolate once.

A view is written as float32 in pixel units, 0 to 255, and is never rounded again. Interpolation
goes channel by channel: a canvas whose planes lie contiguous in memory is read without a copy.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.shrink import shrink, shrink_fill_share

__all__ = ["IDENTITY", "Motion", "Rotation", "Shift", "Zoom"]

Canvas = NDArray[np.uint8] | NDArray[np.float32]
View = NDArray[np.float32]

_QUARTERS = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}

# The warp runs beside the model, which already uses the cores.
cv2.setNumThreads(1)


class Motion(Protocol):
    """One transform of a family."""

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the moved view of `canvas` (h, w, c) into `out` (H, W, c), float32, 0 to 255."""

    def fill_share(self, canvas: Size, window: Window) -> float:
        """Share of the view, 0 to 1, that the canvas cannot give."""


@dataclass(frozen=True)
class Shift:
    """Content moves `dx` px right and `dy` px down: a crop of whole pixels, no interpolation."""

    dx: int
    dy: int

    def view(
        self, canvas: Canvas, window: Window, fill: int | NDArray[np.float32], out: View
    ) -> None:
        """Write the shifted view; see `Motion.view`. `fill` may be one value per channel."""
        rows, from_row = _overlap(window.top - self.dy, window.height, canvas.shape[0])
        columns, from_column = _overlap(window.left - self.dx, window.width, canvas.shape[1])
        whole = rows == slice(0, window.height) and columns == slice(0, window.width)
        if not whole:
            out[...] = fill
        out[rows, columns] = canvas[from_row, from_column]

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        rows, _ = _overlap(window.top - self.dy, window.height, canvas[0])
        columns, _ = _overlap(window.left - self.dx, window.width, canvas[1])
        kept = int(rows.stop - rows.start) * int(columns.stop - columns.start)
        return 1.0 - kept / (window.height * window.width)


IDENTITY = Shift(0, 0)
"""The reference view: the plain crop, bit-identical to the declared preprocessing."""


@dataclass(frozen=True)
class Rotation:
    """Content turns counter-clockwise by `angle_deg`: one bilinear warp."""

    angle_deg: float

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the turned view; see `Motion.view`."""
        _warp(canvas, _matrix(window, self.angle_deg, 1.0), fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return _warp_fill_share(canvas, window, self.angle_deg, 1.0)


@dataclass(frozen=True)
class Zoom:
    """Content grows by `zoom`: one bilinear warp, whose triangle widens (antialias) below 1."""

    zoom: float

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the zoomed view; see `Motion.view`."""
        if self.zoom < 1:
            shrink(canvas, window, self.zoom, fill, out)
        else:
            _warp(canvas, _matrix(window, 0.0, self.zoom), fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        if self.zoom < 1:
            return shrink_fill_share(canvas, window, self.zoom)
        return _warp_fill_share(canvas, window, 0.0, self.zoom)


@lru_cache(maxsize=4096)
def _overlap(start: int, length: int, available: int) -> tuple[slice, slice]:
    """Where a run of `length` from `start` meets 0..available: in the run, and in the source."""
    first, last = max(start, 0), min(start + length, available)
    last = max(last, first)
    return slice(first - start, last - start), slice(first, last)


@lru_cache(maxsize=4096)
def _matrix(window: Window, angle_deg: float, zoom: float) -> NDArray[np.float64]:
    """2 x 3, view -> canvas: where each pixel of the view comes from. Shared: not to be changed."""
    quarter = _QUARTERS.get(angle_deg % 360)
    radians = math.radians(angle_deg)
    cos, sin = quarter or (math.cos(radians), math.sin(radians))
    turn = np.array([[cos, -sin], [sin, cos]]) / zoom
    own_centre = np.array([(window.width - 1) / 2, (window.height - 1) / 2])
    return np.column_stack([turn, np.array(window.centre) - turn @ own_centre])


def _warp(canvas: Canvas, matrix: NDArray[np.float64], fill: int, out: View) -> None:
    # From float32 OpenCV interpolates exactly; from uint8 it would round the view.
    exact = np.asarray(canvas, np.float32)
    for channel in range(out.shape[2]):
        out[..., channel] = cv2.warpAffine(
            exact[..., channel],
            matrix,
            (out.shape[1], out.shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(fill,),
        )


@lru_cache(maxsize=4096)
def _warp_fill_share(canvas: Size, window: Window, angle_deg: float, zoom: float) -> float:
    inside = np.empty((window.height, window.width, 1), np.float32)
    _warp(np.ones((*canvas, 1), np.uint8), _matrix(window, angle_deg, zoom), 0, inside)
    return float(np.clip(1.0 - inside.mean(dtype=np.float64), 0.0, 1.0))
