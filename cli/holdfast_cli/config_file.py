"""The form of `holdfast.yaml`: every key, its meaning and its limits, as data.

Reference page, JSON Schema and the reader are made from these classes, so they cannot disagree.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.families import Families
from holdfast.records.model import OutputKind
from holdfast.records.plan import Architecture, AuditPlan, InputSpec
from holdfast_cli.config_gate import GATE_MEANING, GateBlock, add_gate_schema

__all__ = ["ConfigFile", "schema"]

_BORDER = "What the canvas cannot give is filled (fill), or the plan is refused (full)"
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
        "spatial": "Turn, shift and zoom at once. Only on request; {}: the preset sp10.",
        "circular": "Whole-pixel rolls, nothing enters or leaves. Only on request; {}: the "
        "default.",
        "displacement": "A small copy of the image at far places of an empty canvas. Only on "
        "request; {}: the default.",
        "lattice": "Quarter turns and mirror image, exact. Only on request; {}: the default.",
    },
    "TranslationFamily": {"shifts_px": "[dx, dy]: the content moves right and down."},
    "RotationFamily": {
        "angles_deg": "Degrees, counter-clockwise as displayed.",
        "border": f"{_BORDER}; disc shows the inscribed disc of every view.",
    },
    "ScaleFamily": {"zooms": "Above 1 the content grows.", "border": f"{_BORDER}."},
    "SpatialFamily": {
        "preset": "sp10: 10 seeded draws up to 30 degrees and 0.107 of the side; sp775: the grid "
        "of 31 angles and 5 x 5 shifts.",
        "grid": "Every combination of the lists below; instead of a preset.",
        "cells": "Single placements: angle_deg, shift_px and zoom; instead of a preset.",
        "search": "worst: leave an image once it flips; only the worst case and the robust "
        "accuracy are measured then.",
    },
    "Placement": {
        "angle_deg": "Degrees, counter-clockwise as displayed.",
        "shift_px": "[dx, dy] to the right and down, also by fractions of a pixel.",
        "zoom": "Above 1 the content grows.",
    },
    "SpatialGrid": {
        "angles_deg": "Degrees, counter-clockwise as displayed.",
        "shifts_x_px": "To the right, also by fractions of a pixel.",
        "shifts_y_px": "Down, also by fractions of a pixel.",
        "zooms": "Above 1 the content grows.",
    },
    "CircularFamily": {
        "shifts_px": "[dx, dy]; left out: 1 to 16 px to the right, and 16 px along both axes."
    },
    "DisplacementFamily": {
        "size_px": "Short side of the copy; left out: a quarter of the input's short side.",
        "background": "Grey level of the canvas.",
        "shifts_px": "[dx, dy] from the middle; left out: 24 places up to 1 px from the border.",
    },
    "LatticeFamily": {
        "turns": "Quarter turns, counter-clockwise; left out: 1, 2 and 3.",
        "mirror": "Whether the mirror image is tried.",
        "enlarge": "Repeat every pixel so many times; needs a model that takes any size.",
    },
}
_FAMILY_BLOCKS = tuple(name for name in _MEANING if name.endswith("Family"))


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
    output: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=160,
            description="The output to read, by its name. Left out: the first with one score per "
            "class.",
        ),
    ] = None
    output_kind: Annotated[
        OutputKind | None,
        Field(description="What the scores are. Left out: read from the model and its scores."),
    ] = None


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


class AuditBlock(Record):
    """How much is measured."""

    controls: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="On so many images the controls run too: the same resampling, or the same "
            "lost content, without the motion. 0: on none.",
        ),
    ] = 100
    full: Annotated[
        bool,
        Field(description="Measure every image, also when the gate is decided before the last."),
    ] = False
    causes: Annotated[
        bool,
        Field(
            description="Ask why the scores move: rules on the graph of an ONNX model and about "
            "1 % more runs, on 2 to 16 images."
        ),
    ] = True


class ConfigFile(Record):
    """`holdfast.yaml`."""

    version: Annotated[Literal[1], Field(description="The version of this form.")]
    model: Annotated[ModelBlock, Field(description="What is audited.")] = ModelBlock()
    data: Annotated[DataBlock, Field(description="The images.")] = DataBlock()
    families: Annotated[
        Families,
        Field(description="The motions to try; off leaves a family out."),
    ] = Families()
    audit: Annotated[AuditBlock, Field(description="How much is measured.")] = AuditBlock()
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
            controls=self.audit.controls,
            full=self.audit.full,
            causes=self.audit.causes,
            output=self.model.output,
            output_kind=self.model.output_kind,
        )


def schema() -> dict[str, Any]:
    """JSON Schema of the file, as editors use it to complete and to check."""
    made = ConfigFile.model_json_schema()
    for name, meanings in {**_MEANING, **GATE_MEANING}.items():
        for key, meaning in meanings.items():
            made["$defs"][name]["properties"][key]["description"] = meaning
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for name in _FAMILY_BLOCKS:
        family = made["$defs"][name]
        made["$defs"][name] = {"anyOf": [family, {"enum": ["off", False]}]}
    add_gate_schema(made)
    return made
