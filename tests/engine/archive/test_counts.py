"""How many images an archive seems to hold, from its directory and one header alone."""

import io
import zipfile

import numpy as np
import pytest

from holdfast.archive import count_images
from holdfast.errors import HoldfastError


def _zip(**members: bytes) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return out


def _npz(shape: tuple[int, ...], *, packed: bool = False, order: str = "C") -> io.BytesIO:
    out = io.BytesIO()
    images = np.zeros(shape, np.uint8, order=order)  # type: ignore[call-overload]
    (np.savez_compressed if packed else np.savez)(out, labels=np.zeros(3), images=images)
    return out


@pytest.mark.parametrize(
    ("file", "images"),
    [
        (_zip(a_png=b"1", b_JPG=b"2", labels_csv=b"x", classes_txt=b"y"), 2),
        (_npz((7, 4, 5, 3)), 7),
        (_npz((7, 4, 5, 3), order="F"), 7),
        (_npz((0, 4, 5, 3)), 0),
        (_npz((7,)), 7),
        (_npz((7, 4, 5, 3), packed=True), None),
        (_zip(images_npy=b""), None),
        (_zip(images_npy=b"{'shape': (7, 2)"), None),
        (_zip(images_npy=b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'shape': ()}"), None),
    ],
)
def test_the_images_are_counted_without_unpacking(file: io.BytesIO, images: int | None) -> None:
    assert count_images(file) == images


@pytest.mark.parametrize("value", [0, 0xFF])
def test_a_damaged_local_header_tells_nothing(value: int) -> None:
    data = bytearray(_npz((7, 4, 5, 3)).getvalue())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = archive.getinfo("images.npy").header_offset
    data[at + 26 : at + 30] = bytes([value]) * 4
    assert count_images(io.BytesIO(bytes(data))) is None


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(HoldfastError) as caught:
        count_images(io.BytesIO(b"no zip"))
    assert caught.value.code == "not_a_zip"
