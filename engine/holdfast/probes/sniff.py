"""What an uploaded set of images is, from its directory alone. Standard library only."""

from typing import BinaryIO, Literal

from holdfast.archive import image_members, open_zip
from holdfast.errors import HoldfastError

__all__ = ["ArchiveKind", "check_archive"]

ArchiveKind = Literal["zip", "npz"]


def check_archive(file: BinaryIO) -> ArchiveKind:
    """Check the structure of an image archive before anything in it is opened.

    Returns:
        `npz` when the directory names an `images.npy`, else `zip`.

    Raises:
        HoldfastError: `empty_file`, `not_a_zip`, `bad_zip`, `unsupported_file`, `unsafe_name`, …
            (every structural fault refuses the whole archive).
    """
    if file.seek(0, 2) == 0:
        raise HoldfastError("empty_file", what="The image archive")
    with open_zip(file) as archive:
        if "images.npy" in archive.namelist():
            return "npz"
        image_members(archive)
    return "zip"
