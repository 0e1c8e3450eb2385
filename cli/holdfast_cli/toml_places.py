"""Where each key of a TOML text stands: `tomllib` reads the values and forgets the lines.

Source: TOML 1.0.0. The text must be one that `tomllib` has read, so nothing is checked here; that
`tomllib` and this scanner see the same keys is what the tests compare.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Final, final

from holdfast_cli.tree import Spot

__all__ = ["spots_of"]

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_SCALAR: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}#\r\n]+",
    re.DOTALL,
)


def spots_of(text: str) -> Spot:
    """The line of every table, key and element of a list in `text`."""
    return _Scanner(text).document()


@final
class _Scanner:
    """One pass over a text; `_at` is where it is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._root: dict[str, Spot] = {}
        self._newest: dict[int, dict[str, Spot]] = {}
        """Of each `[[list of tables]]`, by the identity of its parts: the last table."""

    def document(self) -> Spot:
        here = self._root
        while self._skip() < len(self._text):
            if self._text.startswith("[", self._at):
                here = self._header()
            else:
                self._pair(here)
        return Spot(1, self._root)

    def _skip(self) -> int:
        """Pass white space and comments; answer where they end."""
        return self._take(_SPACE)[1]

    def _take(self, pattern: re.Pattern[str]) -> tuple[str, int]:
        found = pattern.match(self._text, self._at)
        if found is None:
            message = f"no TOML at {self._at}"
            raise ValueError(message)
        self._at = found.end()
        return found[0], self._at

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _header(self) -> dict[str, Spot]:
        """`[table]`, or `[[list of tables]]`; answer the parts of the table that begins."""
        line = self._line()
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        *above, last = self._keys()
        self._at += brackets
        if brackets == 1:
            return self._into(self._root, [*above, last], line)
        tables = self._below(self._into(self._root, above, line), last, line)
        made: dict[str, Spot] = {}
        tables[str(len(tables))] = Spot(line, made)
        self._newest[id(tables)] = made
        return made

    def _keys(self) -> list[str]:
        """The parts of a dotted key, and what is between it and the next token."""
        keys = []
        while True:
            self._skip()
            written, _ = self._take(_KEY)
            keys.append(tomllib.loads(f"x={written}")["x"] if written[0] in "\"'" else written)
            self._skip()
            if not self._text.startswith(".", self._at):
                return keys
            self._at += 1

    def _pair(self, here: dict[str, Spot]) -> None:
        """`key = value`."""
        self._skip()
        line = self._line()
        *above, last = self._keys()
        self._at += 1  # the equals sign
        inside = self._into(here, above, line)
        inside[last] = Spot(line, self._value())

    def _value(self) -> dict[str, Spot]:
        """Pass one value; answer its parts."""
        self._skip()
        opening = self._text[self._at]
        parts: dict[str, Spot] = {}
        if opening not in "[{":
            self._take(_SCALAR)
            return parts
        self._at += 1
        while self._text[self._skip()] not in "]}":
            if opening == "{":
                self._pair(parts)
            else:
                parts[str(len(parts))] = Spot(self._line(), self._value())
            if self._text[self._skip()] == ",":
                self._at += 1
        self._at += 1
        return parts

    def _into(self, here: dict[str, Spot], keys: Sequence[str], line: int) -> dict[str, Spot]:
        """The parts of the table that `keys` lead to; of a list of tables, of its last."""
        for key in keys:
            here = self._below(here, key, line)
            here = self._newest.get(id(here), here)
        return here

    @staticmethod
    def _below(here: dict[str, Spot], key: str, line: int) -> dict[str, Spot]:
        return here.setdefault(key, Spot(line)).inside
