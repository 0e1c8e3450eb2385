"""Views on the device where the model runs: one motion, a batch of canvases of one size.

The same matrices and triangles as on the CPU, with the same border: pixels of the fill value lie
around the canvas. Four neighbours are gathered with coordinates in float64; `grid_sample` would
put them through float32 between -1 and 1 and lose 1e-5 px and more on large canvases.

This module never imports torch: whoever has a tensor has it already.
"""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.geometry.blur import Blur
from holdfast.geometry.disc import DiscMask, disc
from holdfast.geometry.embed import Embed
from holdfast.geometry.frame import Window
from holdfast.geometry.lattice import Mirror, QuarterTurn, Roll
from holdfast.geometry.motions import IDENTITY, Rotation, Shift, Zoom
from holdfast.geometry.occlude import Occlude
from holdfast.geometry.protocol import Motion
from holdfast.geometry.shrink import shrink_operators
from holdfast.geometry.spatial import Spatial, SubpixelShift, as_spatial
from holdfast.geometry.torch_still import blurred, embedded, occluded, shifted
from holdfast.geometry.warp import view_to_canvas

if TYPE_CHECKING:
    import torch

__all__ = ["can_warp_batch", "warp_batch"]


def can_warp_batch(motion: Motion) -> bool:
    """Whether `warp_batch` knows the motion; the others are taken on the CPU."""
    match motion:
        case DiscMask(inner):
            return can_warp_batch(inner)
        case Blur() | Occlude() | Embed() | Roll() | QuarterTurn() | Mirror():
            return True
        case Shift() | Rotation() | Zoom() | Spatial() | SubpixelShift():
            spatial = as_spatial(motion)
            return spatial.zoom >= 1 or spatial.angle_deg % 360 == 0
        case _:
            return False


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
    match motion:
        case DiscMask(inner):
            views = warp_batch(canvases, inner, window, fill)
            inside = disc((window.height, window.width))
            return views.masked_fill(views.new_tensor(~inside).bool(), fill)
        case Blur(of):
            return blurred(canvases, as_spatial(of), window, fill)
        case Occlude(of):
            return occluded(canvases, of, window, fill)
        case Embed():
            return embedded(canvases, motion, window, fill)
        case Roll() | QuarterTurn() | Mirror():
            return _permuted(shifted(canvases, IDENTITY, window, fill), motion)
        case Shift() | Rotation() | Zoom() | Spatial() | SubpixelShift():
            return _affine(canvases, as_spatial(motion), window, fill)
        case _:
            raise ValueError(f"no batch warp for {motion}")


def _permuted(crops: "torch.Tensor", motion: Roll | QuarterTurn | Mirror) -> "torch.Tensor":
    match motion:
        case Roll(dx, dy):
            return crops.roll((dy, dx), (2, 3))
        case QuarterTurn(k):
            if crops.shape[2] != crops.shape[3]:
                raise ValueError(f"no batch warp for {motion} of a crop that is not square")
            return crops.rot90(k, (2, 3))
        case Mirror():
            return crops.flip(3)


def _affine(
    canvases: "torch.Tensor", spatial: Spatial, window: Window, fill: int
) -> "torch.Tensor":
    shift = spatial.whole_shift()
    if shift is not None:
        return shifted(canvases, shift, window, fill)
    if spatial.zoom >= 1:
        return _bilinear(canvases, spatial, window, fill)
    if spatial.angle_deg % 360 == 0:
        return _shrink(canvases, spatial, window, fill)
    raise ValueError(f"no batch warp for {spatial}")


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
    rows, columns = _sources(above, spatial, window)
    top, left = rows.floor(), columns.floor()
    views = above.new_zeros((n, channels, window.height * window.width))
    for row, weight_y in ((top, top + 1 - rows), (top + 1, rows - top)):
        for column, weight_x in ((left, left + 1 - columns), (left + 1, columns - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = (row * width + column).where(inside, 0).long()
            weight = (weight_y * weight_x).where(inside, 0).float()
            views += above.index_select(2, place.flatten()) * weight.flatten()
    return views.reshape(n, channels, window.height, window.width) + fill


def _sources(
    like: "torch.Tensor", spatial: Spatial, window: Window
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """`holdfast.geometry.warp.sources` of all pixels, (H, W) float64, on the device of `like`."""
    (xx, xy, x0), (yx, yy, y0) = view_to_canvas(window, *spatial.matrix_of).tolist()
    places = like.new_tensor(np.arange(max(window.height, window.width))).double()
    y, x = places[: window.height, None], places[: window.width]
    return yx * x + yy * y + y0, xx * x + xy * y + x0
