"""How many images an archive seems to hold, without unpacking anything. Standard library only."""

import re
import struct
import zipfile
from typing import BinaryIO, Final

from holdfast.archive.members import IMAGE_SUFFIXES, image_members, suffix_of
from holdfast.archive.zipdir import open_zip

__all__ = ["count_images"]

_ARRAY: Final = "images.npy"
_LOCAL_HEADER: Final = struct.Struct("<26xHH")
_NPY_MAGIC: Final = b"\x93NUMPY"
_HEADER_BYTES: Final = 512
_SHAPE: Final = re.compile(rb"'shape': ?\((\d{1,10}),")


def count_images(file: BinaryIO) -> int | None:
    """The images that the directory of a checked archive names, or that an array's header tells.

    Returns:
        None where only unpacking would tell: a compressed `images.npy`, or a strange header.

    Raises:
        HoldfastError: what is wrong with the archive; see `check_archive`.
    """
    with open_zip(file) as archive:
        if _ARRAY in archive.namelist():
            return _first_side(file, archive.getinfo(_ARRAY))
        return sum(suffix_of(one.orig_filename) in IMAGE_SUFFIXES for one in image_members(archive))


def _first_side(file: BinaryIO, member: zipfile.ZipInfo) -> int | None:
    """The first side of a stored array: NumPy format 1.0, whose header begins the file.

    Source: numpy.lib.format, "Format Version 1.0".
    """
    if member.compress_type != zipfile.ZIP_STORED:
        return None
    file.seek(member.header_offset)
    local = file.read(_LOCAL_HEADER.size)
    if len(local) < _LOCAL_HEADER.size:
        return None
    name_bytes, extra_bytes = _LOCAL_HEADER.unpack(local)
    file.seek(name_bytes + extra_bytes, 1)
    head = file.read(min(_HEADER_BYTES, member.file_size))
    found = _SHAPE.search(head) if head.startswith(_NPY_MAGIC) else None
    return None if found is None else int(found[1])
