"""Whether the canvas holds what a family needs without any fill."""

import math

from holdfast.errors import HoldfastError
from holdfast.geometry import Frame
from holdfast.records.families import Border, Families

__all__ = ["check_canvas"]


def check_canvas(families: Families, frame: Frame) -> None:
    """Refuse a family with `border: full` that the smallest canvas cannot serve.

    A crop (h, w) turned by a needs h |cos a| + w |sin a| rows and w |cos a| + h |sin a| columns; a
    zoom z needs 1 / z of each side (science reference, section 2.4).

    Raises:
        HoldfastError: `canvas_too_small`, naming the short side that would do.
    """
    height, width = frame.crop
    needed: list[tuple[float, float]] = []
    if families.rotation is not None and families.rotation.border is Border.full:
        for angle_deg in families.rotation.angles_deg:
            cos, sin = (abs(turn(math.radians(angle_deg))) for turn in (math.cos, math.sin))
            needed.append((height * cos + width * sin, width * cos + height * sin))
    if families.scale is not None and families.scale.border is Border.full:
        needed += [(height / zoom, width / zoom) for zoom in families.scale.zooms]
    if not needed:
        return
    rows, columns = (max(sides) for sides in zip(*needed, strict=True))
    has = frame.smallest_canvas
    if rows > has[0] + _ROUNDING_PX or columns > has[1] + _ROUNDING_PX:
        short = math.ceil(max(rows / height, columns / width) * min(height, width))
        raise HoldfastError("canvas_too_small", has=f"{has[0]} x {has[1]}", needs=short)


_ROUNDING_PX = 1e-6
