"""The tree of a YAML text in which every value knows its line and column."""

from __future__ import annotations

from dataclasses import dataclass

from engine.recipes.scalars import Scalar


@dataclass(eq=False)
class Node:
    """A value and its place: `value` is a scalar, a list of nodes, or a list of pairs of a key and a node.

    `line` and `column` count from 1, `length` is the number of characters to mark there (0: unknown), `text` is what
    stands there where that is a scalar. `newer` marks a modifier that is written in llm-compressor's form.
    """

    line: int
    column: int
    tag: str
    value: Scalar | list[Node] | list[tuple[Node, Node]]
    shape: str = "scalar"
    length: int = 0
    text: str = ""
    newer: bool = False
    replaced: bool = False

    @property
    def is_modifier(self) -> bool:
        """Whether it has a tag of its own."""
        return self.tag.startswith("!")

    def members(self) -> list[Node]:
        """The nodes of a list."""
        return self.value if self.shape == "list" else []  # type: ignore[return-value]

    def pairs(self) -> list[tuple[Node, Node]]:
        """The keys and nodes of a mapping."""
        return self.value if self.shape == "mapping" else []  # type: ignore[return-value]

    def inside(self, keys: tuple[str, ...]) -> Node:
        """The place of the key or member that `keys` lead to through mappings and lists; the nearest one around it
        where they lead on through merged ones."""
        place = self
        inner = self
        for name in keys:
            found = inner.part(name)
            if found is None:
                break
            place, inner = found
        return place

    def part(self, name: str) -> tuple[Node, Node] | None:
        """The key and value of a name, or a member by its number (from 0), twice."""
        if self.shape == "list":
            members = self.members()
            number = int(name) if name.isdecimal() else len(members)
            return (members[number], members[number]) if number < len(members) else None
        return next(((key, value) for key, value in self.pairs() if str(key.value) == name), None)

    def replace(self, other: Node) -> None:
        """Take another node's value, here and wherever this node is referred to."""
        self.value, self.shape, self.tag = other.value, other.shape, other.tag
        self.replaced = True


def is_alias(key: Node, value: Node) -> bool:
    """Whether the value of a key stands elsewhere: an alias stands for the node of its anchor, which comes before."""
    return (value.line, value.column) < (key.line, key.column)
