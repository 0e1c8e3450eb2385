"""A folder is packed the same way everywhere, and gives the same probes as a zip of it."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed
from holdfast.probes.probe_set import content_digest, open_probes
from toy_probes import class_folders, flat, noise, unpack

IMAGES = noise(3, 9, 9, 3)


def _names_labels_digest(archive: Path) -> tuple[tuple[str, ...], tuple[int, ...], str]:
    with archive.open("rb") as file:
        probes = open_probes(file)
        return probes.names, probes.labels, content_digest(probes)


def _packed_sha256(folder: Path) -> str:
    with packed(folder) as archive:
        return hashlib.sha256(archive.read_bytes()).hexdigest()


@pytest.mark.parametrize("root", ["", "photos/"])
def test_a_packed_folder_gives_the_same_probes_as_its_zip(tmp_path: Path, root: str) -> None:
    made = class_folders(tmp_path / "a.zip", {"cat": IMAGES[:2], "dog": IMAGES[2:]}, root)
    with packed(unpack(made, tmp_path / "folder")) as archive:
        assert _names_labels_digest(archive) == _names_labels_digest(made)


@pytest.mark.parametrize("root", ["", "photos/"])
def test_a_packed_flat_folder_keeps_its_labels(tmp_path: Path, root: str) -> None:
    made = flat(tmp_path / "a.zip", IMAGES, [2, 0, 1], root)
    folder = unpack(made, tmp_path / "folder") / root
    with packed(folder) as archive:
        names, labels, digest = _names_labels_digest(archive)
    assert names == ("0000.png", "0001.png", "0002.png")
    assert labels == (2, 0, 1)
    assert digest == _names_labels_digest(made)[2]


def test_packing_twice_gives_the_same_bytes_whatever_the_times_and_modes(tmp_path: Path) -> None:
    made = class_folders(tmp_path / "a.zip", {"cat": IMAGES[:2], "dog": IMAGES[2:]})
    first = _packed_sha256(unpack(made, tmp_path / "one"))
    other = unpack(made, tmp_path / "two")
    for number, file in enumerate(sorted(other.rglob("*.png"), reverse=True)):
        os.utime(file, (number * 1e6 + 1e9,) * 2)
        file.chmod(0o600)
    assert _packed_sha256(other) == first


def test_members_are_sorted_whatever_order_the_disk_gives(tmp_path: Path) -> None:
    classes = {name: noise(9, 9, 9) for name in ("b", "c", "a")}
    folder = unpack(class_folders(tmp_path / "a.zip", classes), tmp_path / "folder")
    with packed(folder) as archive, zipfile.ZipFile(archive) as made:
        assert made.namelist() == sorted(made.namelist())
        assert {info.date_time for info in made.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in made.infolist()} == {zipfile.ZIP_STORED}


def test_a_file_is_passed_on_as_it_is_and_stays(tmp_path: Path) -> None:
    made = flat(tmp_path / "a.zip", IMAGES)
    with packed(made) as archive:
        assert archive == made
    assert made.exists()


def test_the_packed_zip_lives_only_in_its_block(tmp_path: Path) -> None:
    with packed(unpack(flat(tmp_path / "a.zip", IMAGES), tmp_path / "folder")) as archive:
        assert archive.exists()
    assert not archive.exists()


def test_hidden_files_and_other_files_are_left_out(tmp_path: Path) -> None:
    folder = unpack(flat(tmp_path / "a.zip", IMAGES), tmp_path / "folder")
    (folder / ".cache").mkdir()
    for name in (".cache/x.png", ".hidden.png", "notes.txt", "sub.csv"):
        (folder / name).write_bytes(b"x")
    with packed(folder) as archive:
        assert len(_names_labels_digest(archive)[0]) == 3


@pytest.mark.parametrize(
    ("name", "code"), [("nowhere", "file_not_found"), ("empty", "empty_archive")]
)
def test_what_holds_no_images_is_refused(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(HoldfastError) as raised, packed(tmp_path / name):
        pass
    assert raised.value.code == code
