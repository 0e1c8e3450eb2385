"""Views on the device where the model runs: one motion, a batch of canvases of one size.

The same matrices and triangles as on the CPU, with the same border: pixels of the fill value lie
around the canvas. Four neighbours are gathered with coordinates from float64; `grid_sample` would
put them through float32 between -1 and 1 and lose 1e-5 px and more on large canvases.

This module never imports torch: whoever has a tensor has it already.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.disc import DiscMask, disc
from holdfast.geometry.frame import Size, Window, overlap
from holdfast.geometry.motions import Rotation, Shift, Zoom
from holdfast.geometry.protocol import Motion
from holdfast.geometry.shrink import shrink_operators
from holdfast.geometry.spatial import Spatial, SubpixelShift, as_spatial
from holdfast.geometry.warp import sources, view_to_canvas

if TYPE_CHECKING:
    import torch

__all__ = ["can_warp_batch", "warp_batch"]


def can_warp_batch(motion: Motion) -> bool:
    """Whether `warp_batch` knows the motion; the others are taken on the CPU."""
    if isinstance(motion, DiscMask):
        return can_warp_batch(motion.inner)
    return _spatial(motion) is not None


def warp_batch(
    canvases: "torch.Tensor", motion: Motion, window: Window, fill: int
) -> "torch.Tensor":
    """The views of a batch of canvases, on their device.

    Args:
        canvases: (n, c, h, w), uint8 or float32, 0 to 255, on any device.
        motion: one for which `can_warp_batch` is true.
        window: the crop in a canvas of h by w px.
        fill: grey level outside the canvas, 0 to 255.

    Returns:
        (n, c, H, W) float32, 0 to 255, within 1e-4 of full scale of `motion.view` on canvases of
        up to 1000 px (beyond, OpenCV's coordinates are coarser). Whole-pixel shifts are copies.

    Raises:
        ValueError: the motion is not known.
    """
    if isinstance(motion, DiscMask):
        views = warp_batch(canvases, motion.inner, window, fill)
        inside = disc((window.height, window.width))
        return views.masked_fill(views.new_tensor(~inside).bool(), fill)
    spatial = _spatial(motion)
    if spatial is None:
        raise ValueError(f"no batch warp for {motion}")
    shift = spatial.whole_shift()
    if shift is not None:
        return _shift(canvases, shift, window, fill)
    if spatial.zoom < 1:
        return _shrink(canvases, spatial, window, fill)
    return _bilinear(canvases, spatial, window, fill)


def _spatial(motion: Motion) -> Spatial | None:
    """The affine map of a motion, unless it is none or has no fast form."""
    if not isinstance(motion, Shift | Rotation | Zoom | Spatial | SubpixelShift):
        return None
    spatial = as_spatial(motion)
    return spatial if spatial.zoom >= 1 or spatial.angle_deg % 360 == 0 else None


def _shift(canvases: "torch.Tensor", shift: Shift, window: Window, fill: int) -> "torch.Tensor":
    n, channels, height, width = canvases.shape
    rows, from_row = overlap(window.top - shift.dy, window.height, height)
    columns, from_column = overlap(window.left - shift.dx, window.width, width)
    views = canvases.new_full((n, channels, window.height, window.width), fill).float()
    views[..., rows, columns] = canvases[..., from_row, from_column].float()
    return views


def _shrink(
    canvases: "torch.Tensor", spatial: Spatial, window: Window, fill: int
) -> "torch.Tensor":
    size = (canvases.shape[2], canvases.shape[3])
    rows, columns = shrink_operators(size, window, spatial.zoom, (spatial.dx, spatial.dy))
    used = canvases[..., rows.start : rows.stop, columns.start : columns.stop].float() - fill
    down, across = (used.new_tensor(axis.weights.toarray()) for axis in (rows, columns))
    return down @ (used @ across.T) + fill


def _bilinear(
    canvases: "torch.Tensor", spatial: Spatial, window: Window, fill: int
) -> "torch.Tensor":
    n, channels, height, width = canvases.shape
    above = (canvases.float() - fill).flatten(2)  # so that outside is zero
    views = above.new_zeros((n, channels, window.height * window.width))
    for place, weight in _neighbours(spatial, window, (height, width)):
        where = canvases[:0].long().new_tensor(place)
        views += above.index_select(2, where) * above.new_tensor(weight)
    return views.reshape(n, channels, window.height, window.width) + fill


@lru_cache(maxsize=32)
def _neighbours(
    spatial: Spatial, window: Window, canvas: Size
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Flat places on the canvas and weights, (H * W,) each, of the four neighbours."""
    size = (window.height, window.width)
    rows, columns = sources(view_to_canvas(window, *spatial.matrix_of), size)
    top, left = np.floor(rows), np.floor(columns)
    found = []
    for row, weight_y in ((top, top + 1 - rows), (top + 1, rows - top)):
        for column, weight_x in ((left, left + 1 - columns), (left + 1, columns - left)):
            inside = (row >= 0) & (row < canvas[0]) & (column >= 0) & (column < canvas[1])
            place = np.where(inside, row * canvas[1] + column, 0).astype(np.int64)
            weight = np.where(inside, weight_y * weight_x, 0.0).astype(np.float32)
            found.append((np.broadcast_to(place, size).ravel(), weight.ravel()))
    return found
