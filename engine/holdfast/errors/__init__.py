"""Every error that a user can meet: a stable code, a sentence in plain words, a hint what to do.

HoldfastError
 `- code -> ERRORS[code]: kind (usage | refused | broken), sentence, hint

The exit code of the command line and the HTTP status of the service come from one table each, at
the edge. Texts of libraries are never forwarded; what fills a `{}` is cut and cleaned first.
"""

import re
import unicodedata

from holdfast.errors.texts import ERRORS, ErrorText, Kind

__all__ = ["ERRORS", "ErrorText", "HoldfastError", "Kind", "clean"]

_CUT = 80
_CUT_LONG = 240
_LONG = ("reason", "known")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: object, cut: int = _CUT) -> str:
    """Make foreign text fit for a message: one line, no control or direction characters, cut."""
    flat = _UNSAFE.sub("", unicodedata.normalize("NFC", str(text)[: 4 * cut]))
    return flat if len(flat) <= cut else flat[: cut - 1] + "…"


class _Blank(dict[str, str]):
    """A missing field must never turn an error into another error."""

    def __missing__(self, key: str) -> str:
        return "?"


class HoldfastError(Exception):
    """An error that a user can act on.

    Attributes:
        code: stable key of `ERRORS`.
        kind: who has to act.
        sentence: what happened, in our words.
        hint: what to do.
        fields: what fills the sentence, cleaned.
    """

    def __init__(self, code: str, /, **fields: object) -> None:
        """Build the texts of `code`; raises KeyError for a code that is not in `ERRORS`."""
        text = ERRORS[code]
        self.code = code
        self.kind = text.kind
        self.fields = {
            key: clean(value, _CUT_LONG if key in _LONG else _CUT) for key, value in fields.items()
        }
        self.sentence = text.sentence.format_map(_Blank(self.fields))
        self.hint = text.hint.format_map(_Blank(self.fields))
        super().__init__(f"{code}: {self.sentence}")
