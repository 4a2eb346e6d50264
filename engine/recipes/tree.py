"""From YAML text to a tree of nodes.

It is built from the events of a YAML parser and never makes objects; scalars are read by the schema of YAML 1.2. An
alias refers to the very node of its anchor, so a value that is replaced at the anchor is replaced at every alias too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import yaml

from engine.recipes.broken import BROKEN, BrokenError, broken
from engine.recipes.nodes import Node
from engine.recipes.scalars import scalar

DEPTH_LIMIT = 50
"""Deeper nesting is refused; recipes need five levels."""

MOST_NODES = 20_000
"""Longer texts are refused while they are read; a block for every matrix of BERT-large needs 3,500."""

# Both give the same events; the one in C takes a twentieth of the time.
_YAML: Any = yaml
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Node:
    """The tree of the single document in `text`; raises `BrokenError` for the first thing that is no YAML."""
    try:
        return _Composer(_YAML.parse(text, Loader=_LOADER)).document()
    except yaml.YAMLError as error:
        raise broken(error) from None
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"{BROKEN}{str(error).splitlines()[0]}") from None


def first_slip(text: str) -> BrokenError | None:
    """The first thing in `text` that is no YAML; quicker than `parse`, and it heeds nothing but the grammar."""
    try:
        deque(_YAML.parse(text, Loader=_LOADER), maxlen=0)
    except yaml.YAMLError as error:
        return broken(error)
    return None


class _Composer:
    """Turns events into nodes; the depth is bounded before Python's stack is."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.anchors: dict[str, Node] = {}
        self.open: set[str] = set()
        self.count = 0

    def document(self) -> Node:
        first = self._skip(yaml.StreamStartEvent, yaml.DocumentStartEvent)
        if isinstance(first, yaml.StreamEndEvent):
            raise _refused(first, "the recipe is empty", final=True)
        root = self._node(first, 0)
        rest = self._skip(yaml.DocumentEndEvent)
        if not isinstance(rest, yaml.StreamEndEvent):
            raise _refused(rest, "a recipe is one YAML document, here begins a second one", final=True)
        return root

    def _skip(self, *kinds: type[Any]) -> Any:
        event = next(self.events)
        while isinstance(event, kinds):
            event = next(self.events)
        return event

    def _node(self, event: Any, depth: int) -> Node:
        self.count += 1
        if depth > DEPTH_LIMIT:
            raise _refused(event, "is nested too deeply", final=True)
        if self.count > MOST_NODES:
            raise _refused(event, f"holds more than {MOST_NODES} values", final=True)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        node = _bare(event)
        if event.anchor:
            self.anchors[event.anchor] = node
            self.open.add(event.anchor)
        self._fill(node, event, depth)
        self.open.discard(event.anchor)
        return node

    def _fill(self, node: Node, event: Any, depth: int) -> None:
        if isinstance(event, yaml.ScalarEvent):
            node.text = event.value
            node.value = scalar(event.value, tag=node.tag, plain=not event.style)
            end = event
        elif isinstance(event, yaml.SequenceStartEvent):
            members: list[Node] = []
            node.shape, node.value = "list", members
            while not isinstance(end := next(self.events), yaml.SequenceEndEvent):
                members.append(self._node(end, depth + 1))
        else:
            pairs: list[tuple[Node, Node]] = []
            node.shape, node.value = "mapping", pairs
            while not isinstance(end := next(self.events), yaml.MappingEndEvent):
                pairs.append((self._node(end, depth + 1), self._node(next(self.events), depth + 1)))
        node.length = _length(node, event.start_mark, end.end_mark)

    def _alias(self, event: Any) -> Node:
        name = str(event.anchor)
        if name not in self.anchors:
            raise _refused(event, f"there is no anchor &{name}", about=name)
        if name in self.open:
            raise _refused(event, f"*{name} is used inside its own anchor")
        return self.anchors[name]


def _bare(event: Any) -> Node:
    mark = event.start_mark
    return Node(mark.line + 1, mark.column + 1, str(event.tag or ""), None)


def _length(node: Node, start: Any, end: Any) -> int:
    """How many characters stand for a node on its line: its tag, else all of it where it ends on that line."""
    if node.is_modifier:
        return len(node.tag)
    return end.column - start.column if end.line == start.line else 0


def _refused(event: Any, message: str, *, about: str = "", final: bool = False) -> BrokenError:
    mark = event.start_mark
    return BrokenError(message, mark.line + 1, mark.column + 1, about=about, final=final)
