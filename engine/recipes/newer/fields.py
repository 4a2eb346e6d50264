"""The fields of a modifier in llm-compressor's form, taken one after the other until none is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.recipes.modifiers import Modifier
from engine.recipes.modifiers.base import kinds
from engine.recipes.nodes import Node
from engine.recipes.overrides import node_of
from engine.recipes.problems import did_you_mean
from engine.recipes.reader import UNREADABLE, Reader
from engine.recipes.registry import bare_name
from engine.recipes.variables import Scope
from engine.recipes.written import Fields, Written


class NewerFields:
    """Collects the fields of a modifier of this project from those that are written; what has no counterpart here is
    a problem, never dropped."""

    def __init__(self, reader: Reader, node: Node, scope: Scope, given: Fields) -> None:
        self.reader = reader
        self.node = node
        self.scope = scope
        self.given = given
        self.name = bare_name(node.tag)
        self.left = {name: pair for name, pair in given.items() if pair[1].shape != "scalar" or not _is_null(pair[1])}
        self.fields: Fields = {}
        self.words: dict[str, str] = {}

    def rename(self, theirs: str, ours: str) -> None:
        """Take a field as it is under the name it has here."""
        self.words[ours] = theirs
        if theirs in self.left:
            self.fields[ours] = self.left.pop(theirs)

    def value(self, theirs: str, otherwise: Any = None) -> Any:
        """The value of a field, which is taken; `otherwise` where it is not given or cannot be read."""
        if theirs not in self.left:
            return otherwise
        before = self.reader.noted
        value = self.reader.plain(self.left.pop(theirs)[1], self.scope)
        return value if value is not UNREADABLE and self.reader.noted == before else otherwise

    def put(self, ours: str, value: Any, theirs: str = "") -> None:
        """Set a field of this project's modifier, at the place of the one it comes from.

        Where that is not given but the field itself is, under its name here, that one counts.
        """
        if ours in self.left and theirs not in self.given:
            return
        key, place = self.given.get(theirs, (self.node, self.node))
        self.fields[ours] = (key, node_of(value, place))
        if theirs:
            self.words[ours] = theirs

    def only(self, theirs: str, *accepted: Any, why: str) -> None:
        """Take a field that may only have a value that changes nothing here."""
        value = self.value(theirs, accepted[0])
        if not is_one_of(value, accepted):
            self.refuse(theirs, f"of {self.name} can only be {shown_choices(accepted)}", why)

    def refuse(self, theirs: str, message: str, suggestion: str = "", *, inside: tuple[str, ...] = ()) -> None:
        """Note a problem at the place of a field."""
        place = self.given[theirs][1].inside(inside) if theirs in self.given else self.node
        self.reader.problem(place, f"{theirs} {message}", suggestion)

    def written(self, modifier: type[Modifier]) -> Written:
        """What the modifier is built from; fields nobody took and the modifier does not have are problems."""
        table = kinds(modifier)
        for name, (key, value) in self.left.items():
            if name in self.fields:
                self.reader.problem(
                    key, f"{self.words.get(name, name)} and {name} of {self.name} are the same; give one of them"
                )
            elif name in table:
                self.fields[name] = (key, value)
            else:
                theirs = [*self.words.values(), *(known for known in table if known not in self.words)]
                self.reader.problem(key, f"unknown field '{name}' of {self.name}", did_you_mean(name, theirs))
        return Written(self.node, self.name, modifier, self.fields, self.words, frozenset(self.given))


def is_one_of(value: Any, choices: Iterable[Any]) -> bool:
    """Whether a value is one of some: 0 is not false, and 1 is not true."""
    return any(value == choice and type(value) is type(choice) for choice in choices)


def shown_choices(choices: Iterable[Any]) -> str:
    """Values as a recipe writes them."""
    return " or ".join("null" if choice is None else str(choice).lower() for choice in choices)


def _is_null(node: Node) -> bool:
    return node.value is None and not node.tag
