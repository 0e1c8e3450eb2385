"""Protocol T3: a small object on a constant canvas, moved far (the long-displacement probe)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from holdfast.geometry.frame import Size, Window, overlap
from holdfast.geometry.motions import IDENTITY
from holdfast.geometry.protocol import Canvas, View
from holdfast.geometry.shrink import resample, triangle

__all__ = ["Embed", "object_size", "resizer"]


@dataclass(frozen=True)
class Embed:
    """The plain crop, resized with antialias to an object, on a constant background.

    The object's top left pixel is at ((H - h) // 2 + dy, (W - w) // 2 + dx): when the difference
    is odd, the centred object lies half a pixel up or left of the centre. What would lie beyond
    the view is cut off.

    Attributes:
        size_px: the longer side of the object; the other side keeps the crop's proportion.
        dx: whole pixels to the right of the centre.
        dy: whole pixels below the centre.
        fill: grey level of the background, 0 to 255, one for all channels or one for each.
    """

    size_px: int
    dx: int
    dy: int
    fill: float | tuple[float, ...] = 0.0

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the object in its place; `fill` is what a canvas smaller than the crop lacks."""
        crop = np.empty(out.shape, np.float32)
        IDENTITY.view(canvas, window, fill, crop)
        height, width = object_size((window.height, window.width), self.size_px)
        small = np.empty((height, width, out.shape[2]), np.float32)
        down, across = resizer(window.height, height), resizer(window.width, width)
        resample(crop, down, across, small)
        rows, from_row, columns, from_column = self.places(window)
        out[...] = np.asarray(self.fill, np.float32)
        out[rows, columns] = small[from_row, from_column]

    def fill_share(self, canvas: Size, window: Window) -> float:
        """Share of the view, 0 to 1, that is background; the canvas does not matter."""
        del canvas
        rows, _, columns, _ = self.places(window)
        shown = int(rows.stop - rows.start) * int(columns.stop - columns.start)
        return 1.0 - shown / (window.height * window.width)

    def places(self, window: Window) -> tuple[slice, slice, slice, slice]:
        """Rows of the view and of the object, then columns."""
        height, width = object_size((window.height, window.width), self.size_px)
        top = (window.height - height) // 2 + self.dy
        left = (window.width - width) // 2 + self.dx
        from_row, rows = overlap(-top, window.height, height)[::-1]
        from_column, columns = overlap(-left, window.width, width)[::-1]
        return rows, from_row, columns, from_column


def object_size(crop: Size, size_px: int) -> Size:
    """Height and width of an object whose longer side is `size_px`, in the crop's proportion."""
    longer = max(crop)
    height, width = (max(1, round(side * size_px / longer)) for side in crop)
    return height, width


@lru_cache(maxsize=64)
def resizer(available: int, length: int) -> "sparse.csr_array":
    """(length, available): Pillow's antialiased bilinear resize of one axis.

    The triangle is cut at the border and its weights divided by what is left of them.
    """
    scale = available / length
    at = (np.arange(length) + 0.5) * scale - 0.5
    source, weight = triangle(at, max(1.0, scale))
    weight[(source < 0) | (source >= available)] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    inside = weight > 0
    row = np.broadcast_to(np.arange(length)[:, None], source.shape)[inside]
    entries = (weight[inside].astype(np.float32), (row, source[inside].astype(np.int64)))
    return sparse.csr_array(entries, shape=(length, available))
