"""What a page says, read from its HTML: the parts by id, the rows of a table, the cards."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "rect", "circle", "path"})


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text below it, with single spaces."""
        return " ".join("".join(child if isinstance(child, str) else f" {child.text} " for child in self.children).split())

    def all(self, tag: str) -> Iterator[Node]:
        """The elements below it of a kind, in order."""
        for child in self.children:
            if isinstance(child, Node):
                if child.tag == tag:
                    yield child
                yield from child.all(tag)

    def part(self, name: str) -> Node:
        """The one with this id."""
        (found,) = [node for node in self.every() if node.attributes.get("id") == name]
        return found

    def every(self) -> Iterator[Node]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.every()

    def rows(self) -> list[list[str]]:
        """The rows of the first table below it, head and foot left out."""
        body = next(self.all("tbody"))
        return [[cell.text for cell in row.children if isinstance(cell, Node)] for row in body.all("tr")]

    def cards(self) -> dict[str, tuple[str, str]]:
        """Name -> (figure, what is below)."""
        found = {}
        for card in self.all("div"):
            if card.attributes.get("class") == "card":
                figure, under = list(card.all("dd"))
                found[next(card.all("dt")).text] = (figure.text, under.text)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(text: str) -> Node:
    """A page. An element that is not closed where it should be is an error."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root]
    return reader.root
