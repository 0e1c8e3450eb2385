"""Foreign text in Markdown: what could be markup, a row's end, a link or a mention is an entity."""

import re
from typing import Final

__all__ = ["code", "plain"]

# Every other ASCII sign can mean something in Markdown or HTML; `www.` makes a link of a text.
_MARKUP: Final = re.compile(
    r"[^a-zA-Z0-9 .,;:_/()%+=\x80-\U0010ffff-]|:(?! )|\b_|_\b|(?<=www)\.", re.IGNORECASE
)


def plain(words: str) -> str:
    """Text that is only text."""
    return _MARKUP.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), words)


def code(words: str) -> str:
    """A name: nothing in it is a link, an address or a mention to any reader."""
    return f"<code>{plain(words)}</code>"
