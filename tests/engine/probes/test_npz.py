"""Probes in an .npz file: what is accepted, and hostile headers that must not hurt."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.probes.probe_set import ProbeSet, open_probes
from toy_probes import noise, npz

IMAGES = noise(4, 9, 11, 3)


def _read(data: bytes) -> ProbeSet:
    return open_probes(io.BytesIO(data))


def _npz(images: Any, labels: Any = None) -> bytes:
    file = io.BytesIO()
    arrays = {"images": images} | ({} if labels is None else {"labels": labels})
    np.savez(file, **arrays)
    return file.getvalue()


def _with_header(header: str, body: bytes, version: bytes = b"\x01\x00") -> bytes:
    """An archive whose images.npy has exactly this header."""
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY" + version + length + text + body)
    return file.getvalue()


def _refusal(data: bytes) -> str:
    with pytest.raises(HoldfastError) as raised:
        _read(data)
    return raised.value.code


@pytest.mark.parametrize("labels", [[3, 1, 0, 2], np.array([3, 1, 0, 2], ">i2")])
def test_images_and_labels_are_read(labels: Any) -> None:
    probes = _read(_npz(IMAGES, labels))
    assert probes.labels == (3, 1, 0, 2)
    assert probes.names == ("0", "1", "2", "3")
    for index in range(4):
        assert np.array_equal(np.asarray(probes.image(index, 3)), IMAGES[index])


@pytest.mark.parametrize("shape", [(4, 9, 11), (4, 9, 11, 1)])
def test_grey_images_may_come_with_or_without_a_channel(shape: tuple[int, ...]) -> None:
    images = noise(4, 9, 11)
    probes = _read(_npz(images.reshape(shape)))
    assert probes.labels == (-1, -1, -1, -1)
    assert np.array_equal(np.asarray(probes.image(2, 1)), images[2])
    assert np.array_equal(np.asarray(probes.image(2, 3))[..., 1], images[2])


def test_compressed_and_fortran_ordered_arrays_are_read() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, images=np.asfortranarray(IMAGES))
    assert np.array_equal(np.asarray(_read(file.getvalue()).image(1, 3)), IMAGES[1])


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(np.float32) / 255,
        IMAGES.astype(np.int16),
        IMAGES[0, 0],
        IMAGES[..., :2],
        IMAGES[:, :1],
        IMAGES[:0],
        np.zeros((1, 2, 20000), np.uint8),
        np.zeros((4, 9, 11), "V1"),
        np.zeros((4, 9, 11), "U1"),
    ],
    ids=["float", "int16", "one image", "two channels", "thin", "none", "wide", "void", "text"],
)
def test_images_of_another_kind_are_refused(images: Any) -> None:
    assert _refusal(_npz(images)) == "invalid_npz"


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 2],
        [0.0, 1.0, 2.0, 3.0],
        [0, 1, 2, -1],
        [[0, 1, 2, 3]],
        np.array([0, 1, 2, 2**63], np.uint64),
        np.array([0, 1, 2, 10**7]),
    ],
    ids=["too few", "float", "negative", "two axes", "over int64", "too many classes"],
)
def test_labels_that_do_not_fit_are_refused(labels: Any) -> None:
    assert _refusal(_npz(IMAGES, np.asarray(labels))) == "invalid_labels"


class _Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def test_a_pickle_in_an_array_of_objects_is_never_opened(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    payload = np.array([_Touch(mark)] * 4, dtype=object)
    control = np.load(io.BytesIO(_npz(payload)), allow_pickle=True)["images"]
    control[0].close()
    assert mark.exists()
    mark.unlink()
    assert _refusal(_npz(payload)) == "invalid_npz"
    assert _refusal(_npz(IMAGES, payload)) == "invalid_npz"
    assert not mark.exists()


SHAPE = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }"
HEADERS = {
    "more than there is": SHAPE % "(5, 9, 11, 3)",
    "4 TB": SHAPE % "(1048576, 2048, 2048)",
    "product over 64 bits": SHAPE % "(4294967296, 4294967296, 1)",
    "negative sides": SHAPE % "(-4, -9, 33)",
    "one negative side": SHAPE % "(-4, 9, 33)",
    "no shape": "{'descr': '|u1', 'fortran_order': False}",
    "another dtype": "{'descr': 'nonsense', 'fortran_order': False, 'shape': (4, 9, 33), }",
    "a dtype of objects": "{'descr': '|O', 'fortran_order': False, 'shape': (4, 9, 33), }",
    "a record dtype": "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (4, 9, 33), }",
    "a sub-array dtype": "{'descr': ('|u1', (3,)), 'fortran_order': False, 'shape': (4, 9, 11), }",
    "a dtype of no size": "{'descr': '|V0', 'fortran_order': False, 'shape': (4, 9, 33), }",
    "code": "__import__('os').abort()",
    "no dict": "[1, 2]",
    "a key that cannot be one": "{[]: 1}",
    "deep nesting": "-" * 5000 + "1",
    "deep brackets": "(" * 3000 + ")" * 3000,
    "a bool for a side": SHAPE % "(True, 9, 33)",
    "text": "hello",
}


@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x07"])
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_lies_is_refused(header: str, version: bytes) -> None:
    data = _with_header(HEADERS[header], bytes(4 * 9 * 33), version)
    assert _refusal(data) == "invalid_npz"


def test_a_size_that_is_only_announced_is_not_even_tried() -> None:
    with pytest.raises(HoldfastError, match="an array holds more than"):
        _read(_with_header(HEADERS["4 TB"], b""))


@pytest.mark.parametrize("damage", ["deflate", "checksum", "method", "magic", "empty"])
def test_a_damaged_member_is_refused(tmp_path: Path, damage: str) -> None:
    if damage == "deflate":
        file = io.BytesIO()
        np.savez_compressed(file, images=np.zeros((4, 64, 64), np.uint8))
        data = bytearray(file.getvalue())
        size = struct.unpack_from("<I", data, data.rfind(b"PK\x01\x02") + 20)[0]
        start = data.find(zlib.compress(b"")[2:2] + b"images.npy") + len("images.npy")
        data[start : start + size] = b"\xff" * size
    else:
        data = bytearray(npz(tmp_path / "a.npz", IMAGES).read_bytes())
        body = data.find(b"\x93NUMPY")
        if damage == "checksum":
            data[body + 200] ^= 1
        elif damage == "method":
            struct.pack_into("<H", data, data.rfind(b"PK\x01\x02") + 10, 99)
        elif damage == "magic":
            data[body] = 0
        else:
            data = bytearray(_with_header("", b""))
    assert _refusal(bytes(data)) == "invalid_npz"
