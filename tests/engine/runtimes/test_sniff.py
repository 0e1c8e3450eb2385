"""The bytes decide what a model file is; no name is looked at, nothing is opened."""

import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import toys
from holdfast.errors import HoldfastError
from holdfast.records.model import ModelFormat
from holdfast.runtimes.sniff import sniff, sniff_file


def _zip(names: Sequence[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


SAFETENSORS = struct.pack("<Q", 2) + b"{}" + bytes(8)
ACCEPTED = {
    ModelFormat.onnx: toys.mean_pixel(),
    ModelFormat.safetensors: SAFETENSORS,
    ModelFormat.pt2: _zip(["m/archive_format", "m/models/model.json", "m/data.pkl"]),
    ModelFormat.torchscript: _zip(["m/code/a.py", "m/constants.pkl", "m/data.pkl"]),
    ModelFormat.onnx_bundle: _zip(["a.onnx", "a.onnx.data"]),
}
REFUSED = {
    "nothing": (b"", "empty_file"),
    "a bare pickle": (b"\x80\x04K\x01.", "pickle_refused"),
    "a legacy torch file": (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9", "pickle_refused"),
    "a torch zip": (_zip(["m/data.pkl", "m/data/0", "m/version"]), "pickle_refused"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(40), "unsupported_format"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(40), "unsupported_format"),
    "a zip of images": (_zip(["a.png", "b.png"]), "unsupported_format"),
    "an empty zip": (_zip([]), "unsupported_format"),
    "half a zip": (_zip(["a.onnx", "a.onnx.data"])[:60], "bad_zip"),
    "two models in a zip": (_zip(["a.onnx", "b.onnx"]), "unsupported_format"),
    "a header longer than the file": (struct.pack("<Q", 9999) + b"{}", "invalid_safetensors"),
    "torch.package": (
        _zip(["m/.data/extern_modules", "m/.data/version", "m/net.py", "m/data.pkl"]),
        "pickle_refused",
    ),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_the_format_is_told_from_the_bytes(kind: ModelFormat) -> None:
    assert sniff_file(io.BytesIO(ACCEPTED[kind])) is kind


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_model_is_refused(what: str) -> None:
    data, code = REFUSED[what]
    with pytest.raises(HoldfastError) as raised:
        sniff_file(io.BytesIO(data))
    assert raised.value.code == code


@pytest.mark.parametrize("name", ["model.onnx", "model.pkl", "model"])
def test_a_file_name_says_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(HoldfastError, match="pickle_refused"):
        sniff(path)
    path.write_bytes(ACCEPTED[ModelFormat.onnx])
    assert sniff(path) is ModelFormat.onnx


def test_a_torch_zip_with_an_architecture_may_be_a_state_dict() -> None:
    torch_zip = io.BytesIO(_zip(["m/data.pkl", "m/data/0", "m/version"]))
    assert sniff_file(torch_zip, has_architecture=True) is ModelFormat.state_dict


@pytest.mark.parametrize("what", [what for what in REFUSED if what != "a torch zip"])
def test_an_architecture_makes_nothing_else_a_model(what: str) -> None:
    data, code = REFUSED[what]
    with pytest.raises(HoldfastError) as raised:
        sniff_file(io.BytesIO(data), has_architecture=True)
    assert raised.value.code == code
