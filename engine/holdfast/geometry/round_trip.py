"""Control C2: there and back, two interpolations and no motion; it blurs more than the warp."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.protocol import Canvas, View, unseen_share
from holdfast.geometry.spatial import Affine, Spatial, as_spatial
from holdfast.geometry.warp import Matrix, view_to_canvas, warp

__all__ = ["RoundTrip"]


@dataclass(frozen=True)
class RoundTrip:
    """The view of `of`, then one bilinear step back to the plain crop's place.

    The way there is `of` itself, antialiased when zooming out, on a view with so much margin that
    the way back finds all of it: nothing is lost but what the canvas does not have.
    """

    of: Affine

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the crop that went and came back; see `Motion.view`."""
        spatial = as_spatial(self.of)
        back, margin = _way_back(window, spatial)
        there = window.grown(margin)
        moved = np.empty((there.height, there.width, out.shape[2]), np.float32)
        spatial.view(canvas, there, fill, moved)
        warp(moved, back, fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return unseen_share(self, canvas, window)


@lru_cache(maxsize=4096)
def _way_back(window: Window, spatial: Spatial) -> tuple[Matrix, int]:
    """From the plain crop to the moved view with its margin, and that margin in pixels."""
    crop = np.array([[1, 0, window.left], [0, 1, window.top]], float)
    forward = view_to_canvas(window, *spatial.matrix_of)
    back = np.linalg.inv(_square(forward)) @ _square(crop)
    last = np.array([window.width - 1, window.height - 1], float)
    corners = np.array([[x, y, 1] for x in (0, last[0]) for y in (0, last[1])]).T
    at = (back @ corners)[:2]
    beyond = max(float(-at.min()), float((at - last[:, None]).max()), 0.0)
    margin = math.ceil(beyond) + 1
    back[:2, 2] += margin
    matrix = back[:2]
    matrix.flags.writeable = False
    return matrix, margin


def _square(matrix: Matrix) -> Matrix:
    return np.vstack([matrix, [0, 0, 1]])
