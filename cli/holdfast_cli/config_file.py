"""The form of `holdfast.yaml`: every key, its meaning and its limits, as data.

Reference page, JSON Schema and the reader are made from these classes, so they cannot disagree.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.catalogue import CATALOGUE
from holdfast.records.base import Record
from holdfast.records.plan import Architecture, AuditPlan, Families, InputSpec

__all__ = ["ConfigFile", "schema"]

_LEVEL = {"enum": ["off", "warn", "error", False]}
_LIMITS = {
    "type": "object",
    "properties": {"min": {"type": "number"}, "max": {"type": "number"}},
    "additionalProperties": False,
}
_ASSERTION = {
    "anyOf": [
        _LEVEL,
        {"type": "array", "prefixItems": [_LEVEL, _LIMITS], "minItems": 2, "maxItems": 2},
    ]
}
_ASSERTIONS = {
    "type": "object",
    "properties": {entry.id: {"$ref": "#/$defs/Assertion"} for entry in CATALOGUE},
    "additionalProperties": False,
}
# The records of the plan describe themselves as a whole; an editor shows one key at a time.
_MEANING = {
    "InputSpec": {
        "preset": "A known way to turn pixel values into input; custom: the four keys below.",
        "scale": "Pixel values 0 to 255 are multiplied by this.",
        "mean": "Subtracted after that, per channel in the order of the model.",
        "std": "Divided by this in the end, per channel.",
        "order": "Order of the colour channels.",
        "resize": "Short side of the image in pixels before the crop, or [height, width].",
        "crop": "Side of the model's input in pixels, or [height, width].",
        "fill": "Grey level of what the image cannot give after a motion.",
    },
    "Families": {
        "translation": "Whole-pixel shifts. Left out: the default list; off: none.",
        "rotation": "Turns about the centre. Left out: the default list; off: none.",
        "scale": "Zooms about the centre. Left out: the default list; off: none.",
    },
    "TranslationFamily": {"shifts_px": "[dx, dy]: the content moves right and down."},
    "RotationFamily": {"angles_deg": "Degrees, counter-clockwise as displayed."},
    "ScaleFamily": {"zooms": "Above 1 the content grows."},
}


class ModelBlock(Record):
    """What is audited."""

    path: Annotated[
        str | None, Field(description="The model file, relative to this file. MODEL wins.")
    ] = None
    task: Annotated[Literal["classification"], Field(description="What the model does.")] = (
        "classification"
    )
    architecture: Annotated[
        Architecture | None,
        Field(
            description="The network of a file that holds weights only: timm/NAME or "
            "torchvision/NAME."
        ),
    ] = None
    input: Annotated[InputSpec, Field(description="How an image becomes model input.")] = (
        InputSpec()
    )


class DataBlock(Record):
    """The images."""

    path: Annotated[
        str | None,
        Field(description="Folder, zip or .npz of images, relative to this file. --data wins."),
    ] = None
    limit: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Use at most so many images.")
    ] = None
    seed: Annotated[
        int, Field(ge=0, lt=2**32, description="Decides which images, and their order.")
    ] = 0


class GateBlock(Record):
    """What must hold."""

    assertions: Annotated[
        dict[str, Any],
        Field(
            description="Measurement: level or [level, {min: …, max: …}]; the level is off, warn "
            "or error. The whole confidence interval must keep the limits.",
        ),
    ]
    on_inconclusive: Annotated[
        Literal["inconclusive", "fail", "pass"],
        Field(description="What too little evidence counts as; left out, exit code 3."),
    ] = "inconclusive"


class ConfigFile(Record):
    """`holdfast.yaml`."""

    version: Annotated[Literal[1], Field(description="The version of this form.")]
    model: Annotated[ModelBlock, Field(description="What is audited.")] = ModelBlock()
    data: Annotated[DataBlock, Field(description="The images.")] = DataBlock()
    families: Annotated[
        Families,
        Field(description="The motions to try. Left out: the default list; off: none of them."),
    ] = Families()
    gate: Annotated[
        GateBlock | None, Field(description="What must hold. Left out: nothing is decided.")
    ] = None

    def plan(self) -> AuditPlan:
        """The plan that this file asks for."""
        return AuditPlan(
            task=self.model.task,
            architecture=self.model.architecture,
            input=self.model.input,
            families=self.families,
            limit=self.data.limit,
            seed=self.data.seed,
        )


def schema() -> dict[str, Any]:
    """JSON Schema of the file, as editors use it to complete and to check."""
    made = ConfigFile.model_json_schema()
    for name, meanings in _MEANING.items():
        for key, meaning in meanings.items():
            made["$defs"][name]["properties"][key]["description"] = meaning
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for name in ("TranslationFamily", "RotationFamily", "ScaleFamily"):
        family = made["$defs"][name]
        made["$defs"][name] = {"anyOf": [family, {"enum": ["off", False]}]}
    made["$defs"]["Assertion"] = _ASSERTION
    made["$defs"]["GateBlock"]["properties"]["assertions"].update(_ASSERTIONS)
    return made
