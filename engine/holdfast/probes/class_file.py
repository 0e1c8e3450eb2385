"""`classes.txt`: the names of the classes, one per line, in the order of the model's outputs."""

from collections import Counter
from collections.abc import Sequence

from holdfast.archive.members import CLASSES_NAME
from holdfast.errors import HoldfastError
from holdfast.probes.label_file import MAX_CLASSES

__all__ = ["CLASSES_NAME", "folder_labels", "read_classes"]

_MAX_BYTES = 32 << 20


def read_classes(data: bytes) -> tuple[str, ...]:
    """The names in their order, from UTF-8 text; empty lines at the end do not count.

    Raises:
        HoldfastError: `invalid_labels`.
    """
    if len(data) > _MAX_BYTES:
        raise _invalid(f"classes.txt has more than {_MAX_BYTES} bytes")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise _invalid("classes.txt is not text in UTF-8") from None
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    if not names or len(names) > MAX_CLASSES:
        raise _invalid(f"classes.txt names {len(names)} classes")
    if "" in names:
        raise _invalid(f"line {names.index('') + 1} of classes.txt is empty")
    return tuple(names)


def folder_labels(folders: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """The class index of each image from the folder that it lies in.

    Raises:
        HoldfastError: `invalid_labels` for a folder that is no class, or more than one.
    """
    counted = Counter(classes)
    places = {name: place for place, name in enumerate(classes)}
    for folder in dict.fromkeys(folders):
        if counted[folder] != 1:
            how = "twice" if counted[folder] else "not"
            raise _invalid(f"the folder {folder[:60]!r} is {how} in classes.txt")
    return tuple(places[folder] for folder in folders)


def _invalid(reason: str) -> HoldfastError:
    return HoldfastError("invalid_labels", reason=reason)
