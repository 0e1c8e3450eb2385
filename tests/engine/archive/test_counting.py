"""How many images an archive seems to hold, against whoever really opens it."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from holdfast.archive import count_images
from holdfast.probes.probe_set import open_probes
from toy_probes import class_folders, flat, noise, npz


def _opened(path: Path) -> int:
    with path.open("rb") as file:
        return len(open_probes(file).names)


@pytest.mark.parametrize("n", [1, 7])
def test_it_counts_what_will_be_opened(tmp_path: Path, n: int) -> None:
    images = noise(n, 8, 8)
    paths = (
        flat(tmp_path / "flat.zip", images, [0] * n),
        class_folders(tmp_path / "folders.zip", {"0": images, "1": images}),
        npz(tmp_path / "some.npz", images),
    )
    assert [count_images(path) for path in paths] == [n, 2 * n, n]
    assert [count_images(path) for path in paths] == [_opened(path) for path in paths]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_an_array_file_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    array = io.BytesIO()
    np.lib.format.write_array(array, noise(5, 4, 4), version=version)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", array.getvalue())
    assert count_images(tmp_path / "a.npz") == 5


@pytest.mark.parametrize(
    "head",
    [b"", b"no array", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x01\x00\x04\x00{}\n\n"],
)
def test_what_cannot_be_told_is_none(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "text").write_bytes(b"hello")
    assert count_images(tmp_path / "text") is None
    assert count_images(tmp_path / "not there") is None
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", head)
    assert count_images(tmp_path / "a.npz") is None
