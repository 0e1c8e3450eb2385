"""A model and its side file in one zip: made one file, and nothing else is ever opened."""

import io
import zipfile
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto

import toys
from holdfast.errors import HoldfastError
from holdfast.records.model import ModelFormat
from holdfast.runtimes.onnx_model import open_onnx
from holdfast.runtimes.opening import describe_model, open_model

_SIDE = "model.onnx.data"


def _split(data: bytes) -> tuple[ModelProto, bytes]:
    """Move every initializer into a side file, as exporters do."""
    model, side = onnx.load_from_string(data), b""
    for tensor in model.graph.initializer:
        raw = onnx.numpy_helper.to_array(tensor).tobytes()
        for name in ("float_data", "int64_data", "raw_data"):
            tensor.ClearField(name)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", _SIDE), ("offset", len(side)), ("length", len(raw))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        side += raw
    return model, side


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _bundle(change: Callable[[ModelProto], None] = lambda _: None) -> bytes:
    model, side = _split(toys.linear())
    change(model)
    return _zip({"model.onnx": model.SerializeToString(), _SIDE: side})


def _entry(model: ModelProto, key: str, value: str) -> None:
    for entry in model.graph.initializer[0].external_data:
        if entry.key == key:
            entry.value = value


def test_a_bundle_gives_the_scores_of_the_single_file() -> None:
    card = describe_model(toys.linear(), "0" * 64)
    batch = np.random.default_rng(0).random(
        (2, card.channels, card.height_px or 8, card.width_px or 8), np.float32
    )
    alone = open_onnx(toys.linear(), "0" * 64, 1)(batch)
    bundled = open_model(_bundle(), "0" * 64)
    assert np.array_equal(bundled(batch), alone)
    assert bundled.card.format is ModelFormat.onnx_bundle
    assert bundled.card.size_bytes == len(_bundle())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("location", "../secret"),
        ("location", "/etc/passwd"),
        ("location", "model.onnx"),
        ("offset", "-4"),
        ("offset", "999999"),
        ("offset", "٤"),
        ("length", "4"),
    ],
)
def test_a_place_outside_the_side_file_is_refused(key: str, value: str) -> None:
    data = _bundle(lambda model: _entry(model, key, value))
    with pytest.raises(HoldfastError) as caught:
        describe_model(data, "0" * 64)
    assert caught.value.code == "external_data"


def test_a_single_file_with_its_weights_elsewhere_is_refused() -> None:
    model, _ = _split(toys.linear())
    with pytest.raises(HoldfastError) as caught:
        describe_model(model.SerializeToString(), "0" * 64)
    assert caught.value.code == "external_data"


def test_a_bundle_in_a_folder_is_refused() -> None:
    model, side = _split(toys.linear())
    data = _zip({"m/model.onnx": model.SerializeToString(), f"m/{_SIDE}": side})
    with pytest.raises(HoldfastError) as caught:
        describe_model(data, "0" * 64)
    assert caught.value.code == "bad_archive"
