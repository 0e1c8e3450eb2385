"""From lists of numbers to motions: the cells of an audit, in a fixed order."""

from dataclasses import dataclass
from typing import Any

from holdfast.geometry import Motion, Rotation, Shift, Zoom
from holdfast.records.plan import Families, Family

__all__ = ["CellSpec", "cells_of"]


@dataclass(frozen=True)
class CellSpec:
    """One cell: its family, its motion, and its parameter as a result spells it."""

    family: Family
    motion: Motion
    parameter: tuple[str, Any]


def cells_of(families: Families) -> tuple[CellSpec, ...]:
    """All cells of resolved families: translation, rotation, scale, each in its list's order."""
    cells: list[CellSpec] = []
    if families.translation is not None:
        cells += [
            CellSpec(Family.translation, Shift(*shift), ("shift_px", shift))
            for shift in families.translation.shifts_px
        ]
    if families.rotation is not None:
        cells += [
            CellSpec(Family.rotation, Rotation(angle), ("angle_deg", angle))
            for angle in families.rotation.angles_deg
        ]
    if families.scale is not None:
        cells += [
            CellSpec(Family.scale, Zoom(zoom), ("zoom", zoom)) for zoom in families.scale.zooms
        ]
    return tuple(cells)
