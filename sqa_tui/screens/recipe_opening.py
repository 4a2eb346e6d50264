"""Opening the Recipe screen: which recipe, and what there is to choose from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError, plain
from sqa_tui.recipe_fields import RecipeFields
from sqa_tui.recipe_files import RecipeText, read_recipe, recipe_of_run
from sqa_tui.recipe_template import TEMPLATE
from sqa_tui.recipe_values import typed_texts
from sqa_tui.screens.new_run_choices import recipe_choices
from sqa_tui.screens.pick import Choice, PickScreen, pick
from sqa_tui.screens.recipe import RecipeScreen
from sqa_tui.screens.recipe_keeping import Take

if TYPE_CHECKING:
    from sqa_tui.app import SqaApp

NEW = "new"
"""Chosen for a new recipe; no path, for that ends in .yaml or .md."""


async def open_recipe(
    app: SqaApp, source: str | None, run: Path | None, recipe_args: str, model: str, take: Take | None
) -> None:
    """Open the recipe of a run, that of `source`, or one that is chosen; what cannot be read is told in one line."""
    try:
        document = await _document(app, source, run)
    except UserError as error:
        app.report(error)
        return
    if document is not None:
        arguments = recipe_args or document.arguments
        await app.push_screen(RecipeScreen(document, _fields(app, arguments), take, model=model))


async def _document(app: SqaApp, source: str | None, run: Path | None) -> RecipeText | None:
    if run is not None:
        return await asyncio.to_thread(recipe_of_run, run)
    if source is None:
        source = await pick(app, choices, lambda found: PickScreen("recipe", found, free="the path of a recipe"))
    if source == NEW:
        return RecipeText("", TEMPLATE, "my-recipe")
    return await asyncio.to_thread(read_recipe, source) if source else None


def _fields(app: SqaApp, arguments: str) -> RecipeFields:
    try:
        return RecipeFields(typed=typed_texts(arguments))
    except UserError as error:
        app.warn(f"values of variables are left out: {plain(error.message)}")
        return RecipeFields()


def choices() -> list[Choice]:
    """A new recipe, the user's own, and those of the zoo. Reads the disk."""
    new = Choice(NEW, "new recipe", "a short one to begin with")
    return [new, *(choice for choice in recipe_choices() if choice.value)]
