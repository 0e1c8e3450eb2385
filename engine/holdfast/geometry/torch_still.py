"""Views on the device where the model runs that interpolate nothing, and the controls.

Helpers of `holdfast.geometry.torch_warp`; each does on (n, c, h, w) what a motion's `view` does on
(h, w, c). This module never imports torch either.
"""

from typing import TYPE_CHECKING

import numpy as np

from holdfast.geometry.blur import blur_kernels
from holdfast.geometry.embed import Embed, object_size, resizer
from holdfast.geometry.frame import Window, overlap
from holdfast.geometry.motions import IDENTITY, Shift
from holdfast.geometry.occlude import new_pixels
from holdfast.geometry.protocol import coverage
from holdfast.geometry.spatial import Affine, Spatial

if TYPE_CHECKING:
    import torch

__all__ = ["blurred", "embedded", "occluded", "shifted"]


def shifted(canvases: "torch.Tensor", shift: Shift, window: Window, fill: int) -> "torch.Tensor":
    """`Shift`: pixels are copied."""
    n, channels, height, width = canvases.shape
    rows, from_row = overlap(window.top - shift.dy, window.height, height)
    columns, from_column = overlap(window.left - shift.dx, window.width, width)
    views = canvases.new_full((n, channels, window.height, window.width), fill).float()
    views[..., rows, columns] = canvases[..., from_row, from_column].float()
    return views


def blurred(canvases: "torch.Tensor", of: Spatial, window: Window, fill: int) -> "torch.Tensor":
    """`Blur`: a symmetric kernel at each pixel, across and then down."""
    kernels = blur_kernels(of, (window.height, window.width))
    margin = max(map(len, kernels)) - 1
    patch = shifted(canvases, IDENTITY, window.grown(margin), fill)
    down, across = map(patch.new_tensor, kernels)
    height, width = window.height, window.width

    def line(shift: int) -> "torch.Tensor":
        """The rows `shift` below, blurred across."""
        rows = patch[..., margin + shift : margin + shift + height, :]

        def beside(step: int) -> "torch.Tensor":
            return rows[..., margin + step : margin + step + width]

        total = across[0] * beside(0)
        for step in range(1, len(across)):
            total += across[step] * (beside(step) + beside(-step))
        return total

    total = down[0] * line(0)
    for shift in range(1, len(down)):
        total += down[shift] * (line(shift) + line(-shift))
    return total


def occluded(canvases: "torch.Tensor", of: Affine, window: Window, fill: int) -> "torch.Tensor":
    """`Occlude`: the plain crop, covered where the motion loses content."""
    views, size = shifted(canvases, IDENTITY, window, fill), (canvases.shape[2], canvases.shape[3])
    if not isinstance(of, Shift):
        if of.fill_share(size, window) == 0:
            return views
        seen = np.ascontiguousarray(coverage(of, size, window)[::-1, ::-1])
        return (views - fill) * views.new_tensor(seen) + fill
    entering, filled = new_pixels(of, size, window)
    if entering.any():
        moved = shifted(canvases, of, window, fill).flatten(2)
        places = moved.new_tensor(np.flatnonzero(entering)).long()
        mean = moved.index_select(2, places).double().mean(2).float()
        leaving = views.new_tensor(np.ascontiguousarray(entering[::-1, ::-1])).bool()
        views = mean[..., None, None].where(leaving, views)
    lost = views.new_tensor(np.ascontiguousarray(filled[::-1, ::-1])).bool()
    return views.masked_fill(lost, fill)


def embedded(canvases: "torch.Tensor", embed: Embed, window: Window, fill: int) -> "torch.Tensor":
    """`Embed`: the crop, resized to an object, on a constant background."""
    crop = shifted(canvases, IDENTITY, window, fill)
    height, width = object_size((window.height, window.width), embed.size_px)
    down = crop.new_tensor(resizer(window.height, height).toarray())
    across = crop.new_tensor(resizer(window.width, width).toarray())
    small = down @ (crop @ across.T)
    rows, from_row, columns, from_column = embed.places(window)
    background = crop.new_tensor(np.atleast_1d(np.asarray(embed.fill, np.float32)))
    views = background[:, None, None].expand(crop.shape[1:]).expand_as(crop).clone()
    views[..., rows, columns] = small[..., from_row, from_column]
    return views
