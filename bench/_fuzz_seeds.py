"""The good files that the intake's fuzzing starts from: small, made here, the same in every run."""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn

__all__ = ["SIDE_PX", "Seed", "all_seeds", "good_model", "good_probes"]

SIDE_PX = 16
_CLASSES = 4
_FLOAT = TensorProto.FLOAT


@dataclass(frozen=True)
class Seed:
    """One good file: `kind` chooses the mutations, `is_model` what it is sent as."""

    name: str
    kind: str
    data: bytes
    is_model: bool = True
    architecture: str | None = None


def all_seeds(marker: Path) -> list[Seed]:
    """Every file; some carry a harmless payload that would create `marker` if it ran."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*_onnx(), *_pt2(marker), *_torchscript(marker), *_weights(marker), *_images()]


def good_model() -> bytes:
    """The classifier that mutated archives of images are audited with."""
    return _conv_net()


def good_probes() -> bytes:
    """The images that mutated models are audited on."""
    return _zip_of_images()


# --- ONNX


def _array(name: str, value: Any) -> TensorProto:  # noqa: ANN401 - whatever numpy takes
    return numpy_helper.from_array(np.asarray(value), name)


def _weights_of(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _model(
    nodes: list[Any],
    stored: list[TensorProto],
    *,
    batch: object = "n",
    dtype: int = _FLOAT,
    functions: tuple[Any, ...] = (),
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", dtype, [batch, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("y", _FLOAT, [batch, _CLASSES])],
        stored,
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid("own", 1)] if functions else [])]
    made = helper.make_model(
        graph, opset_imports=opsets, ir_version=8, functions=list(functions), producer_name="fuzz"
    )
    onnx.helper.set_model_props(made, {"names": "{0: 'a', 1: 'b', 2: 'c', 3: 'd'}"})
    return bytes(made.SerializeToString())


def _tail(source: str) -> list[Any]:
    return [
        helper.make_node("GlobalAveragePool", [source], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["y"], transB=1),
    ]


_DENSE = [_array("w", _weights_of(_CLASSES, 3)), _array("b", np.zeros(_CLASSES, np.float32))]


def _conv_net() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        *_tail("r"),
    ]
    return _model(nodes, [_array("k", _weights_of(3, 3, 3, 3)), *_DENSE])


def _byte_net() -> bytes:
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=_FLOAT), *_tail("f")]
    return _model(nodes, _DENSE, batch=1, dtype=TensorProto.UINT8)


def _branching_net() -> bytes:
    """A loop of three turns, a branch and a function of its own."""
    number, truth = TensorProto.INT64, TensorProto.BOOL
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["c_out"]),
            helper.make_node("Relu", ["v"], ["v_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", number, []),
            helper.make_tensor_value_info("c", truth, []),
            helper.make_tensor_value_info("v", _FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("c_out", truth, []),
            helper.make_tensor_value_info("v_out", _FLOAT, None),
        ],
    )
    branches = [
        helper.make_graph(
            [helper.make_node(kind, ["looped"], [kind])],
            kind,
            [],
            [helper.make_tensor_value_info(kind, _FLOAT, None)],
        )
        for kind in ("Abs", "Neg")
    ]
    function = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["z"],
        [helper.make_node("Add", ["a", "a"], ["z"])],
        [helper.make_opsetid("", 17)],
    )
    nodes = [
        helper.make_node("Loop", ["turns", "", "x"], ["looped"], body=body),
        helper.make_node(
            "If", ["which"], ["branched"], then_branch=branches[0], else_branch=branches[1]
        ),
        helper.make_node("Twice", ["branched"], ["doubled"], domain="own"),
        *_tail("doubled"),
    ]
    stored = [_array("turns", 3), _array("which", True), *_DENSE]  # noqa: FBT003 - a tensor's value
    return _model(nodes, stored, functions=(function,))


def _quantised_net() -> bytes:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("Resize", ["d", "", "scales"], ["up"], mode="linear"),
        helper.make_node("MaxPool", ["up"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        *_tail("m"),
    ]
    stored = [
        _array("scale", np.float32(0.01)),
        _array("zero", np.uint8(0)),
        _array("scales", np.asarray([1, 1, 2, 2], np.float32)),
        *_DENSE,
    ]
    return _model(nodes, stored)


def _bundle() -> bytes:
    made = onnx.load_from_string(_conv_net())
    side = io.BytesIO()
    for tensor in made.graph.initializer:
        start, raw = side.tell(), tensor.raw_data
        side.write(raw)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        places = {"location": "m.onnx.data", "offset": str(start), "length": str(len(raw))}
        for key, value in places.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    return _zip({"m.onnx": bytes(made.SerializeToString()), "m.onnx.data": side.getvalue()})


def _onnx() -> list[Seed]:
    nets: dict[str, Callable[[], bytes]] = {
        "conv": _conv_net,
        "byte": _byte_net,
        "branching": _branching_net,
        "quantised": _quantised_net,
    }
    return [
        *(Seed(f"onnx_{name}", "onnx", make()) for name, make in nets.items()),
        Seed("onnx_bundle", "bundle", _bundle()),
    ]


# --- PyTorch


class _Attention(nn.Module):
    """Patches and one encoder layer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.dense = nn.Linear(8, _CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1)
        scores: torch.Tensor = self.dense(found)
        return scores


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, _CLASSES),
    ).eval()


