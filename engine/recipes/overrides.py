"""``recipe_args``: other values for a recipe's variables."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, cast

from engine.recipes.nodes import Node
from engine.recipes.outline import Outline
from engine.recipes.problems import Problem, RecipeError, did_you_mean
from engine.recipes.reader import MOST_PROBLEMS, Reader
from engine.recipes.scalars import scalar
from engine.recipes.tree import DEPTH_LIMIT

ORIGIN = "recipe_args"


def parse_recipe_args(arguments: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Read overrides: a mapping, a JSON object as text, or ``name=value,name=value`` (``:`` may stand for ``=``).

    In the last form numbers become floats and true and false truth values; the rest is text.
    Raises `RecipeError`.
    """
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return {}
    if isinstance(arguments, str):
        return _from_json(arguments) if arguments.lstrip().startswith("{") else _from_pairs(arguments)
    return dict(arguments)


def _from_json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse(f"is no JSON: {error}") from None
    return cast("dict[str, Any]", value)


def _from_pairs(text: str) -> dict[str, Any]:
    items = [item.strip() for item in text.split(",")]
    pairs = [[part.strip() for part in item.replace(":", "=").split("=")] for item in items]
    wrong = [item for item, parts in zip(items, pairs, strict=True) if len(parts) != 2 or not all(parts)]
    if wrong:
        raise RecipeError([_misformed(item) for item in wrong[:MOST_PROBLEMS]])
    return {name: _value(value) for name, value in pairs}


def _misformed(item: str) -> Problem:
    hint = "for lists and text with commas use JSON"
    return Problem(ORIGIN, 0, 0, f"'{item[:60]}' is not of the form name=value", hint)


def _value(text: str) -> Any:
    value = scalar(text)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def apply_overrides(reader: Reader, arguments: Mapping[str, Any], shape: Outline) -> None:
    """Replace the values of the named variables, at the top and in every stage; unknown names are problems."""
    holders = shape.holders()
    for name, value in arguments.items():
        if name not in holders and name not in reader.unread:
            suggestion = did_you_mean(name, holders) or _known(holders)
            reader.add(Problem(ORIGIN, 0, 0, f"the recipe has no variable '{name[:60]}'", suggestion))
        try:
            for part in holders.get(name, []):
                part.override(name, node_of(value, part.variables[name]))
        except RecipeError as error:
            reader.problems += error.problems


def _known(variables: Collection[str]) -> str:
    return f"it has {', '.join(sorted(variables)[:12])}" if variables else "it has none"


def node_of(value: Any, place: Node, depth: int = 0) -> Node:
    """A value as a node at the place of the one it replaces."""
    if depth > DEPTH_LIMIT:
        raise _refuse("holds too deeply nested values")
    if isinstance(value, Mapping):
        pairs = [
            (Node(place.line, place.column, "", str(key)), node_of(member, place, depth + 1))
            for key, member in cast("Mapping[Any, Any]", value).items()
        ]
        return Node(place.line, place.column, "", pairs, "mapping")
    if isinstance(value, list | tuple):
        members = [node_of(member, place, depth + 1) for member in cast("list[Any]", value)]
        return Node(place.line, place.column, "", members, "list")
    if isinstance(value, str) and unreadable(value):
        raise _refuse("holds characters that cannot be saved")
    if value is None or isinstance(value, str | int | float):
        return Node(place.line, place.column, "", value)
    raise _refuse(f"holds a value of type {type(value).__name__}")


def unreadable(text: str) -> bool:
    """Whether text holds half of a character (a lone surrogate), which JSON can spell."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _refuse(message: str, suggestion: str = "") -> RecipeError:
    return RecipeError([Problem(ORIGIN, 0, 0, message, suggestion)])
