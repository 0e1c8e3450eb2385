"""Which images, names and labels an archive holds."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed
from holdfast.probes.probe_set import ProbeSet, content_digest, named, open_probes
from toy_probes import class_folders, flat, noise, npz, png, unpack, zip_of

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


CLASSES = ("classes.txt", b"zebra\nant\ncat\n")


@pytest.mark.parametrize("root", ["", "photos/"])
def test_classes_txt_gives_the_order_of_the_folders(tmp_path: Path, root: str) -> None:
    folders = class_folders(tmp_path / "a.zip", {"ant": IMAGES[:1], "zebra": IMAGES[1:]}, root)
    with zipfile.ZipFile(folders, "a") as archive:
        archive.writestr(root + CLASSES[0], CLASSES[1])
    probes = _open(folders)
    assert probes.class_names == ("zebra", "ant", "cat")
    assert probes.labels == (1, 0, 0, 0)
    with packed(unpack(folders, tmp_path / "folder") / root) as made:
        again = _open(made)
    assert (again.class_names, again.labels) == (probes.class_names, probes.labels)


def test_classes_txt_names_the_classes_of_labels_csv(tmp_path: Path) -> None:
    table = ("labels.csv", b"file,label\n0.png,2\n")
    probes = _open(zip_of(tmp_path / "a.zip", [("0.png", png(IMAGES[0])), table, CLASSES]))
    assert probes.class_names == ("zebra", "ant", "cat")
    assert probes.labels == (2,)
    assert probes.names == ("0.png",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "classes.txt names 0 classes"),
        (b"\xff\xfe", "classes.txt is not text in UTF-8"),
        (b"ant\n\nzebra\n", "line 2 of classes.txt is empty"),
        (b"ant\n", "the folder 'zebra' is not in classes.txt"),
        (b"ant\nzebra\nzebra\n", "the folder 'zebra' is twice in classes.txt"),
    ],
)
def test_classes_that_cannot_be_used_say_why(tmp_path: Path, text: bytes, reason: str) -> None:
    members = [(f"{name}/0.png", png(IMAGES[0])) for name in ("ant", "zebra")]
    with pytest.raises(HoldfastError) as raised:
        _open(zip_of(tmp_path / "a.zip", [*members, ("classes.txt", text)]))
    assert raised.value.code == "invalid_labels"
    assert reason in raised.value.sentence


def test_classes_txt_inside_a_class_is_refused(tmp_path: Path) -> None:
    members = [("ant/0.png", png(IMAGES[0])), ("ant/classes.txt", b"x"), ("b/0.png", b"")]
    with pytest.raises(HoldfastError, match="unsupported_file"):
        _open(zip_of(tmp_path / "a.zip", members))


def test_the_names_of_the_model_stand_in_for_missing_ones(tmp_path: Path) -> None:
    plain = _open(flat(tmp_path / "a.zip", IMAGES, [0, 1, 2, 3]))
    given = named(plain, ("a", "b"))
    assert given.class_names == ("a", "b")
    assert (given.names, given.labels, given.groups) == (plain.names, plain.labels, plain.groups)
    assert content_digest(given) == content_digest(plain)
    folders = _open(class_folders(tmp_path / "b.zip", {"cat": IMAGES}))
    assert named(folders, ("a",)).class_names == ("cat",)


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
