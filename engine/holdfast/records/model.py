"""What a model file is, as seen without trusting its name."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record

__all__ = [
    "Arithmetic",
    "AxisSize",
    "Batching",
    "Head",
    "Layout",
    "ModelCard",
    "ModelFormat",
    "OutputKind",
    "TaskGuess",
    "TensorCard",
]

AxisSize = Annotated[int, Field(ge=1)] | str | None
"""A fixed size, the name of a free axis, or a free axis without a name."""


class ModelFormat(StrEnum):
    """Decided by the bytes."""

    onnx = "onnx"
    onnx_bundle = "onnx_bundle"
    pt2 = "pt2"
    torchscript = "torchscript"
    state_dict = "state_dict"
    safetensors = "safetensors"
    python = "python"
    """No file: a function or a module in the process of its caller."""


class Layout(StrEnum):
    """Order of the axes of an image batch."""

    nchw = "nchw"
    nhwc = "nhwc"
    flat = "flat"
    """One row of numbers per image, [batch, channels * height * width], channel by channel."""


class OutputKind(StrEnum):
    """What the scores of a classifier are."""

    logits = "logits"
    """One score per class; the largest is the answer."""
    probabilities = "probabilities"
    """Logits after softmax: each row sums to one."""
    binary_logit = "binary_logit"
    """One score per image: class 1 above 0, class 0 otherwise."""
    binary_probability = "binary_probability"
    """A binary logit after the sigmoid: class 1 above 0.5."""
    multilabel_logits = "multilabel_logits"
    """One independent score per label: the answer is the set of labels above 0."""
    multilabel_probabilities = "multilabel_probabilities"
    """Multi-label logits after the sigmoid: the answer is the set of labels above 0.5."""
    labels = "labels"
    """The class index alone; there are no scores, so no probability, no margin and no tie."""


class Batching(StrEnum):
    """How the images of a batch go through the model, found out with the first images."""

    as_declared = "as_declared"
    """Batches as the model declares them; a fixed batch is filled up with copies."""
    fails = "fails"
    """It declares a free batch and fails on several images: one by one."""
    mixes = "mixes"
    """An image's scores depend on what else is in its batch: one by one."""
    crashes = "crashes"
    """The runtime crashed on a batch: one by one."""


class Head(StrEnum):
    """How the last feature map becomes scores, as far as the graph tells."""

    global_pool = "global_pool"
    """The map is averaged or maximised over all positions: location-free."""
    flatten = "flatten"
    """The map is flattened into a dense layer: each position has weights of its own."""
    unknown = "unknown"


class Arithmetic(StrEnum):
    """The coarsest numbers that the model computes with; decides when two scores tie."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


class TaskGuess(StrEnum):
    """What a model seems to be for, from the shapes of its outputs; only classifiers are audited.

    What gives one list per image may be something else, too, for example an embedding.
    """

    classification = "classification"
    """One list of scores, one score or one label per image."""
    detection = "detection"
    """A list per place: boxes, key points, scores of each."""
    dense = "dense"
    """A map: segmentation, depth, another image."""
    unknown = "unknown"
    """The file does not tell the shape."""


class TensorCard(Record):
    """One input or output: its name, element type and axes (None: rank unknown)."""

    name: str
    dtype: str
    shape: tuple[AxisSize, ...] | None


class ModelCard(Record):
    """What `holdfast inspect` shows.

    `batch` is the fixed batch size or None for any from `batch_min` to `batch_max` (None: no upper
    bound); `height_px` and `width_px` are None where the model takes any size. `n_classes` is None
    until the model has run; `ir_version`, `opset` and `n_nodes` where the format has no such thing.
    `architecture` is the declared one of a file that holds weights only. `output` is the output
    that is read and `output_reason` why that one; `class_names` are those that the file tells, in
    the order of its scores. Of an input of whole numbers, uint8 gets pixel values as they are and
    int8 gets them minus 128. `batching` is known once the model has run on several images.
    """

    schema_version: Literal["1"] = "1"
    format: ModelFormat
    sha256: str
    size_bytes: int
    architecture: str | None = None
    ir_version: int | None = None
    opset: int | None = None
    n_nodes: int | None = None
    n_parameters: int
    inputs: tuple[TensorCard, ...]
    outputs: tuple[TensorCard, ...]
    layout: Layout
    batch: int | None
    batch_min: Annotated[int, Field(ge=1)] = 1
    batch_max: Annotated[int, Field(ge=1)] | None = None
    channels: int
    height_px: int | None
    width_px: int | None
    task: TaskGuess = TaskGuess.unknown
    output: str
    output_reason: str = "the only output"
    output_kind: OutputKind | None
    n_classes: int | None
    class_names: tuple[str, ...] = ()
    batching: Batching = Batching.as_declared
    head: Head = Head.unknown
    arithmetic: Arithmetic = Arithmetic.float32
    warnings: tuple[str, ...] = ()
