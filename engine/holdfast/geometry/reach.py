"""How large a canvas must be so that a motion needs no fill."""

import math

from holdfast.geometry.frame import Size

__all__ = ["needs_canvas_px"]

_SLACK = 1e-9


def needs_canvas_px(crop: Size, *, angle_deg: float = 0.0, zoom: float = 1.0) -> Size:
    """Smallest height and width of a canvas that shows a turned or zoomed crop without fill.

    The box around the turned crop: (H |cos| + W |sin|) / zoom by (W |cos| + H |sin|) / zoom.
    When the margins of the crop are unequal (an odd difference of sides), or the triangle of a
    zoom out reaches further, the outermost pixels may still blend with a little fill;
    `Motion.fill_share` has the exact share.

    Args:
        crop: height and width of the view in pixels.
        angle_deg: rotation, in degrees.
        zoom: above 0; below 1 shows more of the canvas.

    Source: the project's science reference, section 2.4: c (|cos| + |sin|) <= c'.
    """
    cos, sin = abs(math.cos(math.radians(angle_deg))), abs(math.sin(math.radians(angle_deg)))
    height, width = crop
    rows, columns = (height * cos + width * sin) / zoom, (width * cos + height * sin) / zoom
    return math.ceil(rows - _SLACK), math.ceil(columns - _SLACK)
