"""Variables of a recipe and of its stages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from engine.recipes.expressions import AlreadyNotedError, ExpressionError, UnknownNameError
from engine.recipes.nodes import Node, is_alias
from engine.recipes.reader import UNREADABLE, Reader

LONGEST_CHAIN = 40
"""So many variables may be computed one from the other."""


@dataclass(frozen=True)
class Variable:
    """A variable as written and as evaluated; `stage` is empty for those of the whole recipe.

    `written` is what stands in the text (as JSON for lists and mappings), also where `recipe_args` give it another
    value and it is `overridden`. `line`, `column` and `length` say where that is.
    """

    name: str
    written: str
    value: Any
    stage: str
    line: int
    column: int
    length: int = 0
    overridden: bool = False


@dataclass
class Scope:
    """Names and their nodes; a stage's scope asks the recipe's for what it does not have itself."""

    reader: Reader
    nodes: dict[str, Node]
    outer: Scope | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    pending: list[str] = field(default_factory=list[str])
    keys: dict[str, Node] = field(default_factory=dict[str, Node])

    def names(self) -> list[str]:
        """Every name that can be used here."""
        return [*self.nodes, *(self.outer.names() if self.outer else [])]

    def node(self, name: str) -> Node | None:
        """What stands for a name in the text; None for unknown ones."""
        if name in self.nodes:
            return self.nodes[name]
        return self.outer.node(name) if self.outer is not None else None

    def key(self, name: str) -> Node | None:
        """Where a name is given a value; None for unknown ones."""
        if name in self.keys:
            return self.keys[name]
        return self.outer.key(name) if self.outer is not None else None

    def value(self, name: str) -> Any:
        """The value of a variable; raises `ExpressionError` for cycles and `UnknownNameError`."""
        if name in self.values:
            return self._readable(name)
        if name in self.nodes and name not in self.pending:
            self.values[name] = self._computed(name)
            return self._readable(name)
        if self.outer is not None:
            return self.outer.value(name)
        if name in self.pending:
            raise ExpressionError("variables depend on each other: " + " -> ".join([*self.pending, name]))
        raise UnknownNameError(name)

    def _computed(self, name: str) -> Any:
        if len(self.pending) >= LONGEST_CHAIN:
            raise ExpressionError(f"more than {LONGEST_CHAIN} variables are computed one from the other")
        self.pending.append(name)
        try:
            return self.reader.plain(self.nodes[name], self)
        finally:
            self.pending.pop()

    def _readable(self, name: str) -> Any:
        if self.values[name] is UNREADABLE:
            raise AlreadyNotedError(f"variable '{name}' has no value")
        return self.values[name]

    def resolved(self) -> dict[str, Any]:
        """Every variable of this scope itself by name; the problems are noted."""
        for name, node in self.nodes.items():
            if name not in self.values:
                self._try(name, node)
        return {name: value for name, value in self.values.items() if value is not UNREADABLE}

    def _try(self, name: str, node: Node) -> None:
        try:
            self.value(name)
        except AlreadyNotedError:
            self.values[name] = UNREADABLE
        except ExpressionError as error:
            self.reader.problem(node, str(error), error.suggestion)
            self.values[name] = UNREADABLE

    def described(self, stage: str = "") -> list[Variable]:
        """Every variable of this scope with its place, in the order of the text."""
        values = self.resolved()
        return [self._described(name, values[name], stage) for name in self.nodes if name in values]

    def _described(self, name: str, value: Any, stage: str) -> Variable:
        node = self.nodes[name]
        key = self.keys.get(name, node)
        place = key if is_alias(key, node) else node
        return Variable(
            name, _written(node, value), value, stage, place.line, place.column, place.length, node.replaced
        )


def _written(node: Node, value: Any) -> str:
    if node.text or node.shape == "scalar":
        return node.text
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return ""
