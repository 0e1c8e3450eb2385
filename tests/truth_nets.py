"""Nets of the science reference, section 6, whose answers are closed forms. See `toys` for others.

The input is called `image`, the scores `scores`; the random weights come from fixed seeds.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from onnx import NodeProto, TensorProto

from toys import model, node, tensor, value

__all__ = [
    "FORGOTTEN",
    "area_of_phases",
    "batch_statistics",
    "border_sum",
    "c4_net",
    "centroid_side",
    "energy_in_disc",
    "forgetting",
    "hashed",
    "mean_below",
    "orbit_of_rolls",
    "orbit_of_turns",
    "orientation",
    "pointwise",
    "pooled",
    "two_sided",
]

Side = int | str


def two_sided(
    nodes: Sequence[NodeProto],
    weights: Sequence[TensorProto],
    size: tuple[Side, Side],
    tau: float,
) -> bytes:
    """Scores (m - tau, tau - m) of a number (n, 1) that the nodes leave in `m`."""
    head = [tensor("tau", [tau]), tensor("signs", [[1.0, -1.0]])]
    more = [node("Sub", ["m", "tau"], "above"), node("MatMul", ["above", "signs"], "scores")]
    return _model([*nodes, *more], [*weights, *head], size, 2)


def mean_below(tau: float, size: int = 32) -> bytes:
    """GT-10: scores (tau - m, m - tau) of the mean m; equal scores are class 0, a dark picture."""
    nodes = [
        node("GlobalAveragePool", ["image"], "pooled"),
        node("Flatten", ["pooled"], "mean"),
        node("Neg", ["mean"], "m"),
    ]
    return two_sided(nodes, [], (size, size), -tau)


def _model(
    nodes: Sequence[NodeProto], weights: Sequence[Any], size: tuple[Side, Side], classes: int
) -> bytes:
    image, scores = value("image", ["n", 1, *size]), value("scores", ["n", classes])
    return model(nodes, [image], [scores], weights)


def _summed(source: str, target: str) -> NodeProto:
    """The sum of (n, c, h, w) over everything but the images, (n, 1)."""
    return node("MatMul", [source, "ones"], target)


def area_of_phases(size: int, tau: float) -> bytes:
    """GT-04 APS-2: of the four phases of a 2 x 2 grid the one with the largest norm; its mean."""
    phases = [f"{row}{column}" for row in (0, 1) for column in (0, 1)]
    weights = [
        *(tensor(f"from{phase}", [int(side) for side in phase], "int64") for phase in phases),
        tensor("end", [size, size], "int64"),
        tensor("sides", [2, 3], "int64"),
        tensor("steps", [2, 2], "int64"),
        tensor("second", [1], "int64"),
        tensor("pixels", [2, 3, 4], "int64"),
    ]
    nodes: list[NodeProto] = []
    for phase in phases:
        nodes += [
            node("Slice", ["image", f"from{phase}", "end", "sides", "steps"], f"at{phase}"),
            node("Unsqueeze", [f"at{phase}", "second"], f"one{phase}"),
        ]
    nodes += [
        node("Concat", [f"one{phase}" for phase in phases], "phases", axis=1),
        node("ReduceL2", ["phases", "pixels"], "norms", keepdims=0),
        node("ArgMax", ["norms"], "best", axis=1, keepdims=1),
        node("ReduceMean", ["phases", "pixels"], "means", keepdims=0),
        node("GatherElements", ["means", "best"], "m", axis=1),
    ]
    return two_sided(nodes, weights, (size, size), tau)


def centroid_side(size: int = 32) -> bytes:
    """GT-08: whether the centre of mass lies in the right half, from size / 2 on."""
    column = np.tile(np.arange(size) - size / 2, size)
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("MatMul", ["flat", "column"], "moment"),
        node("MatMul", ["flat", "ones"], "mass"),
        node("Div", ["moment", "mass"], "m"),
    ]
    weights = [tensor("column", column[:, None]), tensor("ones", np.ones((size * size, 1)))]
    return two_sided(nodes, weights, (size, size), 0.0)


def pointwise(classes: int = 5, seed: int = 3) -> bytes:
    """GT-11: 1 x 1 convolutions with mean, maximum and median (an order statistic), any size."""
    draw = np.random.default_rng(seed)
    weights = [
        tensor("first", draw.normal(size=(6, 1, 1, 1))),
        tensor("offset", draw.normal(size=6)),
        tensor("second", draw.normal(size=(4, 6, 1, 1))),
        tensor("rows", [0, 4, -1], "int64"),
        tensor("last", [2], "int64"),
        tensor("two", [2], "int64"),
        tensor("spread", [2], "int64"),
        tensor("w", draw.normal(size=(12, classes))),
        tensor("b", draw.normal(size=classes)),
    ]
    nodes = [
        node("Conv", ["image", "first", "offset"], "c1", kernel_shape=[1, 1]),
        node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "second"], "c2", kernel_shape=[1, 1]),
        node("Reshape", ["c2", "rows"], "list"),
        node("ReduceMean", ["list", "last"], "mean", keepdims=0),
        node("ReduceMax", ["list", "last"], "max", keepdims=0),
        node("Shape", ["list"], "count", start=2, end=3),
        node("TopK", ["list", "count"], "sorted", "order", axis=2),
        node("Div", ["count", "two"], "middle"),
        node("Gather", ["sorted", "middle"], "medians", axis=2),
        node("Squeeze", ["medians", "spread"], "median"),
        node("Concat", ["mean", "max", "median"], "features", axis=1),
        node("Gemm", ["features", "w", "b"], "scores"),
    ]
    return _model(nodes, weights, ("h", "w"), classes)


def c4_net(stride: int, size: int, classes: int = 4, seed: int = 12) -> bytes:
    """GT-12: a filter in its four turns, zero padding, the largest mean of the four."""
    draw = np.random.default_rng(seed)
    filters = draw.normal(size=(6, 3, 3))
    lifted = np.stack([np.rot90(each, turn) for each in filters for turn in range(4)])[:, None]
    weights = [
        tensor("lifted", lifted),
        tensor("grouped", [0, 6, 4], "int64"),
        tensor("last", [2], "int64"),
        tensor("w", draw.normal(size=(6, classes))),
    ]
    nodes = [
        node(
            "Conv",
            ["image", "lifted"],
            "c",
            kernel_shape=[3, 3],
            pads=[1] * 4,
            strides=[stride] * 2,
        ),
        node("Relu", ["c"], "r"),
        node("GlobalAveragePool", ["r"], "pooled"),
        node("Reshape", ["pooled", "grouped"], "groups"),
        node("ReduceMax", ["groups", "last"], "features", keepdims=0),
        node("MatMul", ["features", "w"], "scores"),
    ]
    return _model(nodes, weights, (size, size), classes)


def orbit_of_turns(size: int = 16, *, averaged: bool, classes: int = 3, seed: int = 13) -> bytes:
    """GT-13: a random linear map of the pixels, alone or averaged over the four quarter turns."""
    places = np.arange(size * size).reshape(size, size)
    orders = [np.rot90(places, turn).ravel() for turn in range(4 if averaged else 1)]
    matrix = np.random.default_rng(seed).normal(size=(size * size, classes))
    weights = [tensor("w", matrix)]
    weights += [tensor(f"order{k}", order, "int64") for k, order in enumerate(orders)]
    nodes = [node("Flatten", ["image"], "flat")]
    for k in range(len(orders)):
        nodes += [
            node("Gather", ["flat", f"order{k}"], f"turned{k}", axis=1),
            node("MatMul", [f"turned{k}", "w"], f"part{k}"),
        ]
    nodes.append(node("Mean", [f"part{k}" for k in range(len(orders))], "scores"))
    return _model(nodes, weights, (size, size), classes)


def orbit_of_rolls(size: int = 16, *, averaged: bool, classes: int = 5, seed: int = 14) -> bytes:
    """GT-14: a circular net of stride 2, alone or averaged over the four rolls of its grid."""
    draw = np.random.default_rng(seed)
    rolls = [(row, column) for row in (0, 1) for column in (0, 1)][: 4 if averaged else 1]
    places = np.arange(size * size).reshape(size, size)
    weights = [
        tensor("shape", [-1, 1, size, size], "int64"),
        tensor("pads", [0, 0, 1, 1, 0, 0, 1, 1], "int64"),
        tensor("kernel", draw.normal(size=(6, 1, 3, 3))),
        tensor("w", draw.normal(size=(6, classes))),
    ]
    nodes = [node("Flatten", ["image"], "flat")]
    for k, roll in enumerate(rolls):
        weights.append(tensor(f"order{k}", np.roll(places, roll, (0, 1)).ravel(), "int64"))
        nodes += [
            node("Gather", ["flat", f"order{k}"], f"list{k}", axis=1),
            node("Reshape", [f"list{k}", "shape"], f"rolled{k}"),
            *_circular(f"rolled{k}", f"map{k}", stride=2),
            node("GlobalAveragePool", [f"map{k}"], f"pooled{k}"),
            node("Flatten", [f"pooled{k}"], f"features{k}"),
            node("MatMul", [f"features{k}", "w"], f"part{k}"),
        ]
    nodes.append(node("Mean", [f"part{k}" for k in range(len(rolls))], "scores"))
    return _model(nodes, weights, (size, size), classes)


def _circular(source: str, target: str, stride: int) -> list[NodeProto]:
    """Circular 3 x 3 convolution with `kernel`, then ReLU."""
    return [
        node("Pad", [source, "pads"], f"{target}p", mode="wrap"),
        node(
            "Conv",
            [f"{target}p", "kernel"],
            f"{target}c",
            kernel_shape=[3, 3],
            strides=[stride] * 2,
        ),
        node("Relu", [f"{target}c"], target),
    ]


def border_sum(tau: float, size: int = 16) -> bytes:
    """GT-15: the sum after a 3 x 3 kernel of ones with zero padding: a point counts 9, 6 or 4."""
    nodes = [
        node("Conv", ["image", "kernel"], "c", kernel_shape=[3, 3], pads=[1] * 4),
        node("Flatten", ["c"], "flat"),
        _summed("flat", "m"),
    ]
    weights = [tensor("kernel", np.ones((1, 1, 3, 3))), tensor("ones", np.ones((size * size, 1)))]
    return two_sided(nodes, weights, (size, size), tau)


def _disc(size: int, margin_px: float) -> Any:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(x, y) <= size / 2 - margin_px).astype(np.float32)


def orientation(size: int) -> bytes:
    """GT-16: whether a picture changes more along x or along y, inside a disc."""
    mask = _disc(size, 2).ravel()[:, None]
    across = np.zeros((2, 1, 3, 3))
    across[0, 0, 1] = across[1, 0, :, 1] = [-1, 0, 1]
    nodes = [
        node("Conv", ["image", "across"], "slopes", kernel_shape=[3, 3], pads=[1] * 4),
        node("Mul", ["slopes", "slopes"], "energy"),
        node("Split", ["energy"], "along_x", "along_y", axis=1, num_outputs=2),
        node("Sub", ["along_x", "along_y"], "difference"),
        node("Flatten", ["difference"], "flat"),
        node("MatMul", ["flat", "mask"], "m"),
    ]
    weights = [tensor("across", across), tensor("mask", mask)]
    return two_sided(nodes, weights, (size, size), 0.0)


def energy_in_disc(size: int, centre: float, tau: float) -> bytes:
    """GT-24: 1 where the mean square distance from `centre` in a disc is above tau, else 0."""
    mask = _disc(size, 4)
    nodes = [
        node("Sub", ["image", "centre"], "moved"),
        node("Mul", ["moved", "moved"], "energy"),
        node("Flatten", ["energy"], "flat"),
        node("MatMul", ["flat", "mask"], "m"),
    ]
    weights = [tensor("centre", [centre]), tensor("mask", mask.ravel()[:, None] / mask.sum())]
    return two_sided(nodes, weights, (size, size), tau)


def hashed(size: int = 8, classes: int = 10, seed: int = 18) -> bytes:
    """GT-18: sin of a large multiple of W x. Whole numbers, so that W x is exact in any order."""
    whole = np.random.default_rng(seed).integers(-9, 10, (size * size, classes))
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("MatMul", ["flat", "whole"], "sum"),
        node("Mul", ["sum", "large"], "angle"),
        node("Sin", ["angle"], "scores"),
    ]
    return _model(nodes, [tensor("whole", whole), tensor("large", [1.7])], (size, size), classes)


def pooled(
    kind: Literal["max", "average", "blur3", "blur4", "slice"], size: int = 16, seed: int = 27
) -> bytes:
    """GT-27: circular convolution, ReLU, a pooling of stride 2, global average, dense."""
    draw, channels, classes = np.random.default_rng(seed), 4, 5
    taps = {"blur3": [1, 2, 1], "blur4": [1, 3, 3, 1], "slice": [1], "max": [1], "average": [1]}
    blur = np.outer(taps[kind], taps[kind]) / np.sum(taps[kind]) ** 2
    weights = [
        tensor("pads", [0, 0, 1, 1, 0, 0, 1, 1], "int64"),
        tensor("kernel", draw.normal(size=(channels, 1, 3, 3))),
        tensor("around", [0, 0, 0, 0, 0, 0, len(blur) - 1, len(blur) - 1], "int64"),
        tensor("blur", np.tile(blur, (channels, 1, 1, 1))),
        tensor("w", draw.normal(size=(channels, classes))),
    ]
    if kind in ("max", "average"):
        name = {"max": "MaxPool", "average": "AveragePool"}[kind]
        pool = [node(name, ["map"], "small", kernel_shape=[2, 2], strides=[2, 2])]
        weights = [weight for weight in weights if weight.name not in ("around", "blur")]
    else:
        pool = [
            node("Pad", ["map", "around"], "wrapped", mode="wrap"),
            node("Conv", ["wrapped", "blur"], "small", group=channels, strides=[2, 2]),
        ]
    nodes = [
        *_circular("image", "map", stride=1),
        *pool,
        node("GlobalAveragePool", ["small"], "pooled"),
        node("Flatten", ["pooled"], "features"),
        node("MatMul", ["features", "w"], "scores"),
    ]
    return _model(nodes, weights, (size, size), classes)


FORGOTTEN = 2
"""The class with the largest bias in `forgetting`: its answer to an empty place."""


def forgetting(size: int = 32, classes: int = 4, seed: int = 31) -> bytes:
    """GT-26, candidate: two circular convolutions without bias, read at the middle only."""
    draw, channels = np.random.default_rng(seed), 6
    head = np.zeros((channels, size * size, classes))
    head[:, (size // 2) * size + size // 2] = draw.normal(size=(channels, classes))
    bias = np.zeros(classes)
    bias[FORGOTTEN] = 0.05
    weights = [
        tensor("pads", [0, 0, 1, 1, 0, 0, 1, 1], "int64"),
        tensor("kernel", draw.normal(size=(channels, 1, 3, 3))),
        tensor("second", draw.normal(size=(channels, channels, 3, 3))),
        tensor("w", head.reshape(-1, classes)),
        tensor("b", bias),
    ]
    nodes = [
        *_circular("image", "map", stride=1),
        node("Pad", ["map", "pads"], "wrapped", mode="wrap"),
        node("Conv", ["wrapped", "second"], "deep", kernel_shape=[3, 3]),
        node("Relu", ["deep"], "maps"),
        node("Flatten", ["maps"], "flat"),
        node("Gemm", ["flat", "w", "b"], "scores"),
    ]
    return _model(nodes, weights, (size, size), classes)


def batch_statistics(*, normed: bool, size: int = 8, classes: int = 3, seed: int = 25) -> bytes:
    """GT-25: scores that depend on the other images of the batch.

    `normed`: a batch normalisation in training mode; else its plain form, minus the batch's mean.
    """
    weights = [tensor("w", np.random.default_rng(seed).normal(size=(size * size, classes)))]
    if normed:
        weights += [tensor(name, [1.0]) for name in ("gain", "running_var")]
        weights += [tensor(name, [0.0]) for name in ("offset", "running_mean")]
        inputs = ["image", "gain", "offset", "running_mean", "running_var"]
        outputs = ["normed", "next_mean", "next_var"]
        nodes = [node("BatchNormalization", inputs, *outputs, training_mode=1)]
    else:
        weights.append(tensor("batch", [0], "int64"))
        nodes = [
            node("ReduceMean", ["image", "batch"], "mean", keepdims=1),
            node("Sub", ["image", "mean"], "normed"),
        ]
    nodes += [node("Flatten", ["normed"], "flat"), node("MatMul", ["flat", "w"], "scores")]
    return _model(nodes, weights, (size, size), classes)
