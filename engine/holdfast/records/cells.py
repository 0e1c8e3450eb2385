"""What was seen at one transform of a family."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.families import ShiftPx
from holdfast.records.outcome import Outcome

__all__ = [
    "Cell",
    "CellControl",
    "CircularCell",
    "ControlKind",
    "DisplacementCell",
    "LatticeCell",
    "RotationCell",
    "ScaleCell",
    "Share",
    "SpatialCell",
    "TranslationCell",
]

Share = Annotated[float, Field(ge=0, le=1)]
ControlKind = Literal["blur", "occlusion"]
"""The same low-pass, or the same lost content, without the motion."""


class CellControl(Record):
    """What the same resampling, or the same lost content, does without the motion.

    `excess_flip_rate` = flip rate of the cell - `flip_rate` of the control, on the same images, in
    [-1, 1]: what is left for the motion itself. Source: the science reference, section 2.3 (EFR).
    """

    kind: ControlKind
    flip_rate: Share
    excess_flip_rate: Annotated[float, Field(ge=-1, le=1)]
    excess_low: Annotated[float, Field(ge=-1, le=1)]
    excess_high: Annotated[float, Field(ge=-1, le=1)]
    n_images: Annotated[int, Field(ge=1)]


class _CellNumbers(Record):
    """What every cell holds. `accuracy` is None without labels; `ties` are not counted as flips.

    `drift` is None for a model that gives labels only. The interval of `consistency` holds for this
    cell alone; for the worst of all cells see the measurement `worst_cell` of the family.
    """

    outcome: Outcome
    consistency: Share
    consistency_low: Share
    consistency_high: Share
    accuracy: Share | None
    drift: Share | None
    fill_share: Share
    ties: Annotated[int, Field(ge=0)]
    n_images: Annotated[int, Field(ge=1)]
    controls: tuple[CellControl, ...] = ()


class TranslationCell(_CellNumbers):
    """One whole-pixel shift."""

    family: Literal["translation"] = "translation"
    shift_px: ShiftPx


class RotationCell(_CellNumbers):
    """One angle."""

    family: Literal["rotation"] = "rotation"
    angle_deg: float


class ScaleCell(_CellNumbers):
    """One zoom."""

    family: Literal["scale"] = "scale"
    zoom: float


class SpatialCell(_CellNumbers):
    """Turn and zoom about the centre, then shift."""

    family: Literal["spatial"] = "spatial"
    angle_deg: float
    shift_px: tuple[float, float]
    zoom: float


class CircularCell(_CellNumbers):
    """One whole-pixel roll."""

    family: Literal["circular"] = "circular"
    shift_px: ShiftPx


class DisplacementCell(_CellNumbers):
    """A small copy of the image, so far from the middle of an empty canvas."""

    family: Literal["displacement"] = "displacement"
    shift_px: ShiftPx


class LatticeCell(_CellNumbers):
    """An exact transform: `turns` quarter turns, or the mirror image, or an enlargement."""

    family: Literal["lattice"] = "lattice"
    exact: Literal[
        "turn_90", "turn_180", "turn_270", "mirror", "enlarge_2", "enlarge_3", "enlarge_4"
    ]


Cell = Annotated[
    TranslationCell
    | RotationCell
    | ScaleCell
    | SpatialCell
    | CircularCell
    | DisplacementCell
    | LatticeCell,
    Field(discriminator="family"),
]
