"""The tree of a YAML text in which every value knows its line and column.

It is built from the events of a pure YAML parser and never makes objects. An alias refers to the very node of its
anchor, so a value that is replaced at the anchor is replaced at every alias too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from engine.recipes.problems import Problem, RecipeError
from engine.recipes.scalars import Scalar, scalar

DEPTH_LIMIT = 50
"""Deeper nesting is refused; recipes need five levels."""

MOST_NODES = 10_000
"""Longer texts are refused while they are read; a block for every matrix of BERT-large needs 2,500."""


@dataclass(eq=False)
class Node:
    """A value and its place: `value` is a scalar, a list of nodes, or a list of pairs of a key and a node."""

    line: int
    column: int
    tag: str
    value: Scalar | list[Node] | list[tuple[Node, Node]]
    shape: str = "scalar"

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
        """The place of the key that `keys` lead to through mappings; the nearest one around it where they lead on
        through merged ones."""
        place = self
        inner = self
        for name in keys:
            found = next(((key, value) for key, value in inner.pairs() if str(key.value) == name), None)
            if found is None:
                break
            place, inner = found
        return place

    def replace(self, other: Node) -> None:
        """Take another node's value, here and wherever this node is referred to."""
        self.value, self.shape, self.tag = other.value, other.shape, other.tag


def parse(text: str, name: str) -> Node:
    """The tree of the single document in `text`; raises `RecipeError` for broken YAML."""
    if _flow_depth(text) > 4 * DEPTH_LIMIT:
        # The scanner's time grows with the square of the depth, so this cannot wait for the events.
        raise RecipeError([Problem(name, 0, 0, "brackets are nested too deeply")])
    parser: Any = YAML(typ="safe", pure=True)
    try:
        return _Composer(name, parser.parse(text)).document()
    except MarkedYAMLError as error:
        raise RecipeError([_broken(name, error)]) from None
    except (YAMLError, ValueError, AttributeError, IndexError, TypeError, RecursionError) as error:
        # Besides its own errors the parser lets a few of Python's escape on texts that are no YAML at all.
        raise RecipeError([Problem(name, 0, 0, f"broken YAML: {str(error).splitlines()[0]}")]) from None


def _flow_depth(text: str) -> int:
    """How deep brackets are nested at most, those in quotes and comments counted too."""
    depth = deepest = 0
    for bracket in re.findall(r"[][{}]", text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _broken(name: str, error: Any) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    message = " ".join(str(part) for part in (error.problem, error.context) if part)
    return Problem(name, line, column, f"broken YAML: {message}")


class _Composer:
    """Turns events into nodes; the depth is bounded before Python's stack is."""

    def __init__(self, name: str, events: Iterator[Any]) -> None:
        self.name = name
        self.events = events
        self.anchors: dict[str, Node] = {}
        self.open: set[str] = set()
        self.count = 0

    def document(self) -> Node:
        kinds = self._skip("StreamStartEvent", "DocumentStartEvent")
        if type(kinds).__name__ == "StreamEndEvent":
            raise self._refuse(kinds, "the recipe is empty")
        root = self._node(kinds, 0)
        rest = self._skip("DocumentEndEvent")
        if type(rest).__name__ != "StreamEndEvent":
            raise self._refuse(rest, "a recipe is one YAML document, here begins a second one")
        return root

    def _skip(self, *names: str) -> Any:
        event = next(self.events)
        while type(event).__name__ in names:
            event = next(self.events)
        return event

    def _node(self, event: Any, depth: int) -> Node:
        self.count += 1
        if depth > DEPTH_LIMIT:
            raise self._refuse(event, "is nested too deeply")
        if self.count > MOST_NODES:
            raise self._refuse(event, f"holds more than {MOST_NODES} values")
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        shape = {"SequenceStartEvent": "list", "MappingStartEvent": "mapping"}.get(kind, "scalar")
        tag = str(event.tag or "")
        mark = event.start_mark
        node = Node(mark.line + 1, mark.column + 1, tag, None, shape)
        if event.anchor:
            self.anchors[event.anchor] = node
            self.open.add(event.anchor)
        self._fill(node, event, depth)
        self.open.discard(event.anchor)
        return node

    def _fill(self, node: Node, event: Any, depth: int) -> None:
        if node.shape == "scalar":
            node.value = scalar(event.value, tag=node.tag, plain=event.style is None or event.style == "")
        elif node.shape == "list":
            node.value = [self._node(member, depth + 1) for member in self._until("SequenceEndEvent")]
        else:
            ends = self._until("MappingEndEvent")
            node.value = [(self._node(key, depth + 1), self._node(next(self.events), depth + 1)) for key in ends]

    def _until(self, end: str) -> Iterator[Any]:
        event = next(self.events)
        while type(event).__name__ != end:
            yield event
            event = next(self.events)

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            raise self._refuse(event, f"there is no anchor &{event.anchor}")
        if event.anchor in self.open:
            raise self._refuse(event, f"*{event.anchor} is used inside its own anchor")
        return self.anchors[event.anchor]

    def _refuse(self, event: Any, message: str) -> RecipeError:
        mark = event.start_mark
        return RecipeError([Problem(self.name, mark.line + 1, mark.column + 1, message)])
