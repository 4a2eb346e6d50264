"""What becomes of an edited recipe: saved as a user recipe, used for a run, or left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual import work

from engine.errors import plain
from sqa_tui.formatting import counted
from sqa_tui.paths import user_recipes
from sqa_tui.recipe_fields import RecipeFields
from sqa_tui.recipe_files import ChosenRecipe, RecipeText, own_recipe, own_recipes, save_recipe
from sqa_tui.recipe_reading import Reading, read
from sqa_tui.run_form import presets
from sqa_tui.screens.base import BaseScreen
from sqa_tui.screens.confirm import ConfirmScreen
from sqa_tui.screens.pick import Choice, PickScreen, pick

Take = Callable[[ChosenRecipe], None]


class Keeping(BaseScreen[None]):
    """The part of the Recipe screen that saves, uses and leaves."""

    document: RecipeText
    fields: RecipeFields
    reading: Reading | None

    def __init__(self, document: RecipeText, fields: RecipeFields, take: Take | None) -> None:
        super().__init__()
        self.document = document
        self.fields = fields
        self.saved_text = document.text
        self._first_values = dict(fields.typed)
        self._take_recipe = take

    @property
    def text(self) -> str:
        """The text as it stands in the editor."""
        raise NotImplementedError

    @property
    def changed(self) -> bool:
        """Whether the text is not the one that was opened or saved last."""
        return self.is_mounted and self.text != self.saved_text

    @property
    def unsaved(self) -> str:
        """What would be lost with this screen; empty for nothing."""
        parts = ["the text"] if self.changed else []
        parts += ["values of variables"] if dict(self.fields.typed) != self._first_values else []
        return f"{' and '.join(parts)} of {plain(self.document.name, 40)}" if parts else ""

    def _show_title(self) -> None:
        raise NotImplementedError

    # saving

    def action_save(self) -> None:
        """Save the text as a user recipe."""
        self._save_now()

    @work(exit_on_error=False, exclusive=True, group="keep")
    async def _save_now(self) -> None:
        await self._save()

    async def _save(self) -> bool:
        """Ask for a name and save under it; False where the user thought better of it."""
        text = self.text
        path = await self._ask_path()
        if path is None:
            return False
        await asyncio.to_thread(save_recipe, path, text)
        self.saved_text = text
        self.document = replace(self.document, source=str(path), name=path.stem, origin="")
        self._show_title()
        problems = self.reading.errors if self.reading else 0
        draft = f" as a draft: {counted(problems, 'problem')} to mend before a run" if problems else ""
        self.notify(f"Saved{draft}: {plain(str(path))}", markup=False)
        return True

    async def _ask_path(self) -> Path | None:
        ending = ".md" if self.document.markdown else ".yaml"
        title = f"save as  {plain(str(user_recipes()))}/…{ending}"

        def saved() -> list[Choice]:
            return [Choice(path.stem, path.stem, "saved before") for path in own_recipes() if path.suffix == ending]

        current = self.document.name
        name = await pick(
            self.app, saved, lambda found: PickScreen(title, found, current=current, free="a name", edit=True)
        )
        if name is None:
            return None
        path = own_recipe(name, markdown=self.document.markdown)
        if path.exists():
            question = ConfirmScreen(f"Save over {path.name}?", "Its text is replaced by the one on the screen.")
            return path if await self.app.push_screen_wait(question) else None
        return path

    # using

    def action_use(self) -> None:
        """Train by this recipe with these values."""
        self._use_now()

    @work(exit_on_error=False, exclusive=True, group="keep")
    async def _use_now(self) -> None:
        if (self.changed or not self.document.source) and not await self._save():
            return
        reading = await asyncio.to_thread(read, self.fields.question(self.text, self.document.markdown))
        wrong = [variable for variable in reading.variables or () if variable.wrong]
        if wrong:
            self.notify(f"Not used: {plain(wrong[0].name)}: {wrong[0].wrong}", severity="error", markup=False)
            return
        chosen = ChosenRecipe(self.document.source, reading.arguments)
        self.dismiss()
        if self._take_recipe is not None:
            self._take_recipe(chosen)
        else:
            first = presets()[0].choices
            self.app.open_new_run(replace(first, recipe=chosen.source, variables=chosen.arguments))

    # leaving

    def leave(self) -> None:
        """Close the screen, after a question where something would be lost."""
        if not self.unsaved:
            self.dismiss()
            return
        question = ConfirmScreen(
            f"Leave without keeping {self.unsaved}?", "n goes back: F7 saves the text, F5 uses text and values."
        )
        self.app.push_screen(question, lambda yes: self._close() if yes else None)

    def _close(self) -> None:
        self.dismiss()
