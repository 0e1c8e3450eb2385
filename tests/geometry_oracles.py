"""Slow and independent ways to take a view, and pictures to take it of."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from holdfast.geometry import Motion, Spatial, Window

__all__ = ["Levels", "bilinear_view", "canvas_noise", "view_of", "wave"]

Levels = NDArray[Any]


def view_of(motion: Motion, canvas: Levels, window: Window, fill: int = 0) -> NDArray[np.float32]:
    """The view (H, W, c) of `canvas` (h, w, c), in a buffer of rubbish."""
    out = np.full((window.height, window.width, canvas.shape[2]), -1e9, np.float32)
    motion.view(canvas, window, fill, out)
    return out


def bilinear_view(
    spatial: Spatial, canvas: Levels, window: Window, fill: int
) -> NDArray[np.float64]:
    """scipy's interpolation (H, W, c), pixels of `fill` around the canvas, by trigonometry alone:
    a point at radius r and direction a of the content came from r / zoom and a - angle.
    """
    rows, columns = np.mgrid[: window.height, : window.width].astype(float)
    right = columns - (window.width - 1) / 2 - spatial.dx
    up = (window.height - 1) / 2 - (rows - spatial.dy)
    radius = np.hypot(right, up) / spatial.zoom
    direction = np.arctan2(up, right) - math.radians(spatial.angle_deg)
    centre_x, centre_y = window.centre
    at = np.stack([centre_y - radius * np.sin(direction), centre_x + radius * np.cos(direction)])
    bands = [
        ndimage.map_coordinates(
            canvas[..., band].astype(float), at, order=1, mode="grid-constant", cval=fill
        )
        for band in range(canvas.shape[2])
    ]
    return np.stack(bands, axis=-1)


def wave(height: int, width: int) -> NDArray[np.float32]:
    """Two periods over each side, amplitude 100 around 127.5; (h, w, 1), not rounded."""
    rows, columns = np.mgrid[:height, :width].astype(float)
    phase = 2 * math.pi * 2
    levels = np.sin(phase * columns / width + 0.4) * np.cos(phase * rows / height)
    return np.asarray(127.5 + 100 * levels[..., None], np.float32)


def canvas_noise(side: int, seed: int = 0) -> NDArray[np.float32]:
    """White noise of 20 grey levels around 128; (side, side, 1), not rounded."""
    noise = np.random.default_rng(seed).normal(128, 20, (side, side, 1))
    return noise.astype(np.float32)
