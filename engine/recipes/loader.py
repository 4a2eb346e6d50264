"""From a source to a checked recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from engine.recipes.build import Placed, build_modifier
from engine.recipes.nodes import Node
from engine.recipes.order import modifier_key, stage_key
from engine.recipes.outline import Outline, Part, outline
from engine.recipes.overrides import apply_overrides, parse_recipe_args
from engine.recipes.problems import Problem, RecipeError
from engine.recipes.reader import GiveUpError, Reader
from engine.recipes.recipe import MOST_MODIFIERS, Recipe, Stage
from engine.recipes.recovery import read_tree
from engine.recipes.source import LIMIT, SourceText, raw_text, read_source
from engine.recipes.variables import Scope

LINE = 300
LONG = LIMIT // 12
"""From so many characters on, `LINE` counted for a modifier, a recipe is saved at once to see that it can be."""


def load_recipe(source: str | Path, *, recipe_args: str | Mapping[str, Any] | None = None) -> Recipe:
    """Load a recipe from a path, a ``zoo:`` stub or its text, with other values for its variables.

    Raises `RecipeError` with every problem at its line and column, or `UserError` for a stub that cannot be resolved.
    """
    return _load(read_source(source), recipe_args)


def parse_recipe(text: str, *, name: str = "recipe", recipe_args: str | Mapping[str, Any] | None = None) -> Recipe:
    """Load a recipe from its text, whatever the text looks like; `name` is what problems call it."""
    return _load(raw_text(text, name), recipe_args)


def _load(source: SourceText, recipe_args: str | Mapping[str, Any] | None) -> Recipe:
    recipe, problems = attempt(source, recipe_args)
    if recipe is None or problems:
        raise RecipeError(problems, recipe.notes if recipe else ())
    return recipe


def attempt(
    source: SourceText, recipe_args: str | Mapping[str, Any] | None = None
) -> tuple[Recipe | None, list[Problem]]:
    """A recipe as far as it can be read (None: not even that), and every problem that keeps it from being used."""
    tree = read_tree(source.yaml, source.name)
    reader = Reader(source.name, tree.problems, unread=tree.unread)
    try:
        arguments = parse_recipe_args(recipe_args)
    except RecipeError as error:
        reader.problems += error.problems
        arguments = {}
    try:
        return tree.root and _read(reader, source, tree.root, arguments), reader.problems
    except GiveUpError:
        return None, reader.problems
    except RecursionError:
        return None, [*reader.problems, Problem(source.name, 0, 0, "is nested too deeply")]


def _read(reader: Reader, source: SourceText, root: Node, arguments: dict[str, Any]) -> Recipe:
    shape = outline(reader, root)
    apply_overrides(reader, arguments, shape)
    scope = Scope(reader, shape.top.variables, keys=shape.top.keys)
    described = scope.described()
    stages: list[Stage] = []
    _check_number(reader, shape)
    for part in shape.parts:
        inner = scope if part is shape.top else Scope(reader, part.variables, scope, keys=part.keys)
        described += [] if part is shape.top else inner.described(part.name)
        stages += _stage(reader, part, inner)
    if not stages and not reader.problems:
        reader.problems.append(
            Problem(source.name, 0, 0, "the recipe holds no modifiers", 'put them under "modifiers:"')
        )
    recipe = Recipe(
        text=source.text,
        source=source.name,
        stages=tuple(sorted(stages, key=lambda stage: stage_key(stage.modifiers))),
        variables=scope.resolved(),
        described=tuple(described),
        version=_version(shape),
        metadata=_metadata(reader, shape.top),
        notes=tuple(reader.notes),
    )
    if not reader.problems and reader.characters + LINE * len(recipe.modifiers) > LONG:
        _check_saved(reader, recipe)
    return recipe


def _check_saved(reader: Reader, recipe: Recipe) -> None:
    """A recipe that could not be loaded again once it is saved is refused before a run and not at its end."""
    text = recipe.to_yaml()
    if len(text) > LIMIT or read_tree(text, "").problems:
        message = f"is too long with all variables evaluated ({len(text)} characters, at most {LIMIT})"
        reader.problems.append(Problem(reader.file, 0, 0, message))


def _check_number(reader: Reader, shape: Outline) -> None:
    modifiers = [node for part in shape.parts for node in part.modifiers]
    if len(modifiers) > MOST_MODIFIERS:
        reader.problem(modifiers[MOST_MODIFIERS], f"the recipe has more than {MOST_MODIFIERS} modifiers")
        raise GiveUpError


def _stage(reader: Reader, part: Part, scope: Scope) -> list[Stage]:
    """The stage a part makes: none where it has no modifiers."""
    built = [build_modifier(reader, node, scope) for node in part.modifiers]
    placed = sorted((item for item in built if item is not None), key=_placed_key)
    if not placed:
        return []
    variables = scope.resolved() if part.name else {}
    return [
        Stage(
            part.name,
            tuple(item.modifier for item in placed),
            tuple(item.line for item in placed),
            variables,
            _metadata(reader, part),
            tuple(item.column for item in placed),
            tuple(item.members for item in placed),
        )
    ]


def _placed_key(placed: Placed) -> tuple[float, float, str]:
    return modifier_key(placed.modifier)


def _version(shape: Outline) -> str | None:
    return None if shape.version is None else str(shape.version.value)


def _metadata(reader: Reader, part: Part) -> Mapping[str, Any] | None:
    if part.metadata is None:
        return None
    value = reader.plain(part.metadata, None)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"metadata": value}
