"""What is asked of an audit: how images reach the model, which transforms, how many images."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from holdfast.records.base import Record
from holdfast.records.families import Families
from holdfast.records.model import OutputKind

__all__ = ["Architecture", "AuditPlan", "ChannelOrder", "InputSpec", "Preset"]

Side = Annotated[int, Field(ge=2, le=4096)]
Finite = Annotated[float, Field(ge=-1e6, le=1e6)]
Architecture = Annotated[str, Field(min_length=1, max_length=160)]


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


class AuditPlan(Record):
    """What is asked. In a result every `None` has been replaced by what was really used.

    `limit` is the largest number of probes, taken from the front of the seeded order; `confidence`
    is the two-sided level of every interval. `controls` is the number of probes on which the
    controls run too (the same resampling or the same lost content without the motion), the first of
    the order; 0 turns them off. With a policy, and unless `full` is set, an audit leaves a family
    when its assertions are decided, stops when all are, and only then runs controls, in families
    with one that failed or leans to failing.
    `architecture` names the network of a file that holds weights only, as `timm/resnet18` or
    `torchvision/resnet18`; `output` the output to read, of a model with several.
    """

    schema_version: Literal["1"] = "1"
    task: Literal["classification"] = "classification"
    architecture: Architecture | None = None
    input: InputSpec = InputSpec()
    families: Families = Families()
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    controls: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    full: bool = False
    causes: bool = True
    """Ask why the scores move, on a few of the first probes; about 2 % more forwards."""
    output: Annotated[str, Field(min_length=1, max_length=160)] | None = None
    output_kind: OutputKind | None = None
    """What the scores are, where they do not tell: multi-label logits look like any logits."""
