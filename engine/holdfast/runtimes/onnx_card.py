"""Describe an ONNX classifier from its graph: input, layout, batch, output, without running it."""

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from holdfast.records.model import (
    Arithmetic,
    AxisSize,
    ModelCard,
    ModelFormat,
    OutputKind,
    TensorCard,
)
from holdfast.runtimes.onnx_gate import GateReport
from holdfast.runtimes.onnx_head import head_of
from holdfast.runtimes.onnx_tensor import DTYPES
from holdfast.runtimes.signature import axes_of, fixed, image_input, score_output

__all__ = ["describe"]

_IMAGE_DTYPES = ("float32", "float16", "uint8")
_CUT = 80
_QUANTISED = ("QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantize", "Dequantize")
# Operators that only rename or reorder what a softmax made.
_PASS_THROUGH = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose")


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
    axes = axes_of(image_input(inputs, _IMAGE_DTYPES))
    chosen = score_output(outputs)
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
        batch=fixed(axes.batch),
        channels=axes.channels,
        height_px=fixed(axes.height),
        width_px=fixed(axes.width),
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


def _arithmetic(graph: GraphProto) -> Arithmetic:
    """Quantised operators make it int8, weights or an input in half precision float16."""
    if any(node.op_type.startswith(_QUANTISED) for node in graph.node):
        return Arithmetic.int8
    stored = {tensor.data_type for tensor in graph.initializer}
    given = {value.type.tensor_type.elem_type for value in graph.input}
    return Arithmetic.float16 if TensorProto.FLOAT16 in stored | given else Arithmetic.float32


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
