"""From nodes to plain values: expressions evaluated, merges expanded, everything bounded, problems collected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from engine.recipes.expressions import (
    AlreadyNotedError,
    ExpressionError,
    UnknownNameError,
    evaluate,
    expression_in,
    parse_expression,
)
from engine.recipes.nodes import Node
from engine.recipes.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from engine.recipes.variables import Scope

MOST_VALUES = 20_000
"""So many values may be read from one recipe: what aliases of aliases unfold to counts."""
MOST_CHARACTERS = 300_000
"""So much text may they hold together."""
DEEPEST = 30
"""So deep may a value be nested: some levels less than a whole text, so that it can be saved."""
MOST_LEVELS = 60
"""So many levels of lists and variables in lists may be open at once."""
MOST_PROBLEMS = 100


class GiveUpError(Exception):
    """The recipe is too large to be read on; the problem is already noted."""


@dataclass
class Reader:
    """Reads one recipe and keeps what is wrong with it.

    `unread` are the words of lines that could not be read: what they may name is not called missing.
    """

    file: str
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[Problem] = field(default_factory=list[Problem])
    unread: set[str] = field(default_factory=set[str])
    silent: int = 0
    level: int = 0
    read: int = 0
    characters: int = 0

    @property
    def noted(self) -> int:
        """Grows with everything that cannot be read, said or not."""
        return len(self.problems) + self.silent

    def problem(self, node: Node, message: str, suggestion: str = "") -> None:
        """Note a problem at the place of a node."""
        self.add(Problem(self.file, node.line, node.column, message, suggestion, node.length))

    def add(self, problem: Problem) -> None:
        """Note a problem, once where an alias leads to it again; `GiveUpError` where there are too many."""
        if problem in self.problems:
            self.silent += 1
            return
        self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            raise GiveUpError

    def note(self, node: Node, message: str) -> None:
        """Note something that is no error but may not be what was meant."""
        if len(self.notes) < MOST_PROBLEMS:
            self.notes.append(Problem(self.file, node.line, node.column, message, length=node.length))

    def plain(self, node: Node, scope: Scope | None, depth: int = 0) -> Any:
        """The plain value of a node; with a scope, expressions in it are evaluated."""
        self._count(node, node.value, depth)
        if node.is_modifier:
            self.problem(
                node, f"{node.tag} stands where a value is expected; modifiers belong into a list of modifiers"
            )
            return None
        if node.shape == "list":
            return [self.plain(member, scope, depth + 1) for member in node.members()]
        if node.shape == "mapping":
            pairs = self.fields(node, depth)
            return {self._key(key): self.plain(value, scope, depth + 1) for key, value in pairs}
        expression = expression_in(node.value) if scope else None
        if expression is None or scope is None:
            return node.value
        value = self.evaluated(node, expression, scope, depth)
        self._count_inside(node, value, depth)
        return value

    def evaluated(self, node: Node, expression: str, scope: Scope, depth: int = 0) -> Any:
        """The value of an expression at a node; `UNREADABLE`, with a problem noted, where it has none."""
        self.level += depth + 1
        try:
            if self.level > MOST_LEVELS:
                raise ExpressionError("variables hold each other too deeply")
            return evaluate(parse_expression(expression), scope.value)
        except AlreadyNotedError:
            self.silent += 1
        except UnknownNameError as error:
            if error.name in self.unread:
                self.silent += 1
            else:
                self.problem(node, str(error), did_you_mean(error.name, scope.names()))
        except ExpressionError as error:
            self.problem(node, str(error), error.suggestion)
        finally:
            self.level -= depth + 1
        return UNREADABLE

    def fields(self, node: Node, depth: int = 0) -> list[tuple[Node, Node]]:
        """The pairs of a mapping, merge keys (``<<``) expanded; of a key given twice the last counts."""
        self._count(node, None, depth)
        chosen: dict[Any, tuple[Node, Node]] = {}
        own: set[Any] = set()
        for key, value in node.pairs():
            if key.value == "<<" and key.shape == "scalar":
                for merged in self._merged(value, depth):
                    chosen.setdefault(merged[0].value, merged)
                continue
            name = self._key(key)
            if name in own:
                self.note(key, f"'{name}' is given twice; the last one counts")
            if key.shape == "scalar":
                own.add(name)
                chosen[name] = (key, value)
        return list(chosen.values())

    def _merged(self, value: Node, depth: int) -> list[tuple[Node, Node]]:
        sources = value.members() if value.shape == "list" else [value]
        return [pair for source in sources for pair in self.fields(source, depth + 1)]

    def _key(self, key: Node) -> Any:
        if key.shape != "scalar":
            self.problem(key, "a key must be a name or a number")
            return ""
        return key.value

    def _count(self, node: Node, value: Any, depth: int) -> None:
        self.read += 1
        self.characters += len(value) if isinstance(value, str) else 0
        if self.read > MOST_VALUES or self.characters > MOST_CHARACTERS or depth > DEEPEST:
            self.problem(node, "the recipe unfolds to too many values or too deep a nesting")
            raise GiveUpError

    def _count_inside(self, node: Node, value: Any, depth: int) -> None:
        """Count what a name stands for: lists of lists of names would unfold without bounds."""
        if isinstance(value, list | dict):
            members = cast("list[Any] | dict[Any, Any]", value)
            for member in members.values() if isinstance(members, dict) else members:
                self._count(node, member, depth + 1)
                self._count_inside(node, member, depth + 1)


UNREADABLE: Any = object()
"""Stands for a value whose problem is already noted."""
