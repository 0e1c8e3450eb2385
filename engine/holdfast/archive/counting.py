"""How many images an archive seems to hold: from its directory alone, nothing is unpacked."""

import ast
import struct
import zipfile
from pathlib import Path

from holdfast.archive.members import IMAGE_SUFFIXES, image_members
from holdfast.archive.zipdir import open_zip
from holdfast.errors import HoldfastError

__all__ = ["count_images"]

_NPZ_MEMBER = "images.npy"
_NPY_MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 10_000


def count_images(path: Path) -> int | None:
    """The number of images in a zip or .npz file; None where it cannot be told.

    What is wrong with an archive is told by whoever opens it, not here.
    """
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            if _NPZ_MEMBER in archive.namelist():
                return _rows(archive)
            names = (member.orig_filename.lower() for member in image_members(archive))
            return sum(name.endswith(tuple(IMAGE_SUFFIXES)) for name in names)
    except (HoldfastError, OSError, zipfile.BadZipFile, RuntimeError):
        return None


def _rows(archive: zipfile.ZipFile) -> int | None:
    """The first axis of the array, from the header of its .npy file (format versions 1 to 3)."""
    with archive.open(_NPZ_MEMBER) as member:
        head = member.read(_MAX_HEADER_BYTES)
    if not head.startswith(_NPY_MAGIC):
        return None
    kind = "<H" if head[6:7] == b"\x01" else "<I"
    start = 8 + struct.calcsize(kind)
    try:
        (length,) = struct.unpack_from(kind, head, 8)
        told = ast.literal_eval(head[start : start + length].decode("utf-8"))
        rows = told["shape"][0]
    except (struct.error, ValueError, SyntaxError, KeyError, IndexError, TypeError):
        return None
    return rows if isinstance(rows, int) and rows >= 0 else None
