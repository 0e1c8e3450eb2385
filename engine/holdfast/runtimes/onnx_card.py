"""Describe an ONNX classifier from its graph: input, layout, batch, output, without running it."""

from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from holdfast.errors import HoldfastError
from holdfast.records.model import (
    Arithmetic,
    AxisSize,
    Layout,
    ModelCard,
    ModelFormat,
    OutputKind,
    TensorCard,
)
from holdfast.runtimes.onnx_gate import GateReport
from holdfast.runtimes.onnx_head import head_of
from holdfast.runtimes.onnx_tensor import DTYPES

__all__ = ["describe"]

_IMAGE_RANK = 4
_LIST_RANK = 2
_IMAGE_DTYPES = ("float32", "float16", "uint8")
_CHANNELS = (1, 3)
_CUT = 80
_QUANTISED = ("QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantize", "Dequantize")
# Operators that only rename or reorder what a softmax made.
_PASS_THROUGH = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose")


@dataclass(frozen=True)
class _Axes:
    layout: Layout
    batch: AxisSize
    channels: int
    height: AxisSize
    width: AxisSize


def describe(model: ModelProto, report: GateReport, sha256: str, size_bytes: int) -> ModelCard:
    """The card of a model that passed the gate.

    Raises:
        HoldfastError: `unsupported_input` when there is not exactly one image input,
            `unsupported_output` when there is no output.
    """
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    inputs = tuple(_tensor(value) for value in graph.input if value.name not in stored)
    outputs = tuple(_tensor(value) for value in graph.output)
    if not outputs:
        raise HoldfastError("unsupported_output", reason="it has no output")
    axes = _axes(_image_input(inputs))
    chosen = _score_output(outputs)
    return ModelCard(
        format=ModelFormat.onnx,
        sha256=sha256,
        size_bytes=size_bytes,
        ir_version=model.ir_version,
        opset=report.opset,
        n_nodes=report.nodes,
        n_parameters=report.parameters,
        inputs=inputs,
        outputs=outputs,
        layout=axes.layout,
        batch=_fixed(axes.batch),
        channels=axes.channels,
        height_px=_fixed(axes.height),
        width_px=_fixed(axes.width),
        output=chosen,
        output_kind=OutputKind.probabilities if _ends_in_softmax(graph, chosen) else None,
        n_classes=None,
        head=head_of(graph, chosen),
        arithmetic=_arithmetic(graph),
        warnings=tuple(f"draws random numbers: {name}" for name in sorted(report.random_ops)),
    )


def _tensor(value: ValueInfoProto) -> TensorCard:
    if value.type.WhichOneof("value") != "tensor_type":
        return TensorCard(name=value.name[:_CUT], dtype="not a tensor", shape=None)
    tensor = value.type.tensor_type
    dtype = DTYPES.get(tensor.elem_type, f"type {tensor.elem_type}")
    if not tensor.HasField("shape"):
        return TensorCard(name=value.name[:_CUT], dtype=dtype, shape=None)
    # ONNX Runtime takes a declared 0 literally and then every run fails; it means "any".
    shape: tuple[AxisSize, ...] = tuple(
        side.dim_value if side.dim_value > 0 else side.dim_param[:_CUT] or None
        for side in tensor.shape.dim
    )
    return TensorCard(name=value.name[:_CUT], dtype=dtype, shape=shape)


def _image_input(inputs: tuple[TensorCard, ...]) -> TensorCard:
    if len(inputs) != 1:
        raise HoldfastError("unsupported_input", reason=f"it has {len(inputs)} inputs")
    only = inputs[0]
    if only.dtype not in _IMAGE_DTYPES:
        raise HoldfastError("unsupported_input", reason=f"its input is {only.dtype}")
    if only.shape is None or len(only.shape) != _IMAGE_RANK:
        raise HoldfastError("unsupported_input", reason=f"its input has the shape {only.shape}")
    return only


def _axes(card: TensorCard) -> _Axes:
    batch, second, third, last = card.shape or (None,) * _IMAGE_RANK
    if isinstance(second, int) and second in _CHANNELS:
        return _Axes(Layout.nchw, batch, second, third, last)
    if isinstance(last, int) and last in _CHANNELS:
        return _Axes(Layout.nhwc, batch, last, second, third)
    raise HoldfastError("unsupported_input", reason="no axis has 1 or 3 channels")


def _arithmetic(graph: GraphProto) -> Arithmetic:
    """Quantised operators make it int8, weights or an input in half precision float16."""
    if any(node.op_type.startswith(_QUANTISED) for node in graph.node):
        return Arithmetic.int8
    stored = {tensor.data_type for tensor in graph.initializer}
    given = {value.type.tensor_type.elem_type for value in graph.input}
    return Arithmetic.float16 if TensorProto.FLOAT16 in stored | given else Arithmetic.float32


def _fixed(side: AxisSize) -> int | None:
    return side if isinstance(side, int) else None


def _score_output(outputs: tuple[TensorCard, ...]) -> str:
    """The first output that can hold one floating-point score per class.

    Detectors have lists of scores, too, one per place: then boxes or maps lie beside them.
    """
    floats = [output for output in outputs if output.dtype.startswith("float")]
    if not floats:
        raise HoldfastError("unsupported_output", reason="no output is floating point")
    lists = [output for output in floats if _is_list(output.shape)]
    chosen = (lists or floats)[0]
    per_place = lists and len(chosen.shape or ()) > _LIST_RANK
    if per_place and len(lists) < len(floats):
        raise HoldfastError("unsupported_output", reason="boxes or maps lie beside its scores")
    return chosen.name


def _is_list(shape: tuple[AxisSize, ...] | None) -> bool:
    """One axis besides the batch; unknown shapes get the benefit of the doubt."""
    return shape is None or sum(side != 1 for side in shape[1:]) <= 1


def _ends_in_softmax(graph: GraphProto, output: str) -> bool:
    makers: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output}
    seen: set[str] = set()
    while output in makers and output not in seen:
        seen.add(output)
        node = makers[output]
        if node.op_type == "Softmax":
            return True
        if node.op_type not in _PASS_THROUGH or not node.input:
            return False
        output = node.input[0]
    return False