class _Payload:
    """A pickle of this creates the marker when it is read without care."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.marker), "w")


def _saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def _exported(net: nn.Module) -> bytes:
    file = io.BytesIO()
    free = torch.export.Dim("n", min=1, max=64)
    example = (torch.rand(2, 3, SIDE_PX, SIDE_PX),)
    program = torch.export.export(net, example, dynamic_shapes=({0: free},))
    torch.export.save(program, file)
    return file.getvalue()


def _pt2(marker: Path) -> list[Seed]:
    with zipfile.ZipFile(io.BytesIO(_exported(_cnn()))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    loaded = {
        name: _saved(_Payload(marker)) if name.endswith("sample_inputs/model.pt") else data
        for name, data in members.items()
    }
    return [
        Seed("pt2_cnn", "torch_zip", _zip(loaded)),
        Seed("pt2_attention", "torch_zip", _exported(_Attention().eval())),
    ]


def _torchscript(marker: Path) -> list[Seed]:
    traced = torch.jit.trace(_cnn(), torch.rand(1, 3, SIDE_PX, SIDE_PX))  # type: ignore[no-untyped-call]
    made = []
    for name, module in (("traced", traced), ("scripted", torch.jit.script(_cnn()))):
        file = io.BytesIO()
        torch.jit.save(module, file)  # type: ignore[no-untyped-call]
        made.append(Seed(f"torchscript_{name}", "torch_zip", file.getvalue()))
    file = io.BytesIO()
    writer = _Writer()
    writer.define(f'def forward(self, x):\n  torch.save(x, "{marker}")\n  return x.mean([2, 3])\n')
    torch.jit.save(writer, file)  # type: ignore[no-untyped-call]
    return [*made, Seed("torchscript_writer", "torch_zip", file.getvalue())]


class _Writer(torch.jit.ScriptModule):
    """Writes a file when it runs, if it may."""


def _weights(marker: Path) -> list[Seed]:
    tensors = {name: value.detach() for name, value in _cnn().state_dict().items()}
    named = "timm/resnet18"
    return [
        Seed("safetensors", "safetensors", _safetensors(tensors), architecture=named),
        Seed("state_dict", "torch_zip", _saved(tensors), architecture=named),
        Seed(
            "state_dict_payload", "torch_zip", _saved({"w": _Payload(marker)}), architecture=named
        ),
    ]


def _safetensors(tensors: dict[str, torch.Tensor]) -> bytes:
    header, body = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        dtype = "I64" if tensor.dtype == torch.int64 else "F32"
        place = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": place}
        body += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


# --- images


def _pictures(n: int) -> list[Image.Image]:
    pixels = np.random.default_rng(1).integers(0, 256, (n, SIDE_PX, SIDE_PX, 3), np.uint8)
    return [Image.fromarray(one) for one in pixels]


def _encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return file.getvalue()


def _zip_of_images(method: int = zipfile.ZIP_STORED) -> bytes:
    kinds = ("PNG", "JPEG", "BMP", "WEBP", "PNG", "JPEG")
    members = {
        f"{number}.{kind.lower()}": _encoded(image, kind)
        for number, (image, kind) in enumerate(zip(_pictures(6), kinds, strict=True))
    }
    lines = ["file,label,group"] + [f"{name},{n % _CLASSES},g" for n, name in enumerate(members)]
    members["labels.csv"] = "\n".join(lines).encode()
    members["classes.txt"] = b"a\nb\nc\nd\n"
    return _zip(members, method)


def _images() -> list[Seed]:
    folders = {
        f"set/{'ab'[number % 2]}/{number}.png": _encoded(image, "PNG")
        for number, image in enumerate(_pictures(6))
    }
    arrays = io.BytesIO()
    images = np.stack([np.asarray(image) for image in _pictures(6)])
    np.savez(arrays, images=images, labels=np.arange(6) % _CLASSES)
    return [
        Seed("zip_stored", "zip", _zip_of_images(), is_model=False),
        Seed("zip_deflated", "zip", _zip_of_images(zipfile.ZIP_DEFLATED), is_model=False),
        Seed("zip_folders", "zip", _zip(folders), is_model=False),
        Seed("npz", "npz", arrays.getvalue(), is_model=False),
    ]
