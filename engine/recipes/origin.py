"""Where the numbers of an expression stand in the text."""

from __future__ import annotations

import ast

from engine.recipes.expressions import FUNCTIONS, ExpressionError, expression_in, parse_expression
from engine.recipes.nodes import Node
from engine.recipes.variables import Scope

_MOST_NAMED = 3
_MOST_SEEN = 50


def origin(node: Node, scope: Scope) -> str:
    """``(from 'x' in line 3)`` for a value that is computed of variables; nothing for one that stands there."""
    leaves: dict[str, Node] = {}
    _collect(node, scope, leaves, set())
    said = [_said(name, place) for name, place in leaves.items()][:_MOST_NAMED]
    return f" (from {', '.join(said)})" if said else ""


def _collect(node: Node, scope: Scope, leaves: dict[str, Node], seen: set[str]) -> None:
    """The variables an expression is computed of in the end: those that are no expressions themselves."""
    for name in _names(node):
        found = scope.node(name)
        if found is None or name in seen or len(seen) > _MOST_SEEN:
            continue
        seen.add(name)
        if _names(found):
            _collect(found, scope, leaves, seen)
        else:
            leaves[name] = found


def _names(node: Node) -> list[str]:
    expression = expression_in(node.value)
    if expression is None:
        return []
    try:
        tree = parse_expression(expression)
    except ExpressionError:
        return []
    names = [part.id for part in ast.walk(tree) if isinstance(part, ast.Name)]
    return [name for name in dict.fromkeys(names) if name not in FUNCTIONS]


def _said(name: str, place: Node) -> str:
    return f"'{name}' of recipe_args" if place.replaced else f"'{name}' in line {place.line}"
