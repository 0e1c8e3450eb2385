"""The structural gate in front of ONNX Runtime. Runs in the locked child, before a session exists.

`onnx.checker` is no gate: it refuses good files and accepts bad ones. This one bounds what would
exhaust memory or time, and allows only standard operators and a few of Microsoft's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto

from holdfast.errors import HoldfastError
from holdfast.runtimes.onnx_tensor import check_tensor

__all__ = ["MAX_OPSET", "MIN_OPSET", "GateReport", "check_model", "parse"]

MAX_IR, MIN_OPSET, MAX_OPSET = 13, 7, 26
_MAX_NODES, _MAX_EXPANDED, _MAX_DEPTH, _MAX_TENSORS = 50_000, 200_000, 16, 100_000
_MAX_CALLS = 64
_STANDARD = frozenset({"", "ai.onnx"})
_MICROSOFT = frozenset(
    {
        *("Gelu", "FastGelu", "BiasGelu", "QuickGelu", "FusedConv", "FusedGemm", "FusedMatMul"),
        *("SkipLayerNormalization", "LayerNormalization", "QLinearAdd", "QLinearMul"),
        *("QLinearConcat", "QLinearGlobalAveragePool", "QLinearAveragePool", "QLinearSigmoid"),
        *("QLinearLeakyRelu", "QLinearSoftmax", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"),
        *("QuantizeLinear", "DequantizeLinear", "NhwcMaxPool", "QGemm"),
    }
)
_RANDOM = frozenset(
    {
        *("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"),
        *("Bernoulli", "Multinomial"),
    }
)

_Key = tuple[str, str, str]


@dataclass
class GateReport:
    """Counts of a model that passed."""

    opset: int = 0
    nodes: int = 0
    tensors: int = 0
    parameters: int = 0
    random_ops: set[str] = field(default_factory=set)


def parse(data: bytes) -> ModelProto:
    """Parse a model; raises HoldfastError `invalid_onnx`, or `too_large` for far too many nodes.

    Ten megabytes hold five million empty nodes: nobody should walk over them even once.
    """
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # noqa: BLE001 - protobuf has no common base for its errors
        raise HoldfastError("invalid_onnx", reason="its bytes are damaged or cut") from None
    if not model.HasField("graph") or model.ir_version <= 0 or not model.graph.node:
        raise HoldfastError("invalid_onnx", reason="it holds no graph")
    if len(model.graph.node) > _MAX_NODES:
        raise _too_many_nodes()
    return model


def check_model(model: ModelProto) -> GateReport:
    """Check versions, operators, sizes and nesting; nothing is executed.

    Raises:
        HoldfastError: `ir_version`, `opset`, `onnx_unsupported`, `op_not_allowed`, `too_large`,
            `too_deep`, `recursive_function`, `external_data` or `invalid_onnx`.
    """
    if model.ir_version > MAX_IR:
        raise HoldfastError("ir_version", n=model.ir_version, limit=MAX_IR)
    if model.training_info:
        raise HoldfastError("onnx_unsupported", what="training information")
    report = GateReport(opset=_opset(model))
    _Walk(model, report).graph(model.graph, 0, frozenset())
    return report


def _too_many_nodes() -> HoldfastError:
    return HoldfastError("too_large", what="The number of nodes", limit=_MAX_NODES)


def _opset(model: ModelProto) -> int:
    opset = max((o.version for o in model.opset_import if o.domain in _STANDARD), default=0)
    if not MIN_OPSET <= opset <= MAX_OPSET:
        raise HoldfastError("opset", n=opset, low=MIN_OPSET, high=MAX_OPSET)
    return opset


class _Walk:
    """Counts nodes as they would be after functions are expanded, each function once."""

    def __init__(self, model: ModelProto, report: GateReport) -> None:
        self._functions: dict[_Key, FunctionProto] = {
            (f.domain, f.name, f.overload): f for f in model.functions
        }
        self._costs: dict[_Key, int] = {}
        self._report = report

    def graph(self, graph: GraphProto, depth: int, inside: frozenset[_Key]) -> int:
        if graph.sparse_initializer:
            raise HoldfastError("onnx_unsupported", what="a sparse initializer")
        for tensor in graph.initializer:
            self._count_tensor()
            self._report.parameters += check_tensor(tensor)
        return self._nodes(graph.node, depth, inside)

    def _nodes(self, nodes: "Iterator[NodeProto]", depth: int, inside: frozenset[_Key]) -> int:
        if depth > _MAX_DEPTH:
            raise HoldfastError("too_deep", limit=_MAX_DEPTH)
        total = 0
        for node in nodes:
            self._report.nodes += 1
            total += self._node(node, depth, inside)
            for attribute in node.attribute:
                total += self._attribute(attribute, depth, inside)
            if self._report.nodes > _MAX_NODES or total > _MAX_EXPANDED:
                raise _too_many_nodes()
        return total

    def _node(self, node: NodeProto, depth: int, inside: frozenset[_Key]) -> int:
        key = (node.domain, node.op_type, node.overload)
        if key in self._functions:
            return self._function(key, depth, inside)
        known = node.domain in _STANDARD or (
            node.domain == "com.microsoft" and node.op_type in _MICROSOFT
        )
        if not known:
            raise HoldfastError("op_not_allowed", op=f"{node.domain}:{node.op_type}")
        if node.op_type in _RANDOM:
            self._report.random_ops.add(node.op_type)
        return 1

    def _function(self, key: _Key, depth: int, inside: frozenset[_Key]) -> int:
        if key in inside:
            raise HoldfastError("recursive_function", name=key[1])
        if len(inside) >= _MAX_CALLS:
            raise HoldfastError("too_deep", limit=_MAX_CALLS)
        if key not in self._costs:
            body = self._functions[key].node
            self._costs[key] = self._nodes(body, depth, inside | {key})
        return self._costs[key]

    def _attribute(self, attribute: AttributeProto, depth: int, inside: frozenset[_Key]) -> int:
        if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
            raise HoldfastError("onnx_unsupported", what="a sparse tensor")
        for tensor in [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]:
            self._count_tensor()
            check_tensor(tensor)
        graphs = [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
        return sum(self.graph(graph, depth + 1, inside) for graph in graphs)

    def _count_tensor(self) -> None:
        self._report.tensors += 1
        if self._report.tensors > _MAX_TENSORS:
            raise HoldfastError("too_large", what="The number of tensors", limit=_MAX_TENSORS)
