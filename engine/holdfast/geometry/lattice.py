"""Motions of the pixel lattice: permutations and replications of pixels, no interpolation."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.motions import IDENTITY
from holdfast.geometry.protocol import Canvas, View

__all__ = ["Mirror", "QuarterTurn", "Roll", "enlarge_nearest"]

Level = TypeVar("Level", bound=np.generic)


@dataclass(frozen=True)
class Roll:
    """The crop is cut first, then rolled: content leaves on one side and enters on the other.

    Protocol T2: a permutation of the crop's pixels, so no content is lost and none is new.

    Attributes:
        dx: whole pixels to the right.
        dy: whole pixels downwards.
    """

    dx: int
    dy: int

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the rolled view; see `Motion.view`."""
        IDENTITY.view(canvas, window, fill, out)
        out[...] = np.roll(out, (self.dy, self.dx), axis=(0, 1))

    def fill_share(self, canvas: Size, window: Window) -> float:
        """That of the crop."""
        return IDENTITY.fill_share(canvas, window)


@dataclass(frozen=True)
class QuarterTurn:
    """The crop turns by `k` quarters counter-clockwise as displayed, pixels being copied.

    Only square crops: `view` and `fill_share` raise ValueError for others.
    """

    k: int

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the turned view; see `Motion.view`."""
        _need_square(window)
        IDENTITY.view(canvas, window, fill, out)
        out[...] = np.rot90(out, self.k).copy()

    def fill_share(self, canvas: Size, window: Window) -> float:
        """That of the crop."""
        _need_square(window)
        return IDENTITY.fill_share(canvas, window)


@dataclass(frozen=True)
class Mirror:
    """The crop with left and right exchanged, pixels being copied."""

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the mirrored view; see `Motion.view`."""
        IDENTITY.view(canvas, window, fill, out)
        out[...] = out[:, ::-1].copy()

    def fill_share(self, canvas: Size, window: Window) -> float:
        """That of the crop."""
        return IDENTITY.fill_share(canvas, window)


def enlarge_nearest(view: NDArray[Level], k: int) -> NDArray[Level]:
    """Repeat each pixel of `view` (..., H, W, c) `k` by `k` times: (..., kH, kW, c).

    The lattice-exact zoom in, for models that take any size.

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"an enlargement by {k} has no pixels")
    return view.repeat(k, axis=-3).repeat(k, axis=-2)


def _need_square(window: Window) -> None:
    if window.height != window.width:
        raise ValueError(
            f"a quarter turn needs a square crop, not {window.height} x {window.width} px"
        )
