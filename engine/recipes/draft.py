"""A recipe while it is being written: what can be read of it, and every problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.recipes.loader import attempt
from engine.recipes.problems import Problem
from engine.recipes.recipe import Recipe
from engine.recipes.source import LIMIT, SourceText, front_matter, no_front_matter
from engine.recipes.variables import Variable


@dataclass(frozen=True)
class Draft:
    """`recipe` is None where there are problems; `variables` and `notes` (no errors, but perhaps not what was meant)
    are those that could be read even then."""

    recipe: Recipe | None
    problems: tuple[Problem, ...]
    variables: tuple[Variable, ...]
    notes: tuple[Problem, ...] = ()


def read_draft(
    text: str, *, name: str = "recipe", markdown: bool = False, recipe_args: str | Mapping[str, Any] | None = None
) -> Draft:
    """Read the text of a recipe as `load_recipe` would read its file, `markdown` for a ``.md``; raises nothing.

    Problems are in the order of the text and call the recipe `name`.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT:
        return _unread(Problem(name, 0, 0, f"is too long for a recipe (more than {LIMIT} bytes)"))
    yaml = front_matter(text) if markdown else text
    if yaml is None:
        return _unread(no_front_matter(text, name))
    recipe, problems = attempt(SourceText(name, text, yaml), recipe_args)
    in_order = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    usable = None if problems else recipe
    return Draft(usable, in_order, recipe.described if recipe else (), recipe.notes if recipe else ())


def _unread(problem: Problem) -> Draft:
    return Draft(None, (problem,), ())
