"""Where pixels go: canvas, window, and the three motions. Conventions in one place.

Convention:
    * Arrays are (height, width, channels); a pixel's centre has whole coordinates, x right, y down.
    * A motion describes where the *content* goes. `shift_px = (dx, dy)` moves it right and down,
      `angle_deg > 0` turns it counter-clockwise as displayed, `zoom > 1` enlarges it.
    * Rotation and zoom are about the centre of the crop, ((W - 1) / 2, (H - 1) / 2).
    * What lies outside the canvas has the fill value, in pixel space, before normalisation.
"""

from holdfast.geometry.frame import Frame, Window, frame_for
from holdfast.geometry.motions import IDENTITY, Rotation, Shift, Zoom
from holdfast.geometry.protocol import Motion

__all__ = [
    "IDENTITY",
    "Frame",
    "Motion",
    "Rotation",
    "Shift",
    "Window",
    "Zoom",
    "frame_for",
]
