"""Stimuli of the ground-truth cases, exact in uint8."""

import numpy as np
from numpy.typing import NDArray

from toy_probes import Pixels

__all__ = ["natural", "point", "wave", "white_noise"]


def natural(n: int, size: int, seed: int = 0, sd: float = 30.0) -> Pixels:
    """1/f noise around 128, (n, size, size); clipping is so rare that it does not matter here."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    frequency[0, 0] = np.inf
    draw = np.random.default_rng(seed).standard_normal((n, size, size))
    wide = np.fft.ifft2(np.fft.fft2(draw) / frequency).real
    wide /= wide.std(axis=(1, 2), keepdims=True)
    return np.clip(np.rint(128 + sd * wide), 0, 255).astype(np.uint8)


def white_noise(n: int, size: int, seed: int = 0, sd: float = 30.0) -> Pixels:
    """Independent normal pixels around 128: four standard deviations fit."""
    draw = np.random.default_rng(seed).normal(128, sd, (n, size, size))
    return np.clip(np.rint(draw), 0, 255).astype(np.uint8)


def point(size: int, row: int, column: int, level: int = 255) -> Pixels:
    """One bright pixel on black."""
    pixels = np.zeros((size, size), np.uint8)
    pixels[row, column] = level
    return pixels


def wave(size: int, angle_deg: float, period_px: float) -> Pixels:
    """A plane wave whose crests are perpendicular to the direction `angle_deg` from the x axis."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radians = np.deg2rad(angle_deg)
    along: NDArray[np.float64] = x * np.cos(radians) + y * np.sin(radians)
    levels: Pixels = np.rint(128 + 100 * np.cos(2 * np.pi * along / period_px)).astype(np.uint8)
    return levels
