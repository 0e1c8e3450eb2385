"""`labels.csv`: which label belongs to which file."""

import csv
import io

from holdfast.archive.members import LABELS_NAME
from holdfast.errors import HoldfastError

__all__ = ["LABELS_NAME", "MAX_CLASSES", "read_labels"]

_MAX_BYTES = 32 << 20
MAX_CLASSES = 1_000_000
_MAX_DIGITS = 12


def read_labels(data: bytes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Labels in the order of `names`, -1 for a file without one.

    Args:
        data: CSV in UTF-8 with the header `file,label`; labels are class indices from 0.
        names: the images of the set.

    Raises:
        HoldfastError: `invalid_labels`, naming the line.
    """
    if len(data) > _MAX_BYTES:
        raise _invalid(f"the file has more than {_MAX_BYTES} bytes")
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise _invalid("labels.csv is not a CSV file in UTF-8") from None
    if not rows or [cell.strip() for cell in rows[0]] != ["file", "label"]:
        raise _invalid("labels.csv does not start with the line file,label")
    known = dict.fromkeys(names, -1)
    for line, row in enumerate(rows[1:], start=2):
        if row:
            name, label = _row(row, line)
            if name not in known:
                raise _invalid(f"line {line} names {name!r}, which is not in the archive")
            if known[name] >= 0:
                raise _invalid(f"line {line} names {name!r} a second time")
            known[name] = label
    return tuple(known.values())


def _row(row: list[str], line: int) -> tuple[str, int]:
    if len(row) != 2:  # noqa: PLR2004 - file and label
        raise _invalid(f"line {line} does not have two columns")
    text = row[1].strip()
    whole = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not whole or int(text) >= MAX_CLASSES:
        raise _invalid(f"line {line}: {text[:40]!r} is not a class index from 0")
    return row[0].strip(), int(text)


def _invalid(reason: str) -> HoldfastError:
    return HoldfastError("invalid_labels", reason=reason)
