"""Control C1: the blur of a warp without its motion, at the phases of that warp.

A bilinear step at the fraction d between two pixels is a kernel of variance d (1 - d). The
symmetric kernel [a, 1 - 2a, a] with a = d (1 - d) / 2 has the same variance and moves nothing.
Zooming out has wider triangles; there the control is the symmetric triangle with, at each pixel
and on each axis, the variance of the triangle that the zoom has there. At zoom 1 the two are the
same kernel. ADR 0011 has the measurements.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.motions import IDENTITY
from holdfast.geometry.protocol import Canvas, View, unseen_share
from holdfast.geometry.scratch import scratch
from holdfast.geometry.shrink import triangle
from holdfast.geometry.spatial import Affine, Spatial, as_spatial
from holdfast.geometry.warp import sources, view_to_canvas

__all__ = ["Blur", "blur_kernels", "still_kernel"]

_STEP_PX = 1e-3
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Blur:
    """The plain crop with the blur that `of` has at each pixel, and none of its motion.

    Border pixels take canvas content beyond the crop where it exists, else fill.
    Of white noise it keeps .5136 of the variance, where a generic rotation keeps 4 / 9.
    """

    of: Affine

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the blurred crop; see `Motion.view`."""
        channels = out.shape[2]
        down, across = _weights(as_spatial(self.of), (window.height, window.width), channels)
        margin = max(len(down), len(across)) - 1
        around = window.grown(margin)
        patch = scratch("patch", (around.height, around.width, channels))
        IDENTITY.view(canvas, around, fill, patch)
        flat = patch.reshape(around.height, -1)
        blurred = _blurred(flat, down, across, (margin, channels))
        out[...] = blurred.reshape(out.shape)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return unseen_share(self, canvas, window)


def still_kernel(at: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """The zero-displacement kernel for sampling at `at` (...,) with a triangle.

    Args:
        at: coordinates in pixels.
        reach: half-width of the sampling triangle in pixels, at least 1.

    Returns:
        (R + 1, ...): the weight of the pixel itself, then of each neighbour at distance 1 to R.
    """
    if reach <= 1:
        fraction = at - np.floor(at)
        side = fraction * (1.0 - fraction) / 2
        return np.stack([1.0 - 2.0 * side, side])
    source, weight = triangle(at, reach)
    mean = (source * weight).sum(axis=-1, keepdims=True)
    variance = ((source - mean) ** 2 * weight).sum(axis=-1)
    reaches, variances = _variances(reach)
    wide = np.interp(variance, variances, reaches)
    distance = np.arange(np.ceil(wide.max())).reshape(-1, *[1] * at.ndim)
    kernel = np.clip(1.0 - distance / wide, 0.0, None)
    return np.asarray(kernel / (kernel[0] + 2.0 * kernel[1:].sum(axis=0)))


@lru_cache(maxsize=64)
def _variances(reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half-widths, and the variance of the centred triangle of each: (k,) and rising."""
    reaches = np.arange(1.0, reach + 2.0, _STEP_PX)
    taps = np.arange(1, np.ceil(reaches[-1]) + 1)
    weight = np.clip(1.0 - taps / reaches[:, None], 0.0, None)
    return reaches, 2 * (weight * taps**2).sum(axis=1) / (1 + 2 * weight.sum(axis=1))


@lru_cache(maxsize=32)
def _weights(
    warp: Spatial, size: Size, channels: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernels down and across: (R + 1, H or 1, W * channels or 1) each."""
    down, across = (
        kernels if kernels.shape[-1] == 1 else kernels.repeat(channels, -1)
        for kernels in blur_kernels(warp, size)
    )
    return down, across


@lru_cache(maxsize=32)
def blur_kernels(warp: Spatial, size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The kernels of `Blur(warp)` on a view of `size` (H, W), down and across.

    Returns:
        (R + 1, H, W or 1) and (R + 1, H or 1, W): the weight of the pixel itself, then of both
        neighbours at distance 1 to R.
    """
    window = Window(0, 0, *size)
    rows, columns = sources(view_to_canvas(window, *warp.matrix_of), size)
    reach = max(1.0, 1.0 / warp.zoom)
    down, across = (still_kernel(at, reach).astype(np.float32) for at in (rows, columns))
    return down, across


def _blurred(flat: Rows, down: Rows, across: Rows, layout: tuple[int, int]) -> Rows:
    """(H, W * c) from `flat` (H + 2 margin, (W + 2 margin) * c); `layout` is (margin, c).

    In buffers that are kept, for the next call of this thread only.
    """
    margin, channels = layout
    height, width = flat.shape[0] - 2 * margin, flat.shape[1] - 2 * margin * channels
    summed = scratch("summed", (flat.shape[0], width))

    def line(rows: Rows, out: Rows) -> Rows:
        """Rows, blurred across."""

        def beside(step: int) -> Rows:
            start = (margin + step) * channels
            return rows[:, start : start + width]

        np.multiply(across[0], beside(0), out=out)
        for step in range(1, len(across)):
            both = np.add(beside(step), beside(-step), out=summed[: len(out)])
            both *= across[step]
            out += both
        return out

    if across.shape[1] == 1:  # the same in every row: each is blurred once
        every = line(flat, scratch("lines", (flat.shape[0], width)))
        lines = {shift: every[margin + shift :][:height] for shift in range(-margin, margin + 1)}
    else:
        lines = {
            shift: line(flat[margin + shift :][:height], scratch(f"line{shift}", (height, width)))
            for shift in range(1 - len(down), len(down))
        }
    total = scratch("total", (height, width))
    np.multiply(down[0], lines[0], out=total)
    for shift in range(1, len(down)):
        both = np.add(lines[shift], lines[-shift], out=summed[:height])
        both *= down[shift]
        total += both
    return total
