"""Tiny real ONNX models whose answers are known in closed form. Built when a test asks for them.

Every function returns the bytes of a model file. The input is called `image`, the scores `scores`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import (
    GraphProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

__all__ = [
    "Side",
    "band_of_column",
    "circular_net",
    "constant",
    "endless_loop",
    "fixed_pixel",
    "int_labels_only",
    "linear",
    "linear_weights",
    "map_output",
    "mean_pixel",
    "memory_bomb",
    "model",
    "nan_output",
    "node",
    "random_operator",
    "rank2_input",
    "sequence_input",
    "subsample",
    "tensor",
    "two_outputs",
    "value",
]

Dtype = Literal["float32", "float16", "float64", "uint8", "int8"]
Side = int | str | None
_ELEMENT = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "float64": TensorProto.DOUBLE,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "int64": TensorProto.INT64,
}
OPSET = 20


def node(kind: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> NodeProto:
    """One node."""
    return helper.make_node(kind, inputs, outputs, **attributes)


def tensor(name: str, data: Any, dtype: str = "float32") -> TensorProto:
    """A stored tensor."""
    return numpy_helper.from_array(np.asarray(data, dtype), name)


def value(name: str, shape: Sequence[Side] | None, dtype: str = "float32") -> ValueInfoProto:
    """An input or output."""
    return helper.make_tensor_value_info(name, _ELEMENT[dtype], shape)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    weights: Sequence[TensorProto] = (),
    opset: int = OPSET,
) -> bytes:
    """A model file: IR 10, one standard opset."""
    graph = helper.make_graph(list(nodes), "toy", list(inputs), list(outputs), list(weights))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return bytes(made.SerializeToString())


def _image(channels: int, size: tuple[Side, Side], batch: Side = "n") -> ValueInfoProto:
    return value("image", [batch, channels, *size])


def _scores(classes: int, batch: Side = "n") -> ValueInfoProto:
    return value("scores", [batch, classes])


def _two_sided(feature: str, tau: float, channels: int = 1) -> tuple[list[NodeProto], list[Any]]:
    """(m - tau, tau - m) of a feature (n, c) averaged over c."""
    weights = [
        tensor("w", np.tile([[1.0, -1.0]], (channels, 1)) / channels),
        tensor("b", [-tau, tau]),
    ]
    return [node("Gemm", [feature, "w", "b"], "scores")], weights


def mean_pixel(
    tau: float = 0.5, *, channels: int = 1, size: tuple[Side, Side] = (32, 32), batch: Side = "n"
) -> bytes:
    """Scores (m - tau, tau - m), m the mean of the input: blind to where anything is."""
    head, weights = _two_sided("flat", tau, channels)
    nodes = [
        node("GlobalAveragePool", ["image"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        *head,
    ]
    return model(nodes, [_image(channels, size, batch)], [_scores(2, batch)], weights)


def subsample(stride: int = 2, tau: float = 0.5, size: int = 32) -> bytes:
    """The mean of every `stride`-th pixel in both axes, then as `mean_pixel`."""
    head, weights = _two_sided("flat", tau)
    nodes = [
        node("Conv", ["image", "one"], "sampled", strides=[stride, stride], kernel_shape=[1, 1]),
        node("GlobalAveragePool", ["sampled"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        *head,
    ]
    one = tensor("one", np.ones((1, 1, 1, 1)))
    return model(nodes, [_image(1, (size, size))], [_scores(2)], [one, *weights])


def _dense(matrix: NDArray[np.floating[Any]], bias: Any, size: int) -> bytes:
    nodes = [node("Flatten", ["image"], "flat"), node("Gemm", ["flat", "w", "b"], "scores")]
    weights = [tensor("w", matrix), tensor("b", bias)]
    return model(nodes, [_image(1, (size, size))], [_scores(matrix.shape[1])], weights)


def fixed_pixel(row: int, column: int, size: int = 32) -> bytes:
    """Scores (x - 1/2, 1/2 - x), x one pixel: it looks at one place only."""
    matrix = np.zeros((size * size, 2))
    matrix[row * size + column] = [1.0, -1.0]
    return _dense(matrix, [-0.5, 0.5], size)


def band_of_column(bands: int = 8, size: int = 32) -> bytes:
    """Score k is the sum of the pixels in the k-th vertical band: it tells only the column."""
    matrix = np.zeros((size * size, bands))
    for place in range(size * size):
        matrix[place, (place % size) * bands // size] = 1.0
    return _dense(matrix, np.zeros(bands), size)


def circular_net(stride: int = 1, *, classes: int = 5, size: int = 16, seed: int = 1) -> bytes:
    """Two circular 3 x 3 convolutions, global average, dense: exactly invariant for rolls by
    multiples of `stride`.
    """
    draw = np.random.default_rng(seed)
    weights = [
        tensor("pads", [0, 0, 1, 1, 0, 0, 1, 1], "int64"),
        tensor("first", draw.normal(size=(4, 1, 3, 3))),
        tensor("second", draw.normal(size=(6, 4, 3, 3))),
        tensor("w", draw.normal(size=(6, classes))),
        tensor("b", draw.normal(size=classes)),
    ]
    nodes = [
        node("Pad", ["image", "pads"], "p1", mode="wrap"),
        node("Conv", ["p1", "first"], "c1", kernel_shape=[3, 3]),
        node("Relu", ["c1"], "r1"),
        node("Pad", ["r1", "pads"], "p2", mode="wrap"),
        node("Conv", ["p2", "second"], "c2", kernel_shape=[3, 3], strides=[stride, stride]),
        node("Relu", ["c2"], "r2"),
        node("GlobalAveragePool", ["r2"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("Gemm", ["flat", "w", "b"], "scores"),
    ]
    return model(nodes, [_image(1, (size, size))], [_scores(classes)], weights)


def constant(scores: Sequence[float] = (1.0, 3.0, 2.0), size: int = 32) -> bytes:
    """The same scores for every image."""
    return _dense(np.zeros((size * size, len(scores))), list(scores), size)


def nan_output(size: int = 8) -> bytes:
    """NaN for every image: the square root of -1 - x²."""
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("Mul", ["flat", "flat"], "squared"),
        node("Gemm", ["squared", "w", "b"], "negative"),
        node("Sqrt", ["negative"], "scores"),
    ]
    weights = [tensor("w", -np.ones((size * size, 3))), tensor("b", [-1.0, -1.0, -1.0])]
    return model(nodes, [_image(1, (size, size))], [_scores(3)], weights)


def _body_that_counts() -> GraphProto:
    return helper.make_graph(
        [node("Identity", ["go"], "go_on"), node("Add", ["count", "unit"], "count_next")],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            value("count", [1]),
        ],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), value("count_next", [1])],
        [tensor("unit", [1.0])],
    )


def endless_loop(size: int = 8) -> bytes:
    """Never answers: a Loop whose condition stays true."""
    nodes = [
        node("ReduceMean", ["image", "axes"], "mean", keepdims=0),
        node("Loop", ["", "yes", "zero"], "counted", body=_body_that_counts()),
        node("Add", ["mean", "counted"], "sum"),
        node("Concat", ["sum", "mean"], "scores", axis=1),
    ]
    weights = [
        tensor("axes", [2, 3], "int64"),
        tensor("yes", np.array(True), "bool"),  # noqa: FBT003 - a tensor's content
        tensor("zero", [0.0]),
    ]
    return model(nodes, [_image(1, (size, size))], [_scores(2)], weights)


def memory_bomb(size: int = 8) -> bytes:
    """Asks for 4 TB in its first run."""
    nodes = [
        node("Shape", ["image"], "shape"),
        node("Slice", ["shape", "three", "four"], "side"),  # 8: known only when it runs
        node("Mul", ["side", "huge"], "sides"),
        node("ConstantOfShape", ["sides"], "filled"),
        node("ReduceMax", ["filled"], "top", keepdims=0),
        node("Flatten", ["image"], "flat"),
        node("Add", ["flat", "top"], "scores"),
    ]
    weights = [
        tensor("three", [3], "int64"),
        tensor("four", [4], "int64"),
        tensor("huge", [1 << 17, 1 << 17], "int64"),
    ]
    return model(nodes, [_image(1, (size, size))], [_scores(size * size)], weights)


def random_operator(size: int = 8) -> bytes:
    """Adds noise to its scores: the same image gives two answers."""
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("RandomNormalLike", ["flat"], "noise"),
        node("Add", ["flat", "noise"], "scores"),
    ]
    return model(nodes, [_image(1, (size, size))], [_scores(size * size)])


def two_outputs(size: int = 8) -> bytes:
    """The label (int64) first, then the scores."""
    nodes = [
        node("Flatten", ["image"], "scores"),
        node("ArgMax", ["scores"], "label", axis=1, keepdims=0),
    ]
    outputs = [value("label", ["n"], "int64"), _scores(size * size)]
    return model(nodes, [_image(1, (size, size))], outputs)


def int_labels_only(size: int = 8) -> bytes:
    """Tells the label and no score."""
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("ArgMax", ["flat"], "label", axis=1, keepdims=0),
    ]
    return model(nodes, [_image(1, (size, size))], [value("label", ["n"], "int64")])


def sequence_input() -> bytes:
    """Takes a list of images."""
    images = helper.make_tensor_sequence_value_info("image", TensorProto.FLOAT, None)
    nodes = [node("ConcatFromSequence", ["image"], "scores", axis=0)]
    return model(nodes, [images], [value("scores", None)])


def rank2_input(features: int = 16) -> bytes:
    """Takes a table, not an image."""
    nodes = [node("Relu", ["image"], "scores")]
    return model(nodes, [value("image", ["n", features])], [_scores(features)])


def map_output(size: int = 8) -> bytes:
    """Answers with an image."""
    nodes = [node("Relu", ["image"], "scores")]
    return model(nodes, [_image(1, (size, size))], [value("scores", ["n", 1, size, size])])


def linear_weights(
    features: int, classes: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The matrix (features, classes) and the bias of `linear`."""
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(features, classes)) / np.sqrt(features)
    return matrix.astype(np.float32), draw.normal(size=classes).astype(np.float32) * 0.1


