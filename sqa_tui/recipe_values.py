"""Values of a recipe's variables as people type them, and as `--recipe_args` takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.errors import UserError
from engine.recipes.nodes import Node
from engine.recipes.overrides import parse_recipe_args
from engine.recipes.problems import RecipeError
from engine.recipes.reader import GiveUpError, Reader
from engine.recipes.recovery import read_tree
from engine.recipes.saved import value_text


def typed_value(text: str) -> Any:
    """The value that `text` is in a recipe: a number, a word, a list in brackets, an expression in `eval(…)`.

    Raises:
        UserError: it is none.
    """
    if not text.strip():
        raise UserError("there is no value")
    tree = read_tree(text, "value")
    if tree.root is None or tree.problems:
        said = tree.problems[0].message if tree.problems else "there is no value"
        raise UserError(said.removeprefix("broken YAML: "))
    return _plain(tree.root)


def _plain(node: Node) -> Any:
    reader = Reader("value")
    try:
        value = reader.plain(node, None)
    except GiveUpError:
        value = None
    if reader.problems:
        raise UserError(reader.problems[0].message)
    return value


def typed_texts(arguments: str) -> dict[str, str]:
    """`--recipe_args` as a text to edit for each variable.

    Raises:
        UserError: they cannot be read.
    """
    return {name: value_text(value) for name, value in parse_recipe_args(arguments).items()}


def arguments_of(values: Mapping[str, Any]) -> str:
    """`--recipe_args` for these values: `name=value,…` where that says the same, else JSON."""
    pairs = ",".join(f"{name}={_word(value)}" for name, value in values.items())
    try:
        read = parse_recipe_args(pairs)
    except RecipeError:
        read = None
    return pairs if read is not None and _same(read, values) else json.dumps(values, ensure_ascii=False)


def _word(value: Any) -> str:
    return value_text(value) if not isinstance(value, str) else value


def _same(read: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether both say the same; a whole number may have become a float, a truth value not a number."""
    pairs = [(read.get(name), value) for name, value in values.items()]
    return len(read) == len(values) and all(
        mine == value and isinstance(mine, bool) == isinstance(value, bool) for mine, value in pairs
    )
