"""The lists of transforms that an audit goes through."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from holdfast.records.base import Record

__all__ = [
    "MAIN_FAMILIES",
    "Border",
    "CircularFamily",
    "DisplacementFamily",
    "Families",
    "Family",
    "LatticeFamily",
    "Placement",
    "RotationFamily",
    "ScaleFamily",
    "SpatialFamily",
    "SpatialGrid",
    "TranslationFamily",
]

ShiftPx = tuple[Annotated[int, Field(ge=-4096, le=4096)], Annotated[int, Field(ge=-4096, le=4096)]]
AngleDeg = Annotated[float, Field(ge=-360, le=360)]
Zoom = Annotated[float, Field(ge=0.1, le=10)]
OffsetPx = Annotated[float, Field(ge=-4096, le=4096)]
_MAX_CELLS = 2000


class Family(StrEnum):
    """A pre-registered list of transforms of one kind."""

    translation = "translation"
    rotation = "rotation"
    scale = "scale"
    spatial = "spatial"
    """Rotation, translation and zoom at once."""
    circular = "circular"
    """Whole-pixel rolls: nothing enters, nothing leaves. A diagnosis, not a deployment."""
    displacement = "displacement"
    """A small copy of the image at far places of an empty canvas. A diagnosis."""
    lattice = "lattice"
    """Quarter turns, mirror and whole-number enlargement: exact, nothing is resampled."""


MAIN_FAMILIES = (Family.translation, Family.rotation, Family.scale)
"""What every audit measures unless the plan leaves it out; the others run on request."""


class Border(StrEnum):
    """What happens where a warp needs more than the canvas has."""

    fill = "fill"
    """The declared fill, its share recorded."""
    disc = "disc"
    """Reference and view are seen through the inscribed disc; outside it is the fill."""
    full = "full"
    """Nothing may be filled; a plan whose canvas is too small is refused."""


def _check_cells(cells: tuple[object, ...], identity: object) -> None:
    """The identity is the reference, not a cell; a cell that stands twice would count twice."""
    if identity in cells:
        raise ValueError("the identity is the reference and cannot be a cell")
    if len(set(cells)) != len(cells):
        raise ValueError("every cell may stand only once")


class TranslationFamily(Record):
    """Whole-pixel shifts `[dx, dy]`; the content moves right and down. No interpolation."""

    shifts_px: Annotated[tuple[ShiftPx, ...], Field(max_length=_MAX_CELLS)]

    @model_validator(mode="after")
    def _each_once(self) -> "TranslationFamily":
        _check_cells(self.shifts_px, (0, 0))
        return self


class RotationFamily(Record):
    """Rotations about the centre of the crop, degrees, counter-clockwise as displayed."""

    angles_deg: Annotated[tuple[AngleDeg, ...], Field(max_length=_MAX_CELLS)]
    border: Border = Border.fill

    @model_validator(mode="after")
    def _each_once(self) -> "RotationFamily":
        _check_cells(self.angles_deg, 0.0)
        return self


class ScaleFamily(Record):
    """Zooms about the centre of the crop; above 1 the content grows. Antialiased below 1."""

    zooms: Annotated[tuple[Zoom, ...], Field(max_length=_MAX_CELLS)]
    border: Literal[Border.fill, Border.full] = Border.fill

    @model_validator(mode="after")
    def _each_once(self) -> "ScaleFamily":
        _check_cells(self.zooms, 1.0)
        return self


class Placement(Record):
    """Turn and zoom about the centre of the crop, then shift, also by fractions of a pixel."""

    angle_deg: AngleDeg = 0.0
    shift_px: tuple[OffsetPx, OffsetPx] = (0.0, 0.0)
    zoom: Zoom = 1.0


class SpatialGrid(Record):
    """Every combination of these, the identity left out. Source: Engstrom et al., ICML 2019."""

    angles_deg: Annotated[tuple[AngleDeg, ...], Field(min_length=1)] = (0.0,)
    shifts_x_px: Annotated[tuple[OffsetPx, ...], Field(min_length=1)] = (0.0,)
    shifts_y_px: Annotated[tuple[OffsetPx, ...], Field(min_length=1)] = (0.0,)
    zooms: Annotated[tuple[Zoom, ...], Field(min_length=1)] = (1.0,)

    @model_validator(mode="after")
    def _is_a_grid(self) -> "SpatialGrid":
        n = 1
        for axis in (self.angles_deg, self.shifts_x_px, self.shifts_y_px, self.zooms):
            if len(set(axis)) != len(axis):
                raise ValueError("a value stands twice on one axis")
            n *= len(axis)
        if n > _MAX_CELLS:
            raise ValueError(f"the grid has {n} cells, at most {_MAX_CELLS} are allowed")
        return self


class SpatialFamily(Record):
    """Joint rotation, translation and zoom: exactly one of a preset, a grid, or single cells.

    `preset: sp10` is 10 seeded draws from +-30 degrees and +-0.107 of the side, the same for all
    images; `sp775` is the 31 x 5 x 5 grid of the literature. `search: worst` leaves an image as
    soon as it has flipped: the worst case is the same as that of `exhaustive`, at a fraction of the
    cost, but rates per cell and means over cells are not measured.
    """

    preset: Literal["sp10", "sp775"] | None = None
    grid: SpatialGrid | None = None
    cells: Annotated[tuple[Placement, ...], Field(max_length=_MAX_CELLS)] | None = None
    search: Literal["exhaustive", "worst"] = "exhaustive"

    @model_validator(mode="after")
    def _one_of_them(self) -> "SpatialFamily":
        if sum(each is not None for each in (self.preset, self.grid, self.cells)) != 1:
            raise ValueError("give exactly one of preset, grid and cells")
        _check_cells(self.cells or (), Placement())
        return self


class CircularFamily(Record):
    """Whole-pixel rolls `[dx, dy]`. Left out: 1 to 16 px along x and the diagonal 16."""

    shifts_px: Annotated[tuple[ShiftPx, ...], Field(max_length=_MAX_CELLS)] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "CircularFamily":
        _check_cells(self.shifts_px or (), (0, 0))
        return self


class DisplacementFamily(Record):
    """The image, resized to `size_px`, on an empty canvas; the reference is in the middle.

    Left out: `size_px` is a quarter of the crop's short side, `shifts_px` are the 24 places of a
    5 x 5 grid that reaches to 1 px from the border. `background` is the canvas' grey level.
    """

    size_px: Annotated[int, Field(ge=2, le=4096)] | None = None
    background: Annotated[int, Field(ge=0, le=255)] = 0
    shifts_px: Annotated[tuple[ShiftPx, ...], Field(max_length=_MAX_CELLS)] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "DisplacementFamily":
        _check_cells(self.shifts_px or (), (0, 0))
        return self


class LatticeFamily(Record):
    """Exact cells: quarter turns (1 to 3, counter-clockwise), mirror image, enlargement."""

    turns: tuple[Annotated[int, Field(ge=1, le=3)], ...] = (1, 2, 3)
    mirror: bool = True
    enlarge: Annotated[int, Field(ge=2, le=4)] | None = None
    """Every pixel becomes `enlarge` x `enlarge` pixels: for models that take any size."""


class Families(Record):
    """The lists to audit.

    Translation, rotation and scale take their default list where they are left out; an empty list
    leaves them out. The others run only when they are asked for.
    """

    translation: TranslationFamily | None = None
    rotation: RotationFamily | None = None
    scale: ScaleFamily | None = None
    spatial: SpatialFamily | None = None
    circular: CircularFamily | None = None
    displacement: DisplacementFamily | None = None
    lattice: LatticeFamily | None = None
