"""Open an untrusted zip by one reading only. Standard library only: the API uses it.

A zip may hold other zips, start with foreign bytes or end with them; parsers then differ on what
is inside. So: first bytes `PK`, the end record is the last thing in the file, the directory lies
where it says and is small enough before an object is made for every entry.
"""

import struct
import zipfile
from typing import BinaryIO

from holdfast.errors import HoldfastError

__all__ = ["MAX_MEMBERS", "open_zip"]

MAX_MEMBERS = 10_000
_MAX_DIRECTORY_BYTES = 8 << 20
_END_RECORD_BYTES = 22
_MAX_COMMENT_BYTES = 65535
_SET_IN_ZIP64 = 0xFFFFFFFF


def open_zip(file: BinaryIO, max_members: int = MAX_MEMBERS) -> zipfile.ZipFile:
    """Open `file` as a zip that has only one reading.

    Raises:
        HoldfastError: `not_a_zip`, `bad_zip`, `too_many_files` or `empty_archive`.
    """
    file.seek(0)
    if file.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise HoldfastError("not_a_zip")
    directory_offset = _check_end_record(file, max_members)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error):
        raise HoldfastError("bad_zip") from None
    if directory_offset not in (_SET_IN_ZIP64, archive.start_dir):
        raise HoldfastError("bad_zip")
    if len(archive.infolist()) > max_members:
        raise _too_many(len(archive.infolist()), max_members)
    return archive


def _check_end_record(file: BinaryIO, max_members: int) -> int:
    """Check the end record's figures; returns the offset at which the directory must start."""
    size = file.seek(0, 2)
    tail_bytes = min(size, _END_RECORD_BYTES + _MAX_COMMENT_BYTES)
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_RECORD_BYTES:
        raise HoldfastError("bad_zip")
    members, directory_bytes, offset, comment = struct.unpack(
        "<HIIH", tail[at + 10 : at + _END_RECORD_BYTES]
    )
    if at + _END_RECORD_BYTES + comment != len(tail):
        raise HoldfastError("bad_zip")
    if members == 0:
        raise HoldfastError("empty_archive")
    too_big = directory_bytes not in range(_MAX_DIRECTORY_BYTES) and (
        directory_bytes != _SET_IN_ZIP64
    )
    if too_big or (members != 0xFFFF and members > max_members):  # noqa: PLR2004 - zip64 marker
        raise _too_many(members, max_members)
    return int(offset)


def _too_many(n: int, limit: int) -> HoldfastError:
    return HoldfastError("too_many_files", n=n, limit=limit, setting="fixed in this release")
