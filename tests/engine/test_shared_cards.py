"""Every real model beside this checkout is described as what it is.

The table was written by hand, from what the files' authors say and what the onnx package reads; a
second test reads every ONNX file with that package alone and compares.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest

from auditing import LIMITS
from holdfast.records.model import ModelCard
from holdfast.sandbox.parent import inspect_model

Shape = tuple[int | str | None, ...]
_UNNAMED = "None"  # some exporters write the word
_DEPRECATED = "TorchScript is deprecated; save the model as .pt2 or ONNX"


@dataclass(frozen=True)
class Told:
    """What is known of a file.

    Attributes:
        versions: IR version and opset of an ONNX file.
        image: name, element type and shape of the input.
        first: the same of the first output; `others` how many come after it.
        batch: the fixed one, or the least and the most (None: any).
        size: height and width, None where any is taken.
        reads: the output that is read, when it is not the first.
    """

    format: str
    versions: tuple[int, int] | None
    image: tuple[str, str, Shape]
    first: tuple[str, str, Shape]
    batch: int | tuple[int, int | None]
    channels: int
    size: tuple[int | None, int | None]
    task: str
    others: int = 0
    layout: str = "nchw"
    kind: str | None = None
    arithmetic: str = "float32"
    reads: str = ""
    notes: tuple[str, ...] = ()


TABLE = {
    "squeezenet1_fp16_winml.onnx": Told(
        format="onnx",
        versions=(3, 7),
        image=("data_0", "float16", (1, 3, 224, 224)),
        first=("softmaxout_1", "float16", (1, 1000, 1, 1)),
        batch=1,
        channels=3,
        size=(224, 224),
        task="classification",
        kind="probabilities",
        arithmetic="float16",
    ),
    "shufflenet-v2-12-int8.onnx": Told(
        format="onnx",
        versions=(7, 12),
        image=("input", "float32", (1, 3, 224, 224)),
        first=("output", "float32", (1, 1000)),
        batch=1,
        channels=3,
        size=(224, 224),
        task="classification",
        arithmetic="int8",
    ),
    "mnist_cntk_winml.onnx": Told(
        format="onnx",
        versions=(3, 7),
        image=("Input3", "float32", (1, 1, 28, 28)),
        first=("Plus214_Output_0", "float32", (1, 10)),
        batch=1,
        channels=1,
        size=(28, 28),
        task="classification",
    ),
    "mnist_model_winml.onnx": Told(
        format="onnx",
        versions=(3, 7),
        image=("image", "float32", (_UNNAMED, 1, 28, 28)),
        first=("prediction", "float32", (None, 10)),
        batch=(1, None),
        channels=1,
        size=(28, 28),
        task="classification",
        kind="probabilities",
        notes=(
            "prediction: the scores of its table are read",
            "classLabel: left out, its operator is not run here",
        ),
    ),
    "cifar10_imageclassifier_winml.onnx": Told(
        format="onnx",
        versions=(6, 10),
        image=("modelInput", "float32", ("batch_size", 3, 32, 32)),
        first=("modelOutput", "float32", ("batch_size", 10)),
        batch=(1, None),
        channels=3,
        size=(32, 32),
        task="classification",
    ),
    "cifar10_resnet20_dynbatch.pt2": Told(
        format="pt2",
        versions=None,
        image=("x", "float32", ("s77", 3, 32, 32)),
        first=("linear", "float32", ("s77", 10)),
        batch=(1, 512),
        channels=3,
        size=(32, 32),
        task="classification",
    ),
    "cifar10_resnet20_traced.pt": Told(
        format="torchscript",
        versions=None,
        image=("image", "float32", (None, 3, 32, 32)),
        first=("output 0", "float32", (None, 10)),
        batch=(1, None),
        channels=3,
        size=(32, 32),
        task="classification",
        notes=(_DEPRECATED,),
    ),
    "mobilenet_quantized2_ios.pt": Told(
        format="torchscript",
        versions=None,
        image=("image", "float32", (None, 3, None, None)),
        first=("output 0", "float32", (None, 1000)),
        batch=(1, None),
        channels=3,
        size=(None, None),
        task="classification",
        arithmetic="int8",
        notes=(_DEPRECATED,),
    ),
    "refuse/mobilenet_quantized_ios_old.pt": Told(
        format="torchscript",
        versions=None,
        image=("image", "float32", (None, 3, None, None)),
        first=("output 0", "float32", (None, 1000)),
        batch=(1, None),
        channels=3,
        size=(None, None),
        task="classification",
        arithmetic="int8",
        notes=(_DEPRECATED,),
    ),
    "vit4mnist.ptl": Told(
        format="torchscript",
        versions=None,
        image=("image", "float32", (None, 1, 28, 28)),
        first=("output 0", "float32", (None, 10)),
        batch=(1, None),
        channels=1,
        size=(28, 28),
        task="classification",
        arithmetic="int8",
        notes=(_DEPRECATED,),
    ),
    "ppocr_mobile_v2_cls.onnx": Told(
        format="onnx",
        versions=(8, 9),
        image=(
            "x",
            "float32",
            ("p2o.DynamicDimension.0", 3, *(f"p2o.DynamicDimension.{n}" for n in (1, 2))),
        ),
        first=("softmax_0.tmp_0", "float32", ("p2o.DynamicDimension.3", 2)),
        batch=(1, None),
        channels=3,
        size=(None, None),
        task="classification",
        kind="probabilities",
    ),
    "yolox_nano_opencvzoo.onnx": Told(
        format="onnx",
        versions=(6, 11),
        image=("images", "float32", (1, 3, 416, 416)),
        first=("output", "float32", (1, 3549, 85)),
        batch=1,
        channels=3,
        size=(416, 416),
        task="detection",
    ),
    "ultraface_rfb_320.onnx": Told(
        format="onnx",
        versions=(4, 9),
        image=("input", "float32", (1, 3, 240, 320)),
        first=("scores", "float32", (1, 4420, 2)),
        batch=1,
        channels=3,
        size=(240, 320),
        task="detection",
        others=1,
        kind="probabilities",
    ),
    "yunet_n_dynamic.onnx": Told(
        format="onnx",
        versions=(6, 11),
        image=("input", "float32", ("batch", 3, "height", "width")),
        first=("cls_8", "float32", ("batch", "dim", 1)),
        batch=(1, None),
        channels=3,
        size=(None, None),
        task="detection",
        others=11,
    ),
    "model_onnx_q_stmfork.onnx": Told(
        format="onnx",
        versions=(8, 16),
        image=("serving_default_input_1:0", "uint8", ("unk__3299", 256, 256, 3)),
        first=("StatefulPartitionedCall:2", "float32", ("unk__3300", 6820, 16)),
        batch=(1, None),
        channels=3,
        size=(256, 256),
        task="detection",
        others=2,
        layout="nhwc",
        arithmetic="int8",
    ),
    "prisma_nchw_portrait.onnx": Told(
        format="onnx",
        versions=(3, 7),
        image=("input_3", "float32", (_UNNAMED, 3, 256, 256)),
        first=("permute_2", "float32", (_UNNAMED, 1, 256, 256)),
        batch=(1, None),
        channels=3,
        size=(256, 256),
        task="dense",
    ),
    "super_resolution_onnxmodels.onnx": Told(
        format="onnx",
        versions=(4, 10),
        image=("input", "float32", ("batch_size", 1, 224, 224)),
        first=("output", "float32", ("batch_size", 1, 672, 672)),
        batch=(1, None),
        channels=1,
        size=(224, 224),
        task="dense",
    ),
}


@pytest.fixture(scope="module")
def models(shared: Path) -> Path:
    return shared / "assets" / "models"


@pytest.fixture(scope="module")
def cards(models: Path) -> dict[str, ModelCard]:
    return {name: inspect_model(models / name, mode="required", limits=LIMITS) for name in TABLE}


def test_every_file_is_in_the_table(models: Path) -> None:
    there = {path.name for path in models.iterdir() if path.is_file()}
    assert {name for name in TABLE if "/" not in name} == there


def _image(card: ModelCard) -> Told:
    """The card in the words of the table."""
    (given,), first = card.inputs, card.outputs[0]
    free = card.batch is None
    return Told(
        format=str(card.format),
        versions=None if card.opset is None else (card.ir_version or 0, card.opset),
        image=(given.name, given.dtype, given.shape or ()),
        first=(first.name, first.dtype, first.shape or ()),
        batch=(card.batch_min, card.batch_max) if free else card.batch or 0,
        channels=card.channels,
        size=(card.height_px, card.width_px),
        task=str(card.task),
        others=len(card.outputs) - 1,
        layout=str(card.layout),
        kind=card.output_kind and str(card.output_kind),
        arithmetic=str(card.arithmetic),
        reads="" if card.output == first.name else card.output,
        notes=card.warnings,
    )


@pytest.mark.parametrize("name", TABLE)
def test_a_file_is_described_as_what_it_is(cards: dict[str, ModelCard], name: str) -> None:
    assert _image(cards[name]) == TABLE[name]


def _read(value: Any) -> tuple[str, str, Shape]:
    """Name, element type and axes of a value, by the onnx package."""
    tensor = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    axes = tuple(
        (side.dim_value or None) if side.WhichOneof("value") == "dim_value" else side.dim_param
        for side in tensor.shape.dim
    )
    return value.name, dtype, axes


@pytest.mark.parametrize("name", [name for name in TABLE if name.endswith(".onnx")])
def test_the_onnx_package_reads_the_same(
    cards: dict[str, ModelCard], models: Path, name: str
) -> None:
    model, card = onnx.load(models / name), cards[name]
    stored = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in stored]
    (standard,) = [entry.version for entry in model.opset_import if entry.domain == ""]
    assert (card.ir_version, card.opset) == (model.ir_version, standard)
    assert [(one.name, one.dtype, one.shape) for one in card.inputs] == list(map(_read, given))
    if not card.warnings:  # else its tail is replaced
        outputs = [(one.name, one.dtype, one.shape) for one in card.outputs]
        assert outputs == list(map(_read, model.graph.output))
        assert card.n_nodes == len(model.graph.node)
