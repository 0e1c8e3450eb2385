"""Which images, names and labels an archive holds."""

import io
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.probes.probe_set import ProbeSet, content_digest, open_probes
from toy_probes import class_folders, flat, noise, npz, png, zip_of

IMAGES = noise(4, 9, 11, 3)


def _open(path: Path) -> ProbeSet:
    return open_probes(io.BytesIO(path.read_bytes()))


def test_class_folders_are_numbered_by_name_as_image_folder_does(tmp_path: Path) -> None:
    classes = {"zebra": IMAGES[:1], "10": IMAGES[1:2], "9": IMAGES[2:3], "Ant": IMAGES[3:]}
    probes = _open(class_folders(tmp_path / "a.zip", classes))
    assert probes.class_names == ("10", "9", "Ant", "zebra")
    assert dict(zip(probes.names, probes.labels, strict=True)) == {
        "10/0000.png": 0,
        "9/0000.png": 1,
        "Ant/0000.png": 2,
        "zebra/0000.png": 3,
    }


def test_a_folder_around_everything_is_looked_through(tmp_path: Path) -> None:
    classes = {"cat": IMAGES[:2], "dog": IMAGES[2:]}
    plain = _open(class_folders(tmp_path / "a.zip", classes))
    rooted = _open(class_folders(tmp_path / "b.zip", classes, "my photos/"))
    assert rooted.names == plain.names
    assert rooted.labels == plain.labels
    assert rooted.class_names == plain.class_names == ("cat", "dog")
    assert content_digest(rooted) == content_digest(plain)


def test_one_class_folder_is_a_class_and_not_a_root(tmp_path: Path) -> None:
    probes = _open(class_folders(tmp_path / "a.zip", {"cat": IMAGES}))
    assert probes.class_names == ("cat",)
    assert probes.labels == (0, 0, 0, 0)


@pytest.mark.parametrize("root", ["", "photos/"])
def test_labels_csv_gives_the_labels_of_a_flat_archive(tmp_path: Path, root: str) -> None:
    probes = _open(flat(tmp_path / "a.zip", IMAGES, [7, 3, 0, 3], root))
    assert probes.names == ("0000.png", "0001.png", "0002.png", "0003.png")
    assert probes.labels == (7, 3, 0, 3)
    assert probes.class_names == ()


def test_labels_csv_outweighs_the_names_of_folders(tmp_path: Path) -> None:
    members = [("a/0.png", png(IMAGES[0])), ("b/0.png", png(IMAGES[1]))]
    table = ("labels.csv", b"file,label\nb/0.png,5\n")
    probes = _open(zip_of(tmp_path / "a.zip", [*members, table]))
    assert probes.labels == (-1, 5)


def test_a_flat_archive_without_labels_is_unlabelled(tmp_path: Path) -> None:
    assert _open(flat(tmp_path / "a.zip", IMAGES)).labels == (-1, -1, -1, -1)


def test_files_beside_folders_make_no_classes(tmp_path: Path) -> None:
    members = [("a/0.png", png(IMAGES[0])), ("0.png", png(IMAGES[1]))]
    assert _open(zip_of(tmp_path / "a.zip", members)).labels == (-1, -1)


def test_the_order_of_members_does_not_matter(tmp_path: Path) -> None:
    members = [(f"{number}.png", png(pixels)) for number, pixels in enumerate(IMAGES)]
    forward = _open(zip_of(tmp_path / "a.zip", members))
    packed = _open(zip_of(tmp_path / "b.zip", reversed(members), method=8))
    assert forward.names == packed.names
    assert content_digest(forward) == content_digest(packed)


def test_the_digest_tells_names_labels_and_pixels_apart(tmp_path: Path) -> None:
    sets = [
        flat(tmp_path / "0.zip", IMAGES, [0, 1, 2, 3]),
        flat(tmp_path / "1.zip", IMAGES, [0, 1, 2, 4]),
        flat(tmp_path / "2.zip", IMAGES[::-1], [0, 1, 2, 3]),
        flat(tmp_path / "3.zip", IMAGES[:3], [0, 1, 2]),
        class_folders(tmp_path / "4.zip", {"a": IMAGES}),
        npz(tmp_path / "5.npz", IMAGES, [0, 1, 2, 3]),
    ]
    assert len({content_digest(_open(path)) for path in sets}) == len(sets)


def test_images_of_both_kinds_come_as_the_model_needs_them(tmp_path: Path) -> None:
    probes = _open(flat(tmp_path / "a.zip", [IMAGES[0], IMAGES[0, :, :, 0]]))
    assert np.array_equal(np.asarray(probes.image(0, 3)), IMAGES[0])
    assert probes.image(0, 1).mode == "L"
    assert np.array_equal(np.asarray(probes.image(1, 3))[..., 2], IMAGES[0, :, :, 0])


def test_the_name_of_a_file_does_not_decide_what_it_is(tmp_path: Path) -> None:
    made = npz(tmp_path / "a.npz", IMAGES, [0, 1, 2, 3]).rename(tmp_path / "images.zip")
    assert _open(made).labels == (0, 1, 2, 3)
    text = tmp_path / "a.zip"
    text.write_text("not a zip")
    with pytest.raises(HoldfastError, match="not_a_zip"):
        _open(text)
