"""Attention inside windows of 4 x 4 positions, as a Swin has it: plain, rolled, and with a mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from toys import model, node, tensor, value

__all__ = ["PATCH", "SIDE", "SIZE", "WINDOW", "Windows", "window_net"]

SIZE, PATCH, WINDOW = 32, 2, 4
SIDE = SIZE // PATCH
_WIDTH, _HEADS, _CLASSES = 8, 2, 3
_EACH = _WIDTH // _HEADS
_SHIFT = WINDOW // 2


@dataclass(frozen=True)
class Windows:
    """How a block of attention is written.

    Attributes:
        window: positions along a side of a window.
        cosine: queries and keys have the length 1, as those of a second Swin.
        taken: how queries, keys and values are told apart: "gather", "slice" or "split".
    """

    window: int = WINDOW
    cosine: bool = False
    taken: str = "gather"

    @property
    def count(self) -> int:
        return SIDE // self.window

    @property
    def row(self) -> int:
        return self.window**2


def window_net(
    how: Windows = Windows(), *, rolled: bool = False, mask: bool = False, merged: str = ""
) -> bytes:
    """The ONNX file: patches, windows, and with `rolled` windows once more, half a window further.

    Args:
        how: the first block.
        rolled: a second block whose windows lie across those of the first.
        mask: it keeps apart what the roll brought together.
        merged: four positions become one at the end, by "slices" or by "reshape".
    """
    draw = np.random.default_rng(6)
    weights = [
        tensor("patch", draw.normal(size=(_WIDTH, 1, PATCH, PATCH)) * 0.8),
        tensor("fc", draw.normal(size=((4 if merged else 1) * _WIDTH, _CLASSES)) * 0.6),
        tensor("over", [1, 2], "int64"),
        tensor("scale", [1.5]),
        tensor("to_map", [-1, SIDE, SIDE, _WIDTH], "int64"),
        tensor("mask", _mask()),
        tensor("last", [-1], "int64"),
        tensor("least", [1e-6]),
        tensor("as_wide", [1, 1, 1, _EACH], "int64"),
        *(tensor(f"at{number}", number, "int64") for number in range(3)),
        *(tensor(f"from{number}", [number], "int64") for number in range(4)),
        *_merging_weights(),
    ]
    nodes = [
        node("Conv", ["image", "patch"], "patches", strides=[PATCH, PATCH], name="patches"),
        node("Transpose", ["patches"], "map0", perm=[0, 2, 3, 1]),
        *_block("map0", "map1", "a", draw, weights, how=how),
    ]
    last = "map1"
    if rolled:
        nodes += [
            *_roll("map1", "there", -_SHIFT, weights),
            *_block("there", "moved", "b", draw, weights, how=Windows(), mask=mask),
            *_roll("moved", "map2", _SHIFT, weights),
        ]
        last = "map2"
    nodes += [
        *_merging(last, merged),
        node("Relu", ["merged" if merged else last], "active"),
        node("ReduceMean", ["active", "over"], "mean", keepdims=0),
        node("MatMul", ["mean", "fc"], "scores"),
    ]
    used = {name for each in nodes for name in each.input}
    kept = [each for each in weights if each.name in used]
    image = value("image", ["n", 1, SIZE, SIZE])
    return model(nodes, [image], [value("scores", ["n", _CLASSES])], kept)


def _block(
    given: str,
    made: str,
    tag: str,
    draw: np.random.Generator,
    weights: list[TensorProto],
    *,
    how: Windows,
    mask: bool = False,
) -> list[NodeProto]:
    """(n, 16, 16, 8) to windows, attention with a bias by distance, back, and added to the map."""

    def own(*names: str) -> list[str]:
        return [f"{name}_{tag}" for name in names]

    weights += _block_weights(tag, draw, how)
    masked = [
        node("Reshape", own("biased", "with_windows"), *own("split")),
        node("Add", [*own("split"), "mask"], *own("kept_apart"), name=f"mask_{tag}"),
        node("Reshape", own("kept_apart", "without"), *own("pairs")),
    ]
    q, k = ("q_unit", "k_unit") if how.cosine else ("q", "k_rows")
    return [
        node("Reshape", [given, *own("to_windows")], *own("six")),
        node("Transpose", own("six"), *own("by_window"), perm=[0, 1, 3, 2, 4, 5]),
        node("Reshape", own("by_window", "to_rows"), *own("rows")),
        node("MatMul", own("rows", "qkv"), *own("all")),
        node("Reshape", own("all", "thirds"), *own("all_heads")),
        node("Transpose", own("all_heads"), *own("in_front"), perm=[2, 0, 3, 1, 4]),
        *_taken(f"in_front_{tag}", own("q", "k_rows", "v"), how.taken),
        *([*_unit(*own("q", "q_unit")), *_unit(*own("k_rows", "k_unit"))] if how.cosine else []),
        node("Transpose", own(k), *own("k"), perm=[0, 1, 3, 2]),
        node("Mul", [*own(q), "scale"], *own("q_scaled")),
        node("MatMul", own("q_scaled", "k"), *own("product"), name=f"attention_{tag}"),
        node("Add", own("product", "bias"), *own("biased"), name=f"by_distance_{tag}"),
        *(masked if mask else []),
        node("Softmax", own("pairs" if mask else "biased"), *own("weights"), axis=-1),
        node("MatMul", own("weights", "v"), *own("seen")),
        node("Transpose", own("seen"), *own("turned"), perm=[0, 2, 1, 3]),
        node("Reshape", own("turned", "to_rows"), *own("joined")),
        node("Reshape", own("joined", "apart"), *own("apart_again")),
        node("Transpose", own("apart_again"), *own("in_place"), perm=[0, 1, 3, 2, 4, 5]),
        node("Reshape", [*own("in_place"), "to_map"], *own("back")),
        node("Add", [given, *own("back")], made),
    ]


def _block_weights(tag: str, draw: np.random.Generator, how: Windows) -> list[TensorProto]:
    side, count, row = how.window, how.count, how.row
    table = draw.normal(size=(_HEADS, 2 * side, 2 * side)) * 2
    y, x = (axis.ravel() for axis in np.mgrid[:side, :side])
    bias = table[:, y[:, None] - y + side, x[:, None] - x + side]
    return [
        tensor(f"qkv_{tag}", draw.normal(size=(_WIDTH, 3 * _WIDTH)) * 0.6),
        tensor(f"bias_{tag}", bias[None]),
        tensor(f"to_windows_{tag}", [-1, count, side, count, side, _WIDTH], "int64"),
        tensor(f"to_rows_{tag}", [-1, row, _WIDTH], "int64"),
        tensor(f"thirds_{tag}", [-1, row, 3, _HEADS, _EACH], "int64"),
        tensor(f"apart_{tag}", [-1, count, count, side, side, _WIDTH], "int64"),
        tensor(f"with_windows_{tag}", [-1, count * count, _HEADS, row, row], "int64"),
        tensor(f"without_{tag}", [-1, _HEADS, row, row], "int64"),
    ]


def _taken(given: str, names: Sequence[str], how: str) -> list[NodeProto]:
    """Queries, keys and values, which lie in front of all else."""
    if how == "gather":
        return [node("Gather", [given, f"at{i}"], name, axis=0) for i, name in enumerate(names)]
    ones = [f"{name}_one" for name in names]
    squeezed = [
        node("Squeeze", [each, "from0"], name) for each, name in zip(ones, names, strict=True)
    ]
    if how == "split":
        return [helper.make_node("Split", [given], ones, axis=0, num_outputs=3), *squeezed]
    slices = [
        node("Slice", [given, f"from{i}", f"from{i + 1}", "from0"], each)
        for i, each in enumerate(ones)
    ]
    return [*slices, *squeezed]


def _unit(given: str, made: str) -> list[NodeProto]:
    return [
        node("ReduceL2", [given, "last"], f"{made}_length", keepdims=1),
        node("Max", [f"{made}_length", "least"], f"{made}_safe"),
        node("Expand", [f"{made}_safe", "as_wide"], f"{made}_wide"),
        node("Div", [given, f"{made}_wide"], made),
    ]


def _roll(given: str, made: str, by: int, weights: list[TensorProto]) -> list[NodeProto]:
    """Along y and then x, each by two slices the other way round."""
    nodes, name = [], given
    for axis in (1, 2):
        tag = f"{made}{axis}"
        weights += [
            tensor(f"from_{tag}", [-by], "int64"),
            tensor(f"zero_{tag}", [0], "int64"),
            tensor(f"end_{tag}", [2**63 - 1], "int64"),
            tensor(f"axis_{tag}", [axis], "int64"),
        ]
        after = made if axis == 2 else tag
        nodes += [
            node("Slice", [name, f"from_{tag}", f"end_{tag}", f"axis_{tag}"], f"last_{tag}"),
            node("Slice", [name, f"zero_{tag}", f"from_{tag}", f"axis_{tag}"], f"first_{tag}"),
            node("Concat", [f"last_{tag}", f"first_{tag}"], after, axis=axis),
        ]
        name = after
    return nodes


def _mask() -> NDArray[np.float64]:
    """(1, windows, 1, N, N): -100 between positions that were not neighbours before the roll."""
    part = np.zeros((SIDE, SIDE))
    edges = (slice(0, -WINDOW), slice(-WINDOW, -_SHIFT), slice(-_SHIFT, None))
    for number, (rows, columns) in enumerate((r, c) for r in edges for c in edges):
        part[rows, columns] = number
    count = SIDE // WINDOW
    windows = part.reshape(count, WINDOW, count, WINDOW).swapaxes(1, 2).reshape(-1, WINDOW**2)
    apart = windows[:, :, None] != windows[:, None, :]
    return np.where(apart, -100.0, 0.0)[None, :, None]


def _merging_weights() -> list[Any]:
    half = SIDE // 2
    return [
        tensor("axes_yx", [1, 2], "int64"),
        tensor("two_two", [2, 2], "int64"),
        tensor("far", [2**62, 2**62], "int64"),
        *(tensor(f"from{y}{x}", [y, x], "int64") for y in (0, 1) for x in (0, 1)),
        tensor("by_two", [-1, half, 2, half, 2, _WIDTH], "int64"),
        tensor("deep", [-1, half, half, 4 * _WIDTH], "int64"),
    ]


def _merging(given: str, how: str) -> list[NodeProto]:
    if how == "reshape":
        return [
            node("Reshape", [given, "by_two"], "pairs_of", name="merge"),
            node("Transpose", ["pairs_of"], "behind", perm=[0, 1, 3, 4, 2, 5]),
            node("Reshape", ["behind", "deep"], "merged"),
        ]
    if how == "slices":
        names = [f"{y}{x}" for x in (0, 1) for y in (0, 1)]
        return [
            *(
                node("Slice", [given, f"from{at}", "far", "axes_yx", "two_two"], f"phase{at}")
                for at in names
            ),
            node("Concat", [f"phase{at}" for at in names], "merged", axis=3),
        ]
    return []
