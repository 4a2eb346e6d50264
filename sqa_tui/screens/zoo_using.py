"""From the Zoo to a new run: an entry as its model, recipe or teacher, or all three; nothing is replaced silently."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from textual import work

from engine.errors import UserError, plain
from engine.zoo import Entry, find_entry, missing, resolve_model, resolve_recipe, resolve_teacher, substitutes
from engine.zoo.folder import recipes
from engine.zoo.stubs import is_stub
from engine.zoo.substitutes import Role
from engine.zoo.trio import trio
from sqa_tui.formatting import short_name
from sqa_tui.run_form import zoo_choices
from sqa_tui.screens.base import BaseScreen
from sqa_tui.screens.pick import Choice, PickScreen, pick

Take = Callable[[Mapping[str, str]], None]
"""Given the values of the form's fields that were chosen."""

FETCH = "fetch"
"""Chosen to download what is not here; it is no stub and no substitute's name."""

RESOLVERS: dict[Role, Callable[[str], Path | str]] = {
    "model": resolve_model,
    "recipe": resolve_recipe,
    "teacher": resolve_teacher,
}


class Using(BaseScreen[None]):
    """The part of the Zoo screen that fills the form of a new run."""

    def __init__(self, take: Take | None) -> None:
        super().__init__()
        self._take_fields = take

    @property
    def chosen(self) -> Entry | None:
        """The entry under the cursor."""
        raise NotImplementedError

    def action_model(self) -> None:
        self._use("model")

    def action_recipe(self) -> None:
        self._use("recipe")

    def action_teacher(self) -> None:
        self._use("teacher")

    @work(exit_on_error=False, exclusive=True, group="use")
    async def _use(self, role: Role) -> None:
        entry = self.chosen
        if entry is None:
            return
        name = await self.pick_recipe(entry) if role == "recipe" else entry.stub
        settled = await self._settle(name, role) if name is not None else None
        if settled is not None:
            self._deliver({role: settled})

    @work(exit_on_error=False, exclusive=True, group="use")
    async def action_trio(self) -> None:
        """Fill model, recipe and teacher; each that is not here is asked about."""
        entry = self.chosen
        if entry is None:
            return
        fields: dict[str, str] = {}
        for part in await asyncio.to_thread(trio, entry):
            name = await self._settle(part.name, part.role)
            if name is None:
                return
            fields[part.role] = name
        lacking = [role for role in ("recipe", "teacher") if role not in fields]
        if lacking:
            self.notify(f"No {' and no '.join(lacking)} is known to go with it", markup=False)
        self._deliver(fields)

    async def pick_recipe(self, entry: Entry) -> str | None:
        """The entry's recipe as `--recipe` takes it; the user chooses where there are several."""
        title = f"recipe of {plain(short_name(entry.stub))}"
        return await pick(self.app, lambda: recipes_of(entry), lambda offered: PickScreen(title, offered))

    async def _settle(self, name: str, role: Role) -> str | None:
        """The name to use: itself where it is here, else what the user says; None where they thought better of it."""
        title = f"{role}: {plain(short_name(name))} is not here"
        taken = await pick(self.app, lambda: offered_for(name, role), lambda offered: PickScreen(title, offered))
        if taken != FETCH:
            return taken
        if lacking := await asyncio.to_thread(missing, name, role):
            await asyncio.to_thread(self.app.fetches.start, lacking.name, lacking.part)
        return name

    def _deliver(self, fields: Mapping[str, str]) -> None:
        if self._take_fields is None:
            self.app.open_new_run(zoo_choices(fields))
            return
        self.dismiss()
        self._take_fields(fields)


def _recipe_name(entry: Entry, name: str, path: Path) -> str:
    if not is_stub(entry.stub):
        return str(path)
    return f"{entry.stub}?recipe_type={name}" if name else entry.stub


def _problem(name: str, role: Role) -> str | None:
    """Why it cannot be used now; None where it can."""
    try:
        RESOLVERS[role](name)
    except UserError as error:
        return plain(error.message)
    return None


def recipes_of(entry: Entry) -> list[Choice] | str:
    """The recipes of an entry as `--recipe` takes them, or the one there is. Reads the disk."""
    found = recipes(entry.path) if entry.path is not None else {}
    named = {_recipe_name(entry, name, path): name or "the default one" for name, path in found.items()}
    if len(named) < 2:
        return next(iter(named), entry.stub)
    return [Choice(value, label, value) for value, label in named.items()]


def offered_for(name: str, role: Role) -> list[Choice] | str:
    """What can be done about something that is not here; its name where it is. Reads the disk."""
    problem = _problem(name, role)
    if problem is None:
        return name
    offered = [Choice(name, f"keep {short_name(name)}", f"{problem}; the run waits for it"), *instead_of(name, role)]
    if lacking := missing(name, role):
        note = f"from {lacking.source}; the run can start when it is here"
        offered.insert(0, Choice(FETCH, "fetch it now", note))
    return offered


def instead_of(name: str, role: Role) -> list[Choice]:
    """What could be used in its place, marked as something else. Reads the disk."""
    entry = find_entry(name.partition("?")[0])
    found = substitutes(entry, role) if entry is not None else []
    return [Choice(other.name, f"instead: {short_name(other.name)}", other.why) for other in found]
