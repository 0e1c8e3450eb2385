"""How much of a kernel's energy lies above the Nyquist limit of what samples after it."""

import numpy as np
from numpy.typing import NDArray

from holdfast.runtimes.image_graph import Array

__all__ = ["energy_above", "location_share", "stop_band_share"]

_MAX_KERNELS = 4096


def stop_band_share(kernel: Array | None, stride: tuple[int, int]) -> float:
    """A: the share of `|W(f)|^2` outside |f_y| <= 1/(2 s_y), |f_x| <= 1/(2 s_x), white input.

    Exact: the pass band of a kernel w is `sum w_m w_n 2b sinc(2b (m - n))` with `b = 1 / (2 s)`.
    Averaged over the kernels, each weighted by its energy (science reference, section 5.1).

    Args:
        kernel: (out, in, h, w); None for what only picks (a delta).
        stride: along y and x.

    Returns:
        In [0, 1]; `1 - 1 / (s_y s_x)` for a delta.
    """
    taps = np.ones((1, 1, 1)) if kernel is None else kernel.reshape(-1, *kernel.shape[-2:])
    wide = taps[:_MAX_KERNELS].astype(np.float64)
    total = float((wide**2).sum())
    if total == 0:
        return 0.0
    rows, columns = (
        _pass_band(side, step) for side, step in zip(wide.shape[1:], stride, strict=True)
    )
    passed = float(np.einsum("khw,hi,kij,wj->", wide, rows, wide, columns, optimize=True))
    return float(np.clip(1.0 - passed / total, 0.0, 1.0))


def energy_above(maps: Array, places: tuple[int, int], stride: tuple[int, int]) -> float | None:
    """AVR: the share of the energy of maps that lies above the Nyquist limit of a stride.

    `sum |F|^2` over |f_y| > 1/(2 s_y) or |f_x| > 1/(2 s_x), over `sum |F|^2` (science reference,
    section 5.1). The maps are taken as periodic.

    Args:
        maps: real, at least two-dimensional.
        places: the axes of y and x.
        stride: along y and x.

    Returns:
        In [0, 1]; None where the maps are all 0 or hold whole numbers, whose zero is anywhere.
    """
    if maps.dtype.kind != "f":
        return None
    grid = np.moveaxis(maps, places, (-2, -1))
    height, width = grid.shape[-2:]
    power = np.abs(np.fft.rfft2(grid)) ** 2
    total_of = power.reshape(-1, *power.shape[-2:]).sum(axis=0, dtype=np.float64)
    twice = np.full(total_of.shape[1], 2.0)  # a real map: every other column stands for two
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    total_of *= twice
    f_y, f_x = np.abs(np.fft.fftfreq(height)), np.fft.rfftfreq(width)
    above = (f_y[:, None] > 0.5 / stride[0]) | (f_x > 0.5 / stride[1])
    total = float(total_of.sum())
    return min(1.0, float(total_of[above].sum()) / total) if total > 0 else None


def _pass_band(taps: int, stride: int) -> NDArray[np.float64]:
    apart = np.arange(taps)[:, None] - np.arange(taps)
    return np.asarray(np.sinc(apart / stride) / stride)


def location_share(weights: Array, positions: int, *, channels_last: bool) -> float | None:
    """LV: `||W - mean_hw W||^2 / ||W||^2`, the mean over the positions of each channel.

    0: the head is as blind to places as global average pooling; random weights give 1 - 1 / (H W).

    Args:
        weights: (C H W, k) of a flattened map.
        positions: H W.
        channels_last: whether the channels of one position lie together.

    Returns:
        None where the weights do not fit the map or are all 0.
    """
    if weights.ndim != 2 or len(weights) % positions:  # noqa: PLR2004 - a matrix
        return None
    wide = weights.astype(np.float64)
    shape = (positions, -1) if channels_last else (-1, positions)
    grid = wide.reshape(*shape, wide.shape[1])
    total = float((grid**2).sum())
    if total == 0:
        return None
    spread = grid - grid.mean(axis=0 if channels_last else 1, keepdims=True)
    return min(1.0, float((spread**2).sum()) / total)
