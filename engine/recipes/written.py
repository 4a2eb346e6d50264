"""A modifier as a recipe writes it, whichever form it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.recipes.modifiers import Modifier
from engine.recipes.nodes import Node

Fields = dict[str, tuple[Node, Node]]
"""The key and the value of every field by name."""


@dataclass(frozen=True)
class Written:
    """What a modifier is built from; `words` are the names its fields have in the text where those differ,
    `given` the fields of the text that were read before or are misspelt (what is wrong with them is noted)."""

    node: Node
    name: str
    modifier: type[Modifier]
    fields: Fields
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    given: frozenset[str] = frozenset()

    def word(self, name: str) -> str:
        """What the text calls a field."""
        return self.words.get(name, name)

    def place(self, name: str, inside: tuple[str, ...] = ()) -> Node:
        """Where the value of a field stands, or the key that `inside` leads to in it; the modifier where it is not
        given."""
        return self.fields[name][1].inside(inside) if name in self.fields else self.node
