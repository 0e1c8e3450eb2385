"""The members of an image archive: nothing is extracted, no member name is ever used as a path."""

import re
import stat
import unicodedata
import zipfile
import zlib
from typing import Final

from holdfast.errors import HoldfastError

__all__ = ["CLASSES_NAME", "LABELS_NAME", "image_members", "read_member"]

LABELS_NAME: Final = "labels.csv"
CLASSES_NAME: Final = "classes.txt"
IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})

_MAX_MEMBER_BYTES = 32 << 20
_MAX_TOTAL_BYTES = 2 << 30
_MAX_RATIO = 200
_RATIO_COUNTS_FROM_BYTES = 1 << 20
_MAX_NAME_BYTES = 512
_LOCAL_HEADER_BYTES = 30
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def image_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The images and the optional `labels.csv` and `classes.txt`, checked by the directory alone.

    Raises:
        HoldfastError: `bad_zip` (members overlap), `unsafe_name`, `special_file`,
            `duplicate_name`, `encrypted_zip`, `zip_method`, `unsupported_file`, `file_too_large`,
            `zip_bomb`, `archive_too_large` or `empty_archive`.
    """
    _check_overlap(archive.infolist())
    seen: set[str] = set()
    kept: list[zipfile.ZipInfo] = []
    for member in archive.infolist():
        name = member.orig_filename
        if name.endswith("/") or _JUNK.search(name):
            continue
        _check_kind(member)
        _check_name(name, seen)
        _check_size(member)
        kept.append(member)
    _check_places([member.orig_filename for member in kept])
    total = sum(member.file_size for member in kept)
    if total > _MAX_TOTAL_BYTES:
        raise HoldfastError(
            "archive_too_large", n=total, limit=_MAX_TOTAL_BYTES, setting="2 GiB unpacked"
        )
    if not any(_suffix(member.orig_filename) in IMAGE_SUFFIXES for member in kept):
        raise HoldfastError("empty_archive")
    return kept


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of one member, at most as many as its directory entry says.

    Raises:
        HoldfastError: `bad_zip_member`.
    """
    try:
        with archive.open(member) as stream:
            data = stream.read(member.file_size + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, zlib.error):
        raise HoldfastError("bad_zip_member", name=member.orig_filename) from None
    if len(data) != member.file_size:
        raise HoldfastError("bad_zip_member", name=member.orig_filename)
    return data


def _suffix(name: str) -> str:
    return "." + name.rsplit(".", 1)[-1].lower() if "." in name else ""


def _check_overlap(members: list[zipfile.ZipInfo]) -> None:
    """Two directory entries that share bytes would unpack the same data twice."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise HoldfastError("bad_zip")
        coding = "utf-8" if member.flag_bits & _UTF8_NAME else "cp437"
        name = member.orig_filename.encode(coding, "replace")
        end = member.header_offset + _LOCAL_HEADER_BYTES + len(name) + member.compress_size


def _check_kind(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise HoldfastError("special_file", name=name)
    if member.flag_bits & _ENCRYPTED:
        raise HoldfastError("encrypted_zip")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise HoldfastError("zip_method", name=name, n=member.compress_type)


def _check_name(name: str, seen: set[str]) -> None:
    unsafe = (
        _UNSAFE.search(name)
        or name.startswith("/")
        or ".." in name.split("/")
        or len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES
    )
    if unsafe:
        raise HoldfastError("unsafe_name", name=repr(name[:60]))
    key = unicodedata.normalize("NFC", name).casefold()
    if key in seen:
        raise HoldfastError("duplicate_name", name=name)
    seen.add(key)
    if _suffix(name) not in IMAGE_SUFFIXES and not _is_table(name):
        raise HoldfastError("unsupported_file", name=name)


def _is_table(name: str) -> bool:
    return name.rsplit("/", 1)[-1] in (LABELS_NAME, CLASSES_NAME)


def _check_places(names: list[str]) -> None:
    """Both tables lie beside everything else, or in the one folder that holds everything."""
    for name in filter(_is_table, names):
        folder = name[: name.rfind("/") + 1]
        if folder.count("/") > 1 or not all(other.startswith(folder) for other in names):
            raise HoldfastError("unsupported_file", name=name)


def _check_size(member: zipfile.ZipInfo) -> None:
    name, size = member.orig_filename, member.file_size
    if size > _MAX_MEMBER_BYTES:
        raise HoldfastError(
            "file_too_large", what=name, n=size, limit=_MAX_MEMBER_BYTES, setting="32 MiB per image"
        )
    ratio = size // max(1, member.compress_size)
    if size > _RATIO_COUNTS_FROM_BYTES and ratio > _MAX_RATIO:
        raise HoldfastError("zip_bomb", name=name, n=ratio, limit=_MAX_RATIO)
