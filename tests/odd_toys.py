"""More tiny real ONNX models: the odd inputs and outputs that files in the wild have."""

from collections.abc import Sequence

from onnx import ModelProto, TensorProto, helper

from toys import OPSET, model, node, tensor, value

__all__ = ["multiples_only", "one_score", "with_metadata", "zip_map"]


def one_score(size: int = 8, *, likely: bool = False) -> bytes:
    """One score per image: the mean of its pixels minus 1/2, or the sigmoid of that."""
    last = "logit" if likely else "scores"
    nodes = [
        node("ReduceMean", ["image", "axes"], "mean", keepdims=0),
        node("Sub", ["mean", "half"], last),
    ]
    if likely:
        nodes.append(node("Sigmoid", ["logit"], "scores"))
    weights = [tensor("axes", [2, 3], "int64"), tensor("half", 0.5)]
    return model(
        nodes, [value("image", ["n", 1, size, size])], [value("scores", ["n", 1])], weights
    )


def zip_map(names: Sequence[str | int], size: int = 8, *, label: bool = True) -> bytes:
    """Softmax of the flattened pixels as classical-ML exporters write it: a label and a table."""
    kind = "strings" if isinstance(names[0], str) else "int64s"
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("Softmax", ["flat"], "likely", axis=1),
        node("ArgMax", ["likely"], "index", axis=1, keepdims=0),
        node("ArrayFeatureExtractor", ["known", "index"], "label", domain="ai.onnx.ml"),
        node("ZipMap", ["likely"], "table", domain="ai.onnx.ml", **{f"classlabels_{kind}": names}),
    ]
    table = helper.make_map_type_proto(
        TensorProto.STRING if kind == "strings" else TensorProto.INT64,
        helper.make_tensor_type_proto(TensorProto.FLOAT, []),
    )
    outputs = [
        value("label", ["n"], "int64"),
        helper.make_value_info("table", helper.make_sequence_type_proto(table)),
    ]
    known = tensor("known", range(size * size), "int64")
    if not label:
        nodes, outputs = [nodes[0], nodes[1], nodes[4]], outputs[1:]
    graph = helper.make_graph(
        nodes, "toy", [value("image", ["n", 1, size, size])], outputs, [known]
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def multiples_only(of: int = 32) -> bytes:
    """Declares any size, but halves the map and doubles it again: only multiples of `of` work."""
    nodes = [
        node("MaxPool", ["image"], "small", kernel_shape=[of, of], strides=[of, of]),
        node("Resize", ["small", "", "scales"], "large", mode="nearest"),
        node("Add", ["image", "large"], "sum"),
        node("GlobalAveragePool", ["sum"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("Gemm", ["flat", "w"], "scores"),
    ]
    weights = [tensor("scales", [1.0, 1.0, of, of]), tensor("w", [[1.0, -1.0]])]
    return model(nodes, [value("image", ["n", 1, "h", "w"])], [value("scores", ["n", 2])], weights)


def with_metadata(data: bytes, **entries: str) -> bytes:
    """The same model with metadata."""
    made = ModelProto.FromString(data)
    for key, text in entries.items():
        made.metadata_props.add(key=key, value=text)
    return bytes(made.SerializeToString())
