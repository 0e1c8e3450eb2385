"""The disc mask: rotation turns real content into the corners, so the corners are covered."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.protocol import Canvas, Motion, View, coverage

__all__ = ["DiscMask", "disc"]


@lru_cache(maxsize=64)
def disc(size: Size) -> NDArray[np.bool_]:
    """The inscribed disc of a view of `size` (H, W): True inside; (H, W), read-only.

    A pixel is inside when its centre is no farther than min(H, W) / 2 px from
    ((W - 1) / 2, (H - 1) / 2). The edge is hard. Of a square it keeps pi / 4, 78.5 %.
    """
    height, width = size
    y, x = np.ogrid[:height, :width]
    # Doubled, so that everything is a whole number and the edge is exact.
    squared = (2 * x - (width - 1)) ** 2 + (2 * y - (height - 1)) ** 2
    inside = np.asarray(squared <= min(height, width) ** 2)
    inside.flags.writeable = False
    return inside


@dataclass(frozen=True)
class DiscMask:
    """Any motion, with the fill value outside the inscribed disc of its view.

    The reference to compare with is `DiscMask(IDENTITY)`.
    """

    inner: Motion

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the masked view; see `Motion.view`."""
        self.inner.view(canvas, window, fill, out)
        out[_outside((window.height, window.width))] = fill

    def fill_share(self, canvas: Size, window: Window) -> float:
        """Share of the disc, not of the square, that the canvas cannot give the inner motion."""
        return _share_in_disc(self.inner, canvas, window)


@lru_cache(maxsize=64)
def _outside(size: Size) -> tuple[NDArray[np.intp], ...]:
    return np.nonzero(~disc(size))


@lru_cache(maxsize=4096)
def _share_in_disc(inner: Motion, canvas: Size, window: Window) -> float:
    seen = coverage(inner, canvas, window)[disc((window.height, window.width))]
    return float(1.0 - seen.mean(dtype=np.float64))
