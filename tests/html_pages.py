"""Read a page as a browser would: elements, texts and tables, by the standard library."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Page", "read_page"]

_VOID = {"meta", "img", "br", "link", "input", "hr", "base", "embed", "source", "area", "col"}


@dataclass
class Page:
    """What was found."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def named(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of one kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """All text, spaces as they come."""
        return " ".join(part for part in self.texts if part)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self.page.tables.append([])
        elif tag == "tr":
            self.page.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.page.tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.page.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"style", "script"}:
            return
        self.page.texts.append(data.strip())
        if "table" in self._open and {"td", "th"} & set(self._open):
            self.page.tables[-1][-1][-1] += data


def read_page(html: str) -> Page:
    """Read it; a wrong nesting is kept in `unbalanced`."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.unbalanced += reader._open
    return reader.page
