"""Names of the classes from the metadata of a model file: text of strangers, never evaluated."""

import ast
import json
from collections.abc import Iterable, Mapping

__all__ = ["from_metadata", "tidy"]

_KEYS = ("names", "class_names", "classes", "labels", "id2label")
_MAX_TEXT = 1 << 20
_MAX_NAMES = 100_000
_CUT = 80


def from_metadata(metadata: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Names in the order of the scores, empty when the file tells none that can be read.

    Read are the keys `names`, `class_names`, `classes`, `labels` and `id2label`, whose value is a
    list, or a table from index to name, as JSON or as Python writes them, or one name per line.
    """
    told = {key.lower(): text for key, text in metadata}
    for key in _KEYS:
        text = told.get(key, "")
        if 0 < len(text) <= _MAX_TEXT and (names := _read(text)):
            return tidy(names)
    return ()


def tidy(names: Iterable[str]) -> tuple[str, ...]:
    """Names that are cut to what is shown."""
    return tuple(name.strip()[:_CUT] for name in names)


def _read(text: str) -> list[str]:
    for parse in (json.loads, ast.literal_eval):
        try:
            return _listed(parse(text))
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    lines = [line for line in text.splitlines() if line.strip()]
    return lines if 1 < len(lines) <= _MAX_NAMES else []


def _listed(value: object) -> list[str]:
    """A list of texts, or a table whose keys are 0, 1, 2 and so on."""
    if isinstance(value, Mapping):
        table = {int(key): name for key, name in value.items()}
        value = [table[index] for index in range(len(table)) if index in table]
        if len(value) != len(table):
            return []
    if not isinstance(value, list) or len(value) > _MAX_NAMES:
        return []
    names = [name for name in value if isinstance(name, str)]
    return names if len(names) == len(value) else []
