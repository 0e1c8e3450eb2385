"""Untrusted zip files, read one way only. Standard library only: the API uses it."""

from holdfast.archive.counting import count_images
from holdfast.archive.members import image_members, read_member
from holdfast.archive.zipdir import MAX_MEMBERS, open_zip

__all__ = ["MAX_MEMBERS", "count_images", "image_members", "open_zip", "read_member"]
