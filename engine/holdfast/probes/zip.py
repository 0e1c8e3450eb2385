"""Probes in a zip: ImageFolder layout, or flat with an optional `labels.csv`.

Its columns are file, label and perhaps group. `classes.txt` names the classes, one per line, in the
order of the model's outputs.
"""

import zipfile
from dataclasses import dataclass

from PIL import Image

from holdfast.archive import image_members, read_member
from holdfast.errors import HoldfastError
from holdfast.probes.class_file import CLASSES_NAME, folder_labels, read_classes
from holdfast.probes.decode import decode
from holdfast.probes.label_file import LABELS_NAME, read_labels

__all__ = ["ZipProbes", "read_zip"]

UNLABELLED = -1


@dataclass(frozen=True)
class ZipProbes:
    """Images that stay in their archive until they are asked for."""

    archive: zipfile.ZipFile
    members: tuple[zipfile.ZipInfo, ...]
    names: tuple[str, ...]
    labels: tuple[int, ...]
    groups: tuple[str, ...]
    class_names: tuple[str, ...]

    def content(self, index: int) -> bytes:
        """The member's bytes; empty for a damaged one."""
        try:
            return read_member(self.archive, self.members[index])
        except HoldfastError:
            return b""

    def image(self, index: int, channels: int) -> Image.Image:
        """Decode image `index`; raises HoldfastError for one that cannot be used."""
        data = read_member(self.archive, self.members[index])
        return decode(data, self.names[index], channels)


def read_zip(archive: zipfile.ZipFile) -> ZipProbes:
    """Read names and labels; no image is decoded.

    A folder that holds everything is looked through. Folders below it are classes, numbered in the
    order of their names as torchvision's ImageFolder does, or in the order of `classes.txt`, unless
    a `labels.csv` says otherwise.

    Raises:
        HoldfastError: a structural fault, or `invalid_labels`.
    """
    members = sorted(image_members(archive), key=lambda member: member.orig_filename)
    names = _without_root([member.orig_filename for member in members])
    table = dict(zip(names, members, strict=True))
    label_member, class_member = table.pop(LABELS_NAME, None), table.pop(CLASSES_NAME, None)
    images = tuple(table)
    classes: tuple[str, ...] = ()
    if class_member is not None:
        classes = read_classes(read_member(archive, class_member))
    groups = ("",) * len(images)
    if label_member is not None:
        told = read_labels(read_member(archive, label_member), images)
        labels, groups = told.labels, told.groups
    elif all("/" in name for name in images):
        folders = [name.split("/", 1)[0] for name in images]
        classes = classes or tuple(sorted(set(folders)))
        labels = folder_labels(folders, classes)
    else:
        labels = (UNLABELLED,) * len(images)
    return ZipProbes(archive, tuple(table.values()), images, labels, groups, classes)


def _without_root(names: list[str]) -> list[str]:
    """Drop one folder around everything: zipping a folder often stores it."""
    roots = {name.split("/", 1)[0] if "/" in name else "" for name in names}
    if len(roots) != 1 or "" in roots:
        return names
    inner = [name.split("/", 1)[1] for name in names]
    is_root = any("/" in name for name in inner) or {LABELS_NAME, CLASSES_NAME} & set(inner)
    return inner if is_root else names
