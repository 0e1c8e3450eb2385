"""Shift, rotation and zoom: a shift copies pixels, the others interpolate once.

A view is written as float32 in pixel units, 0 to 255, and is never rounded again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window, overlap
from holdfast.geometry.protocol import Canvas, View
from holdfast.geometry.shrink import shrink, shrink_fill_share
from holdfast.geometry.warp import view_to_canvas, warp, warp_fill_share

__all__ = ["IDENTITY", "Rotation", "Shift", "Zoom"]


@dataclass(frozen=True)
class Shift:
    """Content moves `dx` px right and `dy` px down: a crop of whole pixels, no interpolation."""

    dx: int
    dy: int

    def view(
        self, canvas: Canvas, window: Window, fill: int | NDArray[np.float32], out: View
    ) -> None:
        """Write the shifted view; see `Motion.view`. `fill` may be one value per channel."""
        rows, from_row = overlap(window.top - self.dy, window.height, canvas.shape[0])
        columns, from_column = overlap(window.left - self.dx, window.width, canvas.shape[1])
        whole = rows == slice(0, window.height) and columns == slice(0, window.width)
        if not whole:
            out[...] = fill
        out[rows, columns] = canvas[from_row, from_column]

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        rows, _ = overlap(window.top - self.dy, window.height, canvas[0])
        columns, _ = overlap(window.left - self.dx, window.width, canvas[1])
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
        warp(canvas, view_to_canvas(window, self.angle_deg, 1.0), fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return warp_fill_share(canvas, window, self.angle_deg, 1.0)


@dataclass(frozen=True)
class Zoom:
    """Content grows by `zoom`: one bilinear warp, whose triangle widens (antialias) below 1."""

    zoom: float

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the zoomed view; see `Motion.view`."""
        if self.zoom < 1:
            shrink(canvas, window, self.zoom, fill, out)
        else:
            warp(canvas, view_to_canvas(window, 0.0, self.zoom), fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        if self.zoom < 1:
            return shrink_fill_share(canvas, window, self.zoom)
        return warp_fill_share(canvas, window, 0.0, self.zoom)
