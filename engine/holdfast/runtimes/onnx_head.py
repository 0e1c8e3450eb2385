"""What stands between the last feature map and the scores: a static look at the graph's end."""

from onnx import GraphProto, NodeProto

from holdfast.records.model import Head

__all__ = ["head_of"]

_GLOBAL_POOLS = ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax")
_QUANTISED_POOLS = ("QLinearGlobalAveragePool",)
_FLATTENS = ("Flatten", "Reshape")
_DENSE = ("Gemm", "MatMul", "FusedGemm", "FusedMatMul", "QGemm", "QLinearMatMul")
_MAX_STEPS = 64


def head_of(graph: GraphProto, output: str) -> Head:
    """Walk back from `output` along first inputs until a global pool or a flattened dense layer.

    A dense layer whose input was flattened, with no global pool before, depends on position. What
    the walk does not recognise is `unknown`: a claim about a cause needs a measurement anyway.
    """
    makers: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output}
    dense = flattened = False
    for _ in range(_MAX_STEPS):
        node = makers.get(output)
        if node is None or not node.input:
            break
        if node.op_type in _GLOBAL_POOLS or node.op_type in _QUANTISED_POOLS:
            return Head.global_pool
        if node.op_type in ("Conv", "QLinearConv", "MaxPool", "AveragePool"):
            break
        dense = dense or node.op_type in _DENSE
        flattened = flattened or (dense and node.op_type in _FLATTENS)
        output = node.input[0]
    return Head.flatten if flattened else Head.unknown
