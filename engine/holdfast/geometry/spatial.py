"""Turn, zoom and shift in one warp: the threat model of Engstrom et al. (ICML 2019)."""

from dataclasses import dataclass

import numpy as np

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.motions import IDENTITY, Rotation, Shift, Zoom
from holdfast.geometry.protocol import Canvas, View, unseen_share
from holdfast.geometry.shrink import shrink, triangle
from holdfast.geometry.warp import Matrix, sources, view_to_canvas, warp

__all__ = ["Affine", "Spatial", "SubpixelShift", "as_spatial"]


@dataclass(frozen=True)
class Spatial:
    """Content turns and zooms about the crop's centre, then shifts: one interpolation.

    With neutral other parameters it is `Rotation`, `Zoom` or `Shift`, bit by bit.

    Below zoom 1 the bilinear triangle widens to a half-width of 1 / zoom canvas pixels, along the
    canvas' axes, around the place where each view pixel comes from. With a rotation that is a sum
    over about (2 / zoom + 1)² pixels, in numpy: tens of milliseconds for 224 x 224 x 3.

    Attributes:
        angle_deg: counter-clockwise as displayed.
        dx: shift to the right in pixels of the view, may be fractional.
        dy: shift downwards, likewise.
        zoom: above 0; above 1 enlarges.
    """

    angle_deg: float
    dx: float
    dy: float
    zoom: float = 1.0

    @property
    def matrix_of(self) -> tuple[float, float, tuple[float, float]]:
        """Arguments of `view_to_canvas` after the window."""
        return self.angle_deg, self.zoom, (self.dx, self.dy)

    def whole_shift(self) -> Shift | None:
        """The `Shift` that this is, when it neither turns nor zooms nor splits a pixel."""
        if self.angle_deg % 360 == 0 and self.zoom == 1:
            dx, dy = round(self.dx), round(self.dy)
            return Shift(dx, dy) if (dx, dy) == (self.dx, self.dy) else None
        return None

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the moved view; see `Motion.view`."""
        shift = self.whole_shift()
        if shift is not None:
            shift.view(canvas, window, fill, out)
        elif self.zoom >= 1:
            warp(canvas, view_to_canvas(window, *self.matrix_of), fill, out)
        elif self.angle_deg % 360 == 0:
            shrink(canvas, window, self.zoom, fill, out, shift_px=(self.dx, self.dy))
        else:
            matrix = view_to_canvas(window, *self.matrix_of)
            _sample_wide(canvas, matrix, 1.0 / self.zoom, fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return unseen_share(self, canvas, window)


@dataclass(frozen=True)
class SubpixelShift:
    """Content moves by a fraction of a pixel, bilinearly: `Spatial` without turn and zoom."""

    dx: float
    dy: float

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the shifted view; see `Motion.view`."""
        as_spatial(self).view(canvas, window, fill, out)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return as_spatial(self).fill_share(canvas, window)


Affine = Shift | Rotation | Zoom | Spatial | SubpixelShift
"""The motions that are one affine map; controls are defined for these."""


def as_spatial(motion: Affine) -> Spatial:
    """The same map, as turn, zoom and shift."""
    match motion:
        case Shift(dx, dy) | SubpixelShift(dx, dy):
            return Spatial(0.0, dx, dy)
        case Rotation(angle_deg):
            return Spatial(angle_deg, 0.0, 0.0)
        case Zoom(zoom):
            return Spatial(0.0, 0.0, 0.0, zoom)
        case Spatial():
            return motion


def _sample_wide(canvas: Canvas, matrix: Matrix, reach: float, fill: int, out: View) -> None:
    """Sum the triangle of half-width `reach` around every source, tap by tap."""
    rows, columns = sources(matrix, (out.shape[0], out.shape[1]))
    (ys, weights_y), (xs, weights_x) = triangle(rows, reach), triangle(columns, reach)
    top, left = int(ys.min()), int(xs.min())
    around = Window(top, left, int(ys.max()) - top + 1, int(xs.max()) - left + 1)
    patch = np.empty((around.height, around.width, canvas.shape[2]), np.float32)
    IDENTITY.view(canvas, around, fill, patch)
    pixels = patch.reshape(-1, canvas.shape[2])
    places_y = (ys - top).astype(np.intp) * around.width
    places_x = (xs - left).astype(np.intp)
    out.fill(0)
    for i in range(weights_y.shape[-1]):
        for j in range(weights_x.shape[-1]):
            weight = (weights_y[..., i] * weights_x[..., j]).astype(np.float32)
            if weight.any():
                out += weight[..., None] * pixels[places_y[..., i] + places_x[..., j]]