def linear(  # noqa: PLR0913 - each argument is one way in which real files differ
    *,
    size: tuple[int, int] = (8, 8),
    channels: int = 3,
    classes: int = 5,
    seed: int = 0,
    batch: Side = "n",
    nhwc: bool = False,
    flat: bool = False,
    dtype: Dtype = "float32",
    softmax: bool = False,
    tail: Sequence[int] = (),
    opset: int = OPSET,
) -> bytes:
    """Scores W·x + b of the flattened (channel, row, column) image, as `linear_weights` gives them.

    `tail` appends axes of length 1 to the scores; `flat` takes rows instead of images. A uint8
    input is divided by 255 inside, an int8 input after 128 was added.
    """
    matrix, bias = linear_weights(channels * size[0] * size[1], classes, seed)
    inner = "float32" if dtype in ("uint8", "int8") else dtype
    weights = [tensor("w", matrix, inner), tensor("b", bias, inner)]
    nodes, last = _entry(nhwc=nhwc, dtype=dtype, weights=weights)
    nodes += [node("Flatten", [last], "flat"), node("Gemm", ["flat", "w", "b"], "dense")]
    last = "dense"
    if softmax:
        nodes.append(node("Softmax", [last], "likely", axis=1))
        last = "likely"
    if tail:
        weights.append(tensor("axes", range(2, 2 + len(tail)), "int64"))
        nodes.append(node("Unsqueeze", [last, "axes"], "tall"))
        last = "tall"
    nodes.append(node("Identity", [last], "scores"))
    axes: list[Side] = [batch, *size, channels] if nhwc else [batch, channels, *size]
    if flat:
        axes = [batch, channels * size[0] * size[1]]
    output = value("scores", [batch, classes, *tail], inner)
    return model(nodes, [value("image", axes, dtype)], [output], weights, opset)


def _entry(*, nhwc: bool, dtype: Dtype, weights: list[TensorProto]) -> tuple[list[NodeProto], str]:
    """From the declared input to floating point (n, c, h, w)."""
    nodes: list[NodeProto] = []
    last = "image"
    if dtype in ("uint8", "int8"):
        weights += [tensor("full", 255.0), tensor("zero", 128.0 if dtype == "int8" else 0.0)]
        nodes.append(node("Cast", [last], "wide", to=TensorProto.FLOAT))
        nodes.append(node("Add", ["wide", "zero"], "pixels"))
        nodes.append(node("Div", ["pixels", "full"], "unit"))
        last = "unit"
    if nhwc:
        nodes.append(node("Transpose", [last], "planes", perm=[0, 3, 1, 2]))
        last = "planes"
    return nodes, last
