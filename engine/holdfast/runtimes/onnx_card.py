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
from holdfast.runtimes.class_names import from_metadata
from holdfast.runtimes.onnx_gate import GateReport
from holdfast.runtimes.onnx_head import head_of
from holdfast.runtimes.onnx_tail import Tail
from holdfast.runtimes.onnx_tensor import DTYPES
from holdfast.runtimes.signature import Chosen, axes_of, fixed, image_input, score_output
from holdfast.runtimes.terms import Terms

__all__ = ["describe"]

_IMAGE_DTYPES = ("float32", "float16", "float64", "uint8", "int8")
_CUT = 80
_QUANTISED = ("QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantize", "Dequantize")
# Operators that only rename or reorder what a softmax made.
_PASS_THROUGH = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose")


def describe(
    model: ModelProto,
    report: GateReport,
    sha256: str,
    size_bytes: int,
    *,
    tail: Tail | None = None,
    terms: Terms | None = None,
) -> ModelCard:
    """The card of a model that passed the gate; `tail` is what was changed in it before.

    Raises:
        HoldfastError: `unsupported_input` when there is not exactly one image input,
            `unsupported_output` when no output can hold scores or labels, `unknown_output`.
    """
    tail, terms = tail or Tail(), terms or Terms()
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    inputs = tuple(_tensor(value) for value in graph.input if value.name not in stored)
    outputs = tuple(_tensor(value) for value in graph.output)
    axes = axes_of(image_input(inputs, _IMAGE_DTYPES), terms.size_px)
    chosen = score_output(outputs, terms.output)
    random = (f"draws random numbers: {name}" for name in sorted(report.random_ops))
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
        task=chosen.task,
        output=chosen.name,
        output_reason=chosen.why,
        output_kind=_kind(graph, chosen),
        n_classes=None,
        class_names=tail.class_names or _named(model),
        head=head_of(graph, chosen.name),
        arithmetic=_arithmetic(graph),
        warnings=(*random, *tail.notes),
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


def _named(model: ModelProto) -> tuple[str, ...]:
    return from_metadata((entry.key, entry.value) for entry in model.metadata_props)


def _kind(graph: GraphProto, chosen: Chosen) -> OutputKind | None:
    """What the graph itself tells of the scores; the rest is seen when the model has run."""
    if chosen.is_labels:
        return OutputKind.labels
    return OutputKind.probabilities if _ends_in_softmax(graph, chosen.name) else None


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
