"""What every motion promises, and the share of a view that the canvas gives, by probing."""

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window

__all__ = ["Canvas", "Motion", "View", "coverage", "is_planar", "unseen_share"]

Canvas = NDArray[np.uint8] | NDArray[np.float32]
"""(h, w, c), 0 to 255. Float32 is taken as it is, with no rounding."""
View = NDArray[np.float32]
"""(H, W, c), 0 to 255."""


class Motion(Protocol):
    """One transform of a family, or a control of one; frozen and hashable."""

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the moved view of `canvas` (h, w, c) into `out` (H, W, c), float32, 0 to 255."""

    def fill_share(self, canvas: Size, window: Window) -> float:
        """Share of the view, 0 to 1, that the canvas cannot give."""

    def __hash__(self) -> int:
        """Equal motions are one key: what depends on the frame alone is computed once."""


def is_planar(pixels: Canvas) -> bool:
    """Whether the channels of (h, w, c) lie one after the other in memory, plane by plane."""
    return pixels.shape[2] > 1 and pixels.strides[2] > pixels.strides[1]


@lru_cache(maxsize=128)
def coverage(motion: Motion, canvas: Size, window: Window) -> NDArray[np.float32]:
    """The weight, 0 to 1, that each pixel of the view takes from the canvas; (H, W), read-only.

    Every motion is affine in the grey levels, so the view of ones less the view of zeros is it.
    """
    levels = [np.empty((window.height, window.width, 1), np.float32) for _ in range(2)]
    for level, out in enumerate(levels):
        motion.view(np.full((*canvas, 1), level, np.uint8), window, 0, out)
    seen: View = np.clip(levels[1] - levels[0], 0.0, 1.0)[..., 0]
    seen.flags.writeable = False
    return seen


@lru_cache(maxsize=4096)
def unseen_share(motion: Motion, canvas: Size, window: Window) -> float:
    """One less the mean of `coverage`: the fill share of a motion without a closed form."""
    return float(1.0 - coverage(motion, canvas, window).mean(dtype=np.float64))
