"""One block of attention over 4 x 4 patches, with what a graph can add to it by position."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from toys import model, node, tensor, value

__all__ = ["GRID", "SIZE", "Style", "attention_net", "bias_of"]

Style = Literal["apart", "fused", "exported"]

SIZE, _PATCH = 16, 4
GRID = SIZE // _PATCH
_TOKENS, _WIDTH, _HEADS, _CLASSES = GRID * GRID, 8, 2, 3
_EACH = _WIDTH // _HEADS


def bias_of(kind: str) -> NDArray[np.float64]:
    """(1, heads, N, N): by distance, by distance around a torus, or by pair."""
    draw = np.random.default_rng(5)
    if kind == "pair":
        return draw.normal(size=(1, _HEADS, _TOKENS, _TOKENS)) * 3
    table = draw.normal(size=(_HEADS, 2 * GRID, 2 * GRID)) * 3
    y, x = (axis.ravel() for axis in np.mgrid[:GRID, :GRID])
    down, across = y[:, None] - y, x[:, None] - x
    around = kind == "torus"
    rows, columns = (each % GRID if around else each + GRID for each in (down, across))
    return table[None, :, rows, columns]


def attention_net(bias: str = "", style: Style = "apart") -> bytes:
    """The ONNX file; not `apart` it makes queries, keys and values by one product.

    Then it also gathers the bias from a table, a row for each pair, by an index that is stored.
    `exported` takes the three apart by slices and turns the keys with heads and images in one axis,
    as PyTorch's exporter writes `unbind` and `scaled_dot_product_attention`.
    """
    fused = style != "apart"
    weights = _weights()
    if bias:
        rows = bias_of(bias)[0].reshape(_HEADS, -1).T
        pairs = np.arange(_TOKENS**2).reshape(_TOKENS, _TOKENS)
        weights += [
            tensor("bias", bias_of(bias)),
            tensor("table", rows),
            tensor("pairs", pairs, "int64"),
            tensor("first", [0], "int64"),
        ]
    nodes = [
        node("Conv", ["image", "patch"], "patches", strides=[_PATCH, _PATCH], name="patches"),
        node("Reshape", ["patches", "row"], "list"),
        node("Transpose", ["list"], "tokens", perm=[0, 2, 1]),
        *{"apart": _apart, "fused": _fused, "exported": _exported}[style](),
        node("MatMul", ["q", "k"], "product"),
        node("Mul", ["product", "scale"], "scaled"),
        *(_added(gathered=fused) if bias else []),
        node("Softmax", ["biased" if bias else "scaled"], "weights", axis=-1),
        node("MatMul", ["weights", "v"], "seen"),
        node("Transpose", ["seen"], "turned", perm=[0, 2, 1, 3]),
        node("Reshape", ["turned", "together"], "joined"),
        node("Add", ["tokens", "joined"], "sum"),
        node("Relu", ["sum"], "active"),
        node("ReduceMean", ["active", "one"], "mean", keepdims=0),
        node("MatMul", ["mean", "fc"], "scores"),
    ]
    used = {name for each in nodes for name in each.input}
    kept = [each for each in weights if each.name in used]
    image = value("image", ["n", 1, SIZE, SIZE])
    return model(nodes, [image], [value("scores", ["n", _CLASSES])], kept)


def _weights() -> list[TensorProto]:
    draw = np.random.default_rng(4)

    def drawn(name: str, *shape: int) -> TensorProto:
        return tensor(name, draw.normal(size=shape) * 0.6)

    return [
        drawn("patch", _WIDTH, 1, _PATCH, _PATCH),
        *(drawn(f"w{name}", _WIDTH, _WIDTH) for name in "qkv"),
        drawn("wqkv", _WIDTH, 3 * _WIDTH),
        drawn("fc", _WIDTH, _CLASSES),
        tensor("row", [0, _WIDTH, _TOKENS], "int64"),
        tensor("heads", [0, _TOKENS, _HEADS, _EACH], "int64"),
        tensor("thirds", [0, _TOKENS, 3, _HEADS, _EACH], "int64"),
        tensor("together", [0, _TOKENS, _WIDTH], "int64"),
        tensor("one", [1], "int64"),
        *(tensor(f"at{number}", number, "int64") for number in range(3)),
        *(tensor(f"from{number}", [number], "int64") for number in range(4)),
        tensor("crowd", [-1, _TOKENS, _EACH], "int64"),
        tensor("keys", [-1, _HEADS, _EACH, _TOKENS], "int64"),
        tensor("scale", [0.5]),
    ]


def _added(*, gathered: bool) -> list[NodeProto]:
    add = node("Add", ["scaled", "by_pair" if gathered else "bias"], "biased", name="bias")
    if not gathered:
        return [add]
    return [
        node("Gather", ["table", "pairs"], "heads_last", axis=0),
        node("Transpose", ["heads_last"], "by_head", perm=[2, 0, 1]),
        node("Unsqueeze", ["by_head", "first"], "by_pair"),
        add,
    ]


def _apart() -> list[NodeProto]:
    made = []
    for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        made += [
            node("MatMul", ["tokens", f"w{name}"], f"{name}_row"),
            node("Reshape", [f"{name}_row", "heads"], f"{name}_heads"),
            node("Transpose", [f"{name}_heads"], name, perm=perm),
        ]
    return made


def _fused() -> list[NodeProto]:
    """(n, N, 3, heads, d) turned so that the three lie in front, ahead of the images."""
    return [
        node("MatMul", ["tokens", "wqkv"], "all"),
        node("Reshape", ["all", "thirds"], "all_heads"),
        node("Transpose", ["all_heads"], "in_front", perm=[2, 0, 3, 1, 4]),
        node("Gather", ["in_front", "at0"], "q", axis=0),
        node("Gather", ["in_front", "at1"], "k_rows", axis=0),
        node("Transpose", ["k_rows"], "k", perm=[0, 1, 3, 2]),
        node("Gather", ["in_front", "at2"], "v", axis=0),
    ]


def _exported() -> list[NodeProto]:
    made = _fused()[:3]
    for number, name in enumerate(("q", "k_rows", "v")):
        ends = [f"from{number}", f"from{number + 1}", "from0"]
        made += [
            node("Slice", ["in_front", *ends], f"{name}_one"),
            node("Squeeze", [f"{name}_one", "from0"], name),
        ]
    return [
        *made,
        node("Reshape", ["k_rows", "crowd"], "k_crowd"),
        node("Transpose", ["k_crowd"], "k_turned", perm=[0, 2, 1]),
        node("Reshape", ["k_turned", "keys"], "k"),
    ]
