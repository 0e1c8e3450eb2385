"""GT-23: one small net in five variants, each wrong by one cause, as a file and as plain NumPy.

The NumPy form is the oracle: float64, written from the science reference, section 5.2, without
anything of the engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from toys import model, node, tensor, value

__all__ = ["SIZE", "FourCauses", "telescoped"]

SIZE = 32
_CHANNELS, _CLASSES = 8, 10
Map = NDArray[np.float64]


@dataclass(frozen=True)
class FourCauses:
    """conv, relu, down, conv, relu, down, conv, relu, head; total stride 4."""

    padding: str = "wrap"
    head: str = "gap"
    blur: bool = False

    def weights(self) -> dict[str, Map]:
        """The same for all variants."""
        draw = np.random.default_rng(23)
        last = SIZE // 4
        return {
            "w1": draw.standard_normal((_CHANNELS, 1, 3, 3)) * 0.6,
            "w2": draw.standard_normal((_CHANNELS, _CHANNELS, 3, 3)) * 0.25,
            "w3": draw.standard_normal((_CHANNELS, _CHANNELS, 3, 3)) * 0.25,
            "gap": draw.standard_normal((_CHANNELS, _CLASSES)) * 3,
            "flat": draw.standard_normal((_CHANNELS * last * last, _CLASSES)) * 0.3,
        }

    def file(self) -> bytes:
        """The ONNX file."""
        weights = self.weights()
        taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
        stored = [tensor(name, weights[name]) for name in ("w1", "w2", "w3")]
        stored += [
            tensor("fc", weights[self.head]),
            tensor("ones", [0, 0, 1, 1, 0, 0, 1, 1], "int64"),
            tensor("around", [0, 0, 1, 1, 0, 0, 2, 2], "int64"),
            tensor("blur", np.tile(taps, (_CHANNELS, 1, 1, 1))),
            tensor("zero", [0, 0], "int64"),
            tensor("end", [4096, 4096], "int64"),
            tensor("sides", [2, 3], "int64"),
            tensor("two", [2, 2], "int64"),
        ]
        nodes: list[NodeProto] = []
        name = "image"
        for step in (1, 2, 3):
            nodes += self._convolved(name, step)
            nodes.append(node("Relu", [f"conv{step}"], f"relu{step}", name=f"relu{step}"))
            name = f"relu{step}"
            if step < 3:
                nodes += self._down(name, step)
                name = f"down{step}"
        nodes += self._scores(name)
        image = value("image", ["n", 1, SIZE, SIZE])
        used = {taken for each in nodes for taken in each.input}
        kept = [each for each in stored if each.name in used]
        return model(nodes, [image], [value("scores", ["n", _CLASSES])], kept)

    def _convolved(self, name: str, step: int) -> list[NodeProto]:
        weight, called = f"w{step}", {"name": f"conv{step}"}
        if self.padding == "zero":
            return [node("Conv", [name, weight], f"conv{step}", pads=[1] * 4, **called)]
        return [
            node("Pad", [name, "ones"], f"padded{step}", mode="wrap"),
            node("Conv", [f"padded{step}", weight], f"conv{step}", **called),
        ]

    def _down(self, name: str, step: int) -> list[NodeProto]:
        called = {"name": f"down{step}"}
        if not self.blur:
            inputs = [name, "zero", "end", "sides", "two"]
            return [node("Slice", inputs, f"down{step}", **called)]
        return [
            node("Pad", [name, "around"], f"wide{step}", mode="wrap"),
            node(
                "Conv",
                [f"wide{step}", "blur"],
                f"down{step}",
                group=_CHANNELS,
                strides=[2, 2],
                **called,
            ),
        ]

    def _scores(self, name: str) -> list[NodeProto]:
        if self.head == "flat":
            return [
                node("Flatten", [name], "row"),
                node("MatMul", ["row", "fc"], "scores", name="head"),
            ]
        return [
            node("GlobalAveragePool", [name], "pooled"),
            node("Flatten", ["pooled"], "row"),
            node("MatMul", ["row", "fc"], "scores", name="head"),
        ]

    def layers(self) -> list[tuple[str, Callable[[Map], Map], int]]:
        """(name, function, stride of what it gives); 0 where no position is left."""
        weights = self.weights()
        found: list[tuple[str, Callable[[Map], Map], int]] = []
        for step in (1, 2, 3):
            stride = 2 ** (step - 1)
            found.append((f"conv{step}", self._conv(weights[f"w{step}"]), stride))
            found.append((f"relu{step}", lambda z: np.maximum(z, 0), stride))
            if step < 3:
                down = _blurred if self.blur else _sliced
                found.append((f"down{step}", down, 2 * stride))
        if self.head == "flat":
            found.append(("head", lambda z: z.reshape(len(z), -1) @ weights["flat"], 0))
        else:
            found.append(("head", lambda z: z.mean((2, 3)) @ weights["gap"], 0))
        return found

    def _conv(self, kernel: Map) -> Callable[[Map], Map]:
        mode: Any = "wrap" if self.padding == "wrap" else "constant"

        def run(z: Map) -> Map:
            height, width = z.shape[2:]
            wide = np.pad(z, ((0, 0), (0, 0), (1, 1), (1, 1)), mode=mode)
            parts = [
                np.einsum(
                    "oc,nchw->nohw", kernel[:, :, i, j], wide[:, :, i:, j:][..., :height, :width]
                )
                for i in range(3)
                for j in range(3)
            ]
            return np.asarray(sum(parts))

        return run


def _sliced(z: Map) -> Map:
    return z[:, :, ::2, ::2]


def _blurred(z: Map) -> Map:
    taps = np.array([1, 3, 3, 1.0]) / 8
    height, width = z.shape[2:]
    wide = np.pad(z, ((0, 0), (0, 0), (1, 2), (1, 2)), mode="wrap")
    rows = sum(taps[i] * wide[:, :, i : i + height, :] for i in range(4))
    both = sum(taps[j] * np.asarray(rows)[:, :, :, j : j + width] for j in range(4))
    return np.asarray(both)[:, :, ::2, ::2]


def _shifted(z: Map, stride: int, shift_px: int) -> Map:
    """Roll a map by the shift over its stride, by Fourier phases where that is a fraction."""
    if stride == 0:
        return z
    if shift_px % stride == 0:
        return np.roll(z, (shift_px // stride,) * 2, (2, 3))
    step = shift_px / stride
    fy, fx = np.fft.fftfreq(z.shape[2])[:, None], np.fft.fftfreq(z.shape[3])[None]
    return np.asarray(np.fft.ifft2(np.fft.fft2(z) * np.exp(-2j * np.pi * (fy + fx) * step)).real)


def telescoped(net: FourCauses, images: Map, shift_px: int) -> dict[str, float]:
    """The relative error of every layer under a diagonal roll, logits centred, by its name."""
    layers = net.layers()
    maps, strides = [images], [1]
    for _, run, stride in layers:
        maps.append(run(maps[-1]))
        strides.append(stride)

    def scores(start: int, z: Map) -> Map:
        for _, run, _ in layers[start:]:
            z = run(z)
        return np.asarray(z - z.mean(axis=1, keepdims=True))

    steps = [
        scores(at, _shifted(z, stride, shift_px))
        for at, (z, stride) in enumerate(zip(maps, strides, strict=True))
    ]
    size = np.linalg.norm(steps[-1])
    return {
        name: float(np.linalg.norm(steps[at] - steps[at + 1]) / size)
        for at, (name, _, _) in enumerate(layers)
    }
