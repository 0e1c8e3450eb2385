"""Control C_occ: the content that a motion loses is covered, and nothing moves."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry.frame import Size, Window
from holdfast.geometry.motions import IDENTITY, Shift
from holdfast.geometry.protocol import Canvas, View, coverage, unseen_share
from holdfast.geometry.spatial import Affine

__all__ = ["Occlude", "new_pixels"]


@dataclass(frozen=True)
class Occlude:
    """The plain crop, covered where the motion `of` loses content.

    One rule, which keeps the amount of fill: what the moved view has new, turned by 180 degrees
    about the view's centre, lies where the content leaves (a shift to the right has new pixels on
    the left and loses those on the right).

    * Where the moved view has fill, the control has the same share of fill at the turned place.
      For rotations and zooms of a centred canvas that is the very same place.
    * `Shift` only: where real content enters, the leaving strip has the mean of that content.

    A warp without fill is the plain crop. `Spatial` and `SubpixelShift` follow the rule of warps
    in all their cells, whole pixels included, so that a family has one control.
    """

    of: Affine

    def view(self, canvas: Canvas, window: Window, fill: int, out: View) -> None:
        """Write the covered crop; see `Motion.view`."""
        IDENTITY.view(canvas, window, fill, out)
        size = (canvas.shape[0], canvas.shape[1])
        if isinstance(self.of, Shift):
            _cover_strips(self.of, canvas, window, fill, out)
        elif self.of.fill_share(size, window) > 0:
            seen = coverage(self.of, size, window)[::-1, ::-1, None]
            np.subtract(out, np.float32(fill), out=out)
            out *= seen
            out += np.float32(fill)

    def fill_share(self, canvas: Size, window: Window) -> float:
        """See `Motion.fill_share`."""
        return unseen_share(self, canvas, window)


def _cover_strips(shift: Shift, canvas: Canvas, window: Window, fill: int, out: View) -> None:
    size = (canvas.shape[0], canvas.shape[1])
    entering, leaving, lost = _places(shift, size, window)
    if len(entering[0]):
        moved = np.empty_like(out)
        shift.view(canvas, window, fill, moved)
        mean = moved[entering].mean(axis=0, dtype=np.float64)
        out[leaving] = mean.astype(np.float32)
    if len(lost[0]):
        out[lost] = fill


_Places = tuple[NDArray[np.intp], ...]


@lru_cache(maxsize=128)
def _places(shift: Shift, canvas: Size, window: Window) -> tuple[_Places, _Places, _Places]:
    """Where content enters, and the turned places where it leaves and where there is none."""
    entering, filled = new_pixels(shift, canvas, window)
    return (
        np.nonzero(entering),
        np.nonzero(entering[::-1, ::-1]),
        np.nonzero(filled[::-1, ::-1]),
    )


@lru_cache(maxsize=128)
def new_pixels(
    shift: Shift, canvas: Size, window: Window
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels of the moved view (H, W) from beyond the crop: with content, and without."""
    y, x = np.ogrid[: window.height, : window.width]
    row, column = y - shift.dy, x - shift.dx
    new = (row < 0) | (row >= window.height) | (column < 0) | (column >= window.width)
    given = coverage(shift, canvas, window) > 0
    return new & given, new & ~given
