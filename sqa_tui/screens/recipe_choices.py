"""The user's own recipes as choices."""

from __future__ import annotations

from pathlib import Path

from engine.errors import UserError
from engine.recipes.draft import read_draft
from sqa_tui.formatting import counted
from sqa_tui.recipe_files import own_recipes, read_recipe
from sqa_tui.screens.pick import Choice

MOST_READ = 50
"""So many user recipes are looked into for the list; older ones are only named."""


def own_choices() -> list[Choice]:
    """The user's recipes, the newest first. Reads the disk."""
    paths = own_recipes()
    read = [Choice(str(path), path.stem, _note(path)) for path in paths[:MOST_READ]]
    return [*read, *(Choice(str(path), path.stem, "yours") for path in paths[MOST_READ:])]


def _note(path: Path) -> str:
    try:
        document = read_recipe(str(path))
    except UserError:
        return "yours; cannot be read"
    draft = read_draft(document.text, markdown=document.markdown)
    if draft.recipe is None:
        return f"yours; a draft with {counted(len(draft.problems), 'problem')}"
    return f"yours; {draft.recipe.max_epochs} epochs" if draft.recipe.max_epochs >= 1 else "yours"
