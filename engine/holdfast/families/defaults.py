"""The default lists, pre-registered: the same for every model and probe, in this order.

Source: the project's science reference, section 3 (Tr-8, Tr-2D, Ro, Sc).
"""

from holdfast.geometry import Frame
from holdfast.records.plan import (
    Families,
    RotationFamily,
    ScaleFamily,
    ShiftPx,
    TranslationFamily,
)

__all__ = ["ROTATION", "SCALE", "SMALL_TRANSLATION", "TRANSLATION", "resolve"]

_SMALL_PX = 96
_REACH_PX = 3


def _axes(step_px: int) -> tuple[ShiftPx, ...]:
    return ((step_px, 0), (-step_px, 0), (0, step_px), (0, -step_px))


TRANSLATION = TranslationFamily(
    shifts_px=(
        *(shift for step_px in (1, 2, 4, 8) for shift in _axes(step_px)),
        *((1, 1), (-1, -1), (2, -2), (-2, 2), (4, 4), (-4, -4), (8, -8), (-8, 8)),
    )
)
"""16 axis shifts and 8 diagonals up to 8 px."""

SMALL_TRANSLATION = TranslationFamily(
    shifts_px=tuple(
        (dx, dy)
        for dy in range(-_REACH_PX, _REACH_PX + 1)
        for dx in range(-_REACH_PX, _REACH_PX + 1)
        if (dx, dy) != (0, 0)
    )
)
"""All 48 shifts up to 3 px: 8 px would be out of proportion on inputs below 96 px."""

ROTATION = RotationFamily(angles_deg=(-15.0, -10.0, -5.0, -2.0, 2.0, 5.0, 10.0, 15.0))
SCALE = ScaleFamily(zooms=(0.8, 0.9, 0.95, 1.05, 1.1, 1.25))


def resolve(asked: Families, frame: Frame) -> Families:
    """Replace every family that was left out by its default list."""
    small = min(frame.crop) < _SMALL_PX
    return Families(
        translation=asked.translation or (SMALL_TRANSLATION if small else TRANSLATION),
        rotation=asked.rotation or ROTATION,
        scale=asked.scale or SCALE,
    )
