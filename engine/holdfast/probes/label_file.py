"""`labels.csv`: which label belongs to which file."""

import csv
import io
from dataclasses import dataclass

from holdfast.archive.members import LABELS_NAME
from holdfast.errors import HoldfastError

__all__ = ["LABELS_NAME", "MAX_CLASSES", "LabelTable", "read_labels"]

_MAX_BYTES = 32 << 20
MAX_CLASSES = 1_000_000
_MAX_DIGITS = 12
_MAX_GROUP = 80
_HEADERS = (["file", "label"], ["file", "label", "group"])


@dataclass(frozen=True)
class LabelTable:
    """Labels and groups in the order of the images; -1 and an empty string where there is none."""

    labels: tuple[int, ...]
    groups: tuple[str, ...]


def read_labels(data: bytes, names: tuple[str, ...]) -> LabelTable:
    """Read which label, and which group if the table has them, belongs to each image.

    Args:
        data: CSV in UTF-8 with the header `file,label` or `file,label,group`; labels are class
            indices from 0, groups are any short text (a camera, a site).
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
    header = [cell.strip() for cell in rows[0]] if rows else []
    if header not in _HEADERS:
        raise _invalid("labels.csv does not start with the line file,label or file,label,group")
    known = dict.fromkeys(names, -1)
    groups = dict.fromkeys(names, "")
    for line, row in enumerate(rows[1:], start=2):
        if row:
            name, label, group = _row(row, line, len(header))
            if name not in known:
                raise _invalid(f"line {line} names {name!r}, which is not in the archive")
            if known[name] >= 0:
                raise _invalid(f"line {line} names {name!r} a second time")
            known[name], groups[name] = label, group
    return LabelTable(tuple(known.values()), tuple(groups.values()))


def _row(row: list[str], line: int, columns: int) -> tuple[str, int, str]:
    if len(row) != columns:
        raise _invalid(f"line {line} does not have {columns} columns")
    text = row[1].strip()
    whole = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not whole or int(text) >= MAX_CLASSES:
        raise _invalid(f"line {line}: {text[:40]!r} is not a class index from 0")
    group = row[2].strip()[:_MAX_GROUP] if columns > 2 else ""  # noqa: PLR2004 - file, label, group
    return row[0].strip(), int(text), group


def _invalid(reason: str) -> HoldfastError:
    return HoldfastError("invalid_labels", reason=reason)
