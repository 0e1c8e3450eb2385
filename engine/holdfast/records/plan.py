"""What is asked of an audit: how images reach the model, which transforms, how many images."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from holdfast.records.base import Record

__all__ = [
    "Architecture",
    "AuditPlan",
    "ChannelOrder",
    "Families",
    "Family",
    "InputSpec",
    "Preset",
    "RotationFamily",
    "ScaleFamily",
    "TranslationFamily",
]

Side = Annotated[int, Field(ge=2, le=4096)]
Finite = Annotated[float, Field(ge=-1e6, le=1e6)]
ShiftPx = tuple[Annotated[int, Field(ge=-4096, le=4096)], Annotated[int, Field(ge=-4096, le=4096)]]
AngleDeg = Annotated[float, Field(ge=-360, le=360)]
Zoom = Annotated[float, Field(ge=0.1, le=10)]
Architecture = Annotated[str, Field(min_length=1, max_length=160)]
_MAX_CELLS = 2000


class Preset(StrEnum):
    """A known way to turn pixel values 0 to 255 into model input."""

    auto = "auto"
    """Try the presets on a few labelled probes and take the most accurate one."""
    imagenet = "imagenet"
    """RGB / 255, minus the ImageNet mean, divided by the ImageNet standard deviation."""
    unit = "unit"
    """Values in [0, 1]."""
    byte = "byte"
    """Values in [0, 255]."""
    symmetric = "symmetric"
    """Values in [-1, 1]."""
    caffe = "caffe"
    """BGR in [0, 255], minus the Caffe mean."""
    custom = "custom"
    """`scale`, `mean`, `std` and `order` as given."""


class ChannelOrder(StrEnum):
    """Order of the colour channels that the model expects."""

    rgb = "rgb"
    bgr = "bgr"


class Family(StrEnum):
    """A pre-registered list of transforms of one kind."""

    translation = "translation"
    rotation = "rotation"
    scale = "scale"


class InputSpec(Record):
    """How an image becomes model input: x = (pixel * scale - mean) / std, per channel.

    `resize` and `crop` are sides in pixels (one number: the short side, a pair: height and width).
    Left out, they follow from the model's input size. `fill` is the grey level, 0 to 255, of what
    the image cannot give after a motion; it is applied before the normalisation.
    """

    preset: Preset = Preset.auto
    scale: Finite | None = None
    mean: tuple[Finite, ...] | None = None
    std: tuple[Annotated[float, Field(gt=0, le=1e6)], ...] | None = None
    order: ChannelOrder | None = None
    resize: Side | tuple[Side, Side] | None = None
    crop: Side | tuple[Side, Side] | None = None
    fill: Annotated[int, Field(ge=0, le=255)] = 0

    @model_validator(mode="after")
    def _custom_is_complete(self) -> "InputSpec":
        given = [self.scale, self.mean, self.std, self.order]
        if self.preset is not Preset.custom and any(value is not None for value in given):
            raise ValueError("scale, mean, std and order need preset: custom")
        return self


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

    @model_validator(mode="after")
    def _each_once(self) -> "RotationFamily":
        _check_cells(self.angles_deg, 0.0)
        return self


class ScaleFamily(Record):
    """Zooms about the centre of the crop; above 1 the content grows. Antialiased below 1."""

    zooms: Annotated[tuple[Zoom, ...], Field(max_length=_MAX_CELLS)]

    @model_validator(mode="after")
    def _each_once(self) -> "ScaleFamily":
        _check_cells(self.zooms, 1.0)
        return self


class Families(Record):
    """The lists to audit. A family left out takes its default list, an empty list leaves it out."""

    translation: TranslationFamily | None = None
    rotation: RotationFamily | None = None
    scale: ScaleFamily | None = None


class AuditPlan(Record):
    """What is asked. In a result every `None` has been replaced by what was really used.

    `architecture` names the network of a file that holds weights only, as `timm/resnet18` or
    `torchvision/resnet18`. `limit` is the largest number of probes, taken from the front of the
    seeded order; `confidence` is the two-sided level of every interval.
    """

    schema_version: Literal["1"] = "1"
    task: Literal["classification"] = "classification"
    architecture: Architecture | None = None
    input: InputSpec = InputSpec()
    families: Families = Families()
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
