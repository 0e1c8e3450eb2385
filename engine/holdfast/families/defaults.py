"""The default lists, pre-registered: the same for every model and probe, in this order.

Source: the project's science reference, section 3 (Tr-8, Tr-2D, Ro, Sc,
Sp-10, Sp-775) and 2.8 (LDP).
"""

import numpy as np

from holdfast.families.borders import check_canvas
from holdfast.geometry import Frame
from holdfast.records.families import (
    CircularFamily,
    DisplacementFamily,
    Families,
    LatticeFamily,
    Placement,
    RotationFamily,
    ScaleFamily,
    ShiftPx,
    SpatialFamily,
    SpatialGrid,
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


_DRAWS = 10
_DRAW_DEG = 30.0
_DRAW_SHARE = 24 / 224
_GRID_DEG = tuple(float(angle) for angle in range(-30, 31, 2))
_GRID_SHARES = (-24 / 224, -12 / 224, 0.0, 12 / 224, 24 / 224)
_ROLLS = (*((step_px, 0) for step_px in range(1, 17)), (16, 16))
_PLACES = 5


def resolve(asked: Families, frame: Frame, seed: int) -> Families:
    """Replace everything that was left out by its default list.

    Args:
        asked: what the plan says.
        frame: the size that the model sees; spatial offsets scale with it.
        seed: of the draws of `sp10`; they are the same for all images.

    Raises:
        HoldfastError: `canvas_too_small` where a family must not be filled but would be.
    """
    small = min(frame.crop) < _SMALL_PX
    families = Families(
        translation=asked.translation or (SMALL_TRANSLATION if small else TRANSLATION),
        rotation=asked.rotation or ROTATION,
        scale=asked.scale or SCALE,
        spatial=_spatial(asked.spatial, frame, seed),
        circular=asked.circular and CircularFamily(shifts_px=asked.circular.shifts_px or _ROLLS),
        displacement=asked.displacement and _displacement(asked.displacement, frame),
        lattice=asked.lattice and _lattice(asked.lattice, frame),
    )
    check_canvas(families, frame)
    return families


def _spatial(asked: SpatialFamily | None, frame: Frame, seed: int) -> SpatialFamily | None:
    if asked is None or asked.preset is None:
        return asked
    side_px = min(frame.crop)
    if asked.preset == "sp775":
        offsets = tuple(share * side_px for share in _GRID_SHARES)
        grid = SpatialGrid(angles_deg=_GRID_DEG, shifts_x_px=offsets, shifts_y_px=offsets)
        return SpatialFamily(grid=grid, search=asked.search)
    draw = np.random.default_rng(np.random.SeedSequence([seed, _DRAWS]))
    reach = np.array([_DRAW_DEG, _DRAW_SHARE * side_px, _DRAW_SHARE * side_px])
    cells = tuple(
        Placement(angle_deg=float(angle), shift_px=(float(dx), float(dy)))
        for angle, dx, dy in draw.uniform(-reach, reach, (_DRAWS, 3))
    )
    return SpatialFamily(cells=cells, search=asked.search)


def _lattice(asked: LatticeFamily, frame: Frame) -> LatticeFamily:
    """Only a square has quarter turns."""
    square = frame.crop[0] == frame.crop[1]
    return asked if square else asked.model_copy(update={"turns": ()})


def _displacement(asked: DisplacementFamily, frame: Frame) -> DisplacementFamily:
    """Object of a quarter of the short side; a 5 x 5 grid up to 1 px from the border (2.8)."""
    size_px = asked.size_px or max(2, min(frame.crop) // 4)
    if asked.shifts_px is not None:
        return asked.model_copy(update={"size_px": size_px})
    rows, columns = (
        np.linspace(-1, 1, _PLACES) * max(0, (side - size_px) // 2 - 1) for side in frame.crop
    )
    shifts = dict.fromkeys((round(dx), round(dy)) for dy in rows for dx in columns)
    shifts.pop((0, 0), None)
    return asked.model_copy(update={"size_px": size_px, "shifts_px": tuple(shifts)})
