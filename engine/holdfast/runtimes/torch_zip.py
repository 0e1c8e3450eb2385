"""The zip that PyTorch writes, checked by its directory alone. Standard library only."""

import io
import re
import zipfile

from holdfast.archive import open_zip, read_member
from holdfast.errors import HoldfastError

__all__ = ["MAX_BYTES", "check_members", "member_bytes", "open_torch_zip"]

MAX_BYTES = 4 << 30
_CUT = 60


def open_torch_zip(data: bytes) -> tuple[zipfile.ZipFile, str]:
    """Open the archive and name the one folder that everything lies in.

    Raises:
        HoldfastError: `bad_archive` for names that stand twice or lie in several folders,
            `too_large`, or what is wrong with the zip.
    """
    archive = open_zip(io.BytesIO(data))
    names = archive.namelist()
    if len(set(names)) != len(names):
        raise HoldfastError("bad_archive", reason="a member stands twice")
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1:
        raise HoldfastError("bad_archive", reason="its members lie in several folders")
    if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
        raise HoldfastError("too_large", what="The unpacked archive", limit=MAX_BYTES)
    return archive, roots.pop()


def check_members(archive: zipfile.ZipFile, known: re.Pattern[str], code: str) -> None:
    """Check that every member is stored as it is and has a known name below the root folder.

    Raises:
        HoldfastError: `bad_archive` for a compressed member, `code` for an unknown name.
    """
    for member in archive.infolist():
        name = member.filename.partition("/")[2]
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise HoldfastError("bad_archive", reason=f"{name[:_CUT]} is compressed")
        if not known.fullmatch(name):
            what = f"the member {name[:_CUT]}"
            raise HoldfastError(code, what=what, reason=f"it holds {what}")


def member_bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of one member.

    Raises:
        HoldfastError: `bad_archive` when it is not there, `bad_zip_member` when it is damaged.
    """
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise HoldfastError("bad_archive", reason=f"{name[-_CUT:]} is missing") from None
    return read_member(archive, member)
