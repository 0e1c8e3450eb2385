"""Where pixels go: canvas, window, the motions and their controls. Conventions in one place.

Convention:
    * Arrays are (height, width, channels); a pixel's centre has whole coordinates, x right, y down.
    * A motion describes where the *content* goes. `shift_px = (dx, dy)` moves it right and down,
      `angle_deg > 0` turns it counter-clockwise as displayed, `zoom > 1` enlarges it.
    * Rotation and zoom are about the centre of the crop, ((W - 1) / 2, (H - 1) / 2).
    * What lies outside the canvas has the fill value, in pixel space, before normalisation.

Motions: `Shift`, `Roll`, `QuarterTurn` and `Mirror` copy pixels, `Embed` after one resize;
`Rotation`, `Zoom`, `Spatial` and `SubpixelShift` interpolate once. `DiscMask` wraps any of them.
Controls: `Blur` (C1) and `RoundTrip` (C2) resample without moving, `Occlude` (C_occ) loses content
without moving. Source: the project's science reference, section 2.
"""

from holdfast.geometry.blur import Blur
from holdfast.geometry.disc import DiscMask, disc
from holdfast.geometry.embed import Embed, object_size
from holdfast.geometry.frame import Frame, Size, Window, frame_for
from holdfast.geometry.lattice import Mirror, QuarterTurn, Roll, enlarge_nearest
from holdfast.geometry.motions import IDENTITY, Rotation, Shift, Zoom
from holdfast.geometry.occlude import Occlude
from holdfast.geometry.protocol import Motion, coverage
from holdfast.geometry.reach import needs_canvas_px
from holdfast.geometry.round_trip import RoundTrip
from holdfast.geometry.spatial import Affine, Spatial, SubpixelShift, as_spatial

__all__ = [
    "IDENTITY",
    "Affine",
    "Blur",
    "DiscMask",
    "Embed",
    "Frame",
    "Mirror",
    "Motion",
    "Occlude",
    "QuarterTurn",
    "Roll",
    "Rotation",
    "RoundTrip",
    "Shift",
    "Size",
    "Spatial",
    "SubpixelShift",
    "Window",
    "Zoom",
    "as_spatial",
    "coverage",
    "disc",
    "enlarge_nearest",
    "frame_for",
    "needs_canvas_px",
    "object_size",
]
