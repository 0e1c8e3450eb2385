"""From lists of numbers to motions: the cells of an audit, in a fixed order."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.geometry import (
    IDENTITY,
    Blur,
    DiscMask,
    Embed,
    Mirror,
    Motion,
    Occlude,
    QuarterTurn,
    Roll,
    Rotation,
    Shift,
    Spatial,
    Zoom,
)
from holdfast.records.cells import ControlKind
from holdfast.records.families import (
    Border,
    CircularFamily,
    DisplacementFamily,
    Families,
    Family,
    LatticeFamily,
    Placement,
    RotationFamily,
    SpatialFamily,
    SpatialGrid,
)

__all__ = ["CellSpec", "Control", "cells_of", "placements", "searched"]


@dataclass(frozen=True)
class Control:
    """The same resampling or the same lost content as a cell, without its motion."""

    kind: ControlKind
    motion: Motion


@dataclass(frozen=True)
class CellSpec:
    """One cell: its family, its motion, and its parameters as a result spells them.

    Attributes:
        reference: the view that this cell is compared with; mostly the identity.
        controls: what the motion is told apart from.
        enlarge: how many times larger than usual the view is.
    """

    family: Family
    motion: Motion
    parameters: tuple[tuple[str, Any], ...]
    reference: Motion = IDENTITY
    controls: tuple[Control, ...] = ()
    enlarge: int = 1

    def value(self, name: str) -> Any:  # noqa: ANN401 - whatever the parameter is
        """One parameter, None where this family has no such."""
        return dict(self.parameters).get(name)


def cells_of(families: Families) -> tuple[CellSpec, ...]:
    """All cells of resolved families that every image goes through, in the order of `Family`."""
    cells: list[CellSpec] = []
    if families.translation is not None:
        cells += [_shift(shift) for shift in families.translation.shifts_px]
    if families.rotation is not None:
        cells += _rotations(families.rotation)
    if families.scale is not None:
        cells += [
            CellSpec(Family.scale, Zoom(zoom), (("zoom", zoom),), controls=_warped(Zoom(zoom)))
            for zoom in families.scale.zooms
        ]
    if families.spatial is not None and families.spatial.search == "exhaustive":
        cells += _spatial(families.spatial)
    if families.circular is not None:
        cells += _circular(families.circular)
    if families.displacement is not None:
        cells += _displaced(families.displacement)
    if families.lattice is not None:
        cells += _lattice(families.lattice)
    return tuple(cells)


def searched(families: Families) -> tuple[CellSpec, ...]:
    """The cells of a spatial family that is searched for its worst case."""
    spatial = families.spatial
    if spatial is None or spatial.search == "exhaustive":
        return ()
    return tuple(_spatial(spatial))


def placements(grid: SpatialGrid) -> tuple[Placement, ...]:
    """The cells of a grid, the angle slowest, the identity left out."""
    axes = (grid.angles_deg, grid.shifts_x_px, grid.shifts_y_px, grid.zooms)
    every = (
        Placement(angle_deg=angle, shift_px=(dx, dy), zoom=zoom)
        for angle, dx, dy, zoom in itertools.product(*axes)
    )
    return tuple(place for place in every if place != Placement())


def _shift(shift: tuple[int, int]) -> CellSpec:
    motion = Shift(*shift)
    controls = (Control("occlusion", Occlude(motion)),)
    return CellSpec(Family.translation, motion, (("shift_px", shift),), controls=controls)


def _warped(motion: Rotation | Zoom | Spatial) -> tuple[Control, ...]:
    return Control("blur", Blur(motion)), Control("occlusion", Occlude(motion))


def _rotations(family: RotationFamily) -> Iterator[CellSpec]:
    for angle in family.angles_deg:
        motion = Rotation(angle)
        parameters = (("angle_deg", angle),)
        if family.border is Border.disc:
            controls = tuple(
                Control(control.kind, DiscMask(control.motion)) for control in _warped(motion)
            )
            yield CellSpec(
                Family.rotation, DiscMask(motion), parameters, DiscMask(IDENTITY), controls
            )
        else:
            yield CellSpec(Family.rotation, motion, parameters, controls=_warped(motion))


def _spatial(family: SpatialFamily) -> Iterator[CellSpec]:
    for place in family.cells or (placements(family.grid) if family.grid else ()):
        motion = Spatial(place.angle_deg, *place.shift_px, place.zoom)
        parameters = (
            ("angle_deg", place.angle_deg),
            ("shift_px", place.shift_px),
            ("zoom", place.zoom),
        )
        yield CellSpec(Family.spatial, motion, parameters, controls=_warped(motion))


def _circular(family: CircularFamily) -> Iterator[CellSpec]:
    for shift in family.shifts_px or ():
        yield CellSpec(Family.circular, Roll(*shift), (("shift_px", shift),))


def _displaced(family: DisplacementFamily) -> Iterator[CellSpec]:
    size_px = family.size_px or 0
    fill = float(family.background)
    middle = Embed(size_px, 0, 0, fill)
    for shift in family.shifts_px or ():
        motion = Embed(size_px, *shift, fill)
        yield CellSpec(Family.displacement, motion, (("shift_px", shift),), middle)


def _lattice(family: LatticeFamily) -> Iterator[CellSpec]:
    for turns in family.turns:
        yield CellSpec(Family.lattice, QuarterTurn(turns), (("exact", f"turn_{90 * turns}"),))
    if family.mirror:
        yield CellSpec(Family.lattice, Mirror(), (("exact", "mirror"),))
    if family.enlarge is not None:
        name = f"enlarge_{family.enlarge}"
        yield CellSpec(Family.lattice, IDENTITY, (("exact", name),), enlarge=family.enlarge)
