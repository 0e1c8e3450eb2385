"""Every structural fault refuses the whole archive, by its directory alone."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.archive import image_members, open_zip, read_member
from holdfast.errors import HoldfastError
from holdfast.probes.sniff import check_archive
from toy_probes import noise, npz, png

PNG = png(noise(1, 8, 8)[0])
Member = tuple[str | zipfile.ZipInfo, bytes]


def _zip(*members: Member, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def _patched(data: bytes, local: int, central: int, form: str, *values: int) -> bytes:
    """Write into the first local header and into the last directory entry."""
    changed = bytearray(data)
    struct.pack_into(form, changed, local, *values)
    struct.pack_into(form, changed, data.rfind(b"PK\x01\x02") + central, *values)
    return bytes(changed)


def _of_kind(mode: int) -> bytes:
    info = zipfile.ZipInfo("a.png")
    info.external_attr = mode << 16
    return _zip((info, b"/etc/passwd"))


def _renamed(name: bytes) -> bytes:
    """A member whose stored name is `name`, which zipfile itself would not write."""
    return _zip(("x" * len(name), PNG)).replace(b"x" * len(name), name)


def _shared_member() -> bytes:
    data = _zip(("a.png", bytes(1000)), ("b.png", PNG))
    first, second = data.find(b"PK\x01\x02"), data.rfind(b"PK\x01\x02")
    changed = bytearray(data)
    changed[second + 42 : second + 46] = changed[first + 42 : first + 46]
    return bytes(changed)


def _empty_zip() -> bytes:
    return _zip()


FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a path that climbs": (lambda: _zip(("../a.png", PNG)), "unsafe_name"),
    "a path that climbs inside": (lambda: _zip(("a/../../b.png", PNG)), "unsafe_name"),
    "an absolute path": (lambda: _zip(("/a.png", PNG)), "unsafe_name"),
    "a backslash": (lambda: _zip(("a\\b.png", PNG)), "unsafe_name"),
    "a drive letter": (lambda: _zip(("c:a.png", PNG)), "unsafe_name"),
    "a NUL in a name": (lambda: _renamed(b"a.png\0b.sh"), "unsafe_name"),
    "a NUL at the start of a name": (lambda: _renamed(b"\0a.png"), "unsafe_name"),
    "a folder before a NUL": (lambda: _renamed(b"a/\0b.png"), "unsafe_name"),
    "a new line in a name": (lambda: _zip(("a\nb.png", PNG)), "unsafe_name"),
    "a text that runs right to left": (lambda: _zip(("a\u202egnp.exe.png", PNG)), "unsafe_name"),
    "a very long name": (lambda: _zip((f"{'a' * 600}.png", PNG)), "unsafe_name"),
    "a symbolic link": (lambda: _of_kind(stat.S_IFLNK | 0o777), "special_file"),
    "a pipe": (lambda: _of_kind(stat.S_IFIFO | 0o666), "special_file"),
    "a device": (lambda: _of_kind(stat.S_IFCHR | 0o666), "special_file"),
    "one name in two spellings": (
        lambda: _zip(("caf\u00e9.png", PNG), ("CAFE\u0301.png", PNG)),
        "duplicate_name",
    ),
    "two entries that share bytes": (_shared_member, "bad_zip"),
    "1 : 1000": (
        lambda: _zip(("a.png", bytes(16 << 20)), method=zipfile.ZIP_DEFLATED),
        "zip_bomb",
    ),
    "one large image": (lambda: _zip(("a.png", bytes(33 << 20))), "file_too_large"),
    "a password": (lambda: _patched(_zip(("a.png", PNG)), 6, 8, "<H", 1), "encrypted_zip"),
    "another compression": (lambda: _patched(_zip(("a.png", PNG)), 8, 10, "<H", 99), "zip_method"),
    "bzip2": (lambda: _zip(("a.png", PNG), method=zipfile.ZIP_BZIP2), "zip_method"),
    "half of it": (lambda: _zip(("a.png", PNG))[:60], "bad_zip"),
    "all but the last byte": (lambda: _zip(("a.png", PNG))[:-1], "bad_zip"),
    "something after its end": (lambda: _zip(("a.png", PNG)) + b"\n", "bad_zip"),
    "an image before its start": (lambda: PNG + _zip(("a.png", PNG)), "not_a_zip"),
    "a zip before its start": (lambda: _zip(("a.png", PNG)) * 2, "bad_zip"),
    "another format": (lambda: b"\x1f\x8b" + bytes(100), "not_a_zip"),
    "nothing in it": (_empty_zip, "empty_archive"),
    "only a folder in it": (lambda: _zip(("folder/", b"")), "empty_archive"),
    "only labels in it": (lambda: _zip(("labels.csv", b"file,label\n")), "empty_archive"),
    "no bytes at all": (bytes, "empty_file"),
    "a zip in it": (lambda: _zip(("a.png", PNG), ("b.zip", _zip())), "unsupported_file"),
    "a text in it": (lambda: _zip(("a.png", PNG), ("read.me", b"x")), "unsupported_file"),
    "labels deep inside": (
        lambda: _zip(("a/b/a.png", PNG), ("a/b/labels.csv", b"")),
        "unsupported_file",
    ),
    "labels for one folder of two": (
        lambda: _zip(("a/a.png", PNG), ("a/labels.csv", b""), ("b/a.png", PNG)),
        "unsupported_file",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_archive_is_refused_for(fault: str) -> None:
    make, code = FAULTS[fault]
    with pytest.raises(HoldfastError) as raised:
        check_archive(io.BytesIO(make()))
    assert raised.value.code == code


def test_too_many_members_are_refused_before_an_object_is_made_for_each() -> None:
    data = _zip(*((f"{number}.png", b"") for number in range(11)))
    with pytest.raises(HoldfastError) as raised:
        open_zip(io.BytesIO(data), max_members=10)
    assert raised.value.code == "too_many_files"
    assert len(open_zip(io.BytesIO(data), max_members=11).namelist()) == 11


def test_they_are_refused_by_the_end_record_alone() -> None:
    data = bytearray(_zip(*((f"{number}.png", b"") for number in range(11))))
    data[data.find(b"PK\x01\x02")] = 0  # the directory cannot even be read
    with pytest.raises(HoldfastError) as raised:
        open_zip(io.BytesIO(data), max_members=10)
    assert raised.value.code == "too_many_files"


def test_an_end_record_that_lies_about_the_number_of_members_does_not_help() -> None:
    data = bytearray(_zip(*((f"{number}.png", b"") for number in range(11))))
    struct.pack_into("<HH", data, data.rfind(b"PK\x05\x06") + 8, 3, 3)
    with pytest.raises(HoldfastError) as raised:
        open_zip(io.BytesIO(data), max_members=10)
    assert raised.value.code == "too_many_files"


def test_litter_of_desktops_is_passed_over() -> None:
    litter = ["__MACOSX/._a.png", ".DS_Store", "cat/.DS_Store", "Thumbs.db", "cat/._a.png"]
    data = _zip(("cat/a.png", PNG), *((name, b"x") for name in litter), ("cat/", b""))
    with open_zip(io.BytesIO(data)) as archive:
        assert [member.filename for member in image_members(archive)] == ["cat/a.png"]


def test_a_zip_with_a_comment_of_its_own_is_accepted() -> None:
    file = io.BytesIO(_zip(("a.png", PNG)))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"made by a friend"
    assert check_archive(file) == "zip"


def test_an_npz_file_is_told_from_a_zip_of_images(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", noise(2, 8, 8))
    with path.open("rb") as file:
        assert check_archive(file) == "npz"
    assert check_archive(io.BytesIO(_zip(("images.png", PNG)))) == "zip"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(PNG, PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:]),
        lambda data: _patched(data, 22, 24, "<I", 10),
        lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x05", 1),
        lambda data: _patched(data, 8, 10, "<H", 8).replace(PNG, b"\xff" * len(PNG)),
    ],
    ids=["wrong checksum", "lying size", "no local header", "nonsense deflated"],
)
def test_a_damaged_member_is_an_error_of_that_member(damage: Callable[[bytes], bytes]) -> None:
    data = damage(_zip(("a.png", PNG)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive, pytest.raises(HoldfastError) as raised:
        read_member(archive, archive.infolist()[0])
    assert raised.value.code == "bad_zip_member"


def test_a_member_never_gives_more_bytes_than_the_directory_says() -> None:
    data = _patched(_zip(("a.png", bytes(1 << 20)), method=8), 22, 24, "<I", 10)
    with zipfile.ZipFile(io.BytesIO(data)) as archive, pytest.raises(HoldfastError):
        read_member(archive, archive.infolist()[0])
