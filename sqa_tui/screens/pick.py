"""Choosing one of several values, or typing another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import plain
from sqa_tui.actions import bindings_of

if TYPE_CHECKING:
    from sqa_tui.app import SqaApp


@dataclass(frozen=True)
class Choice:
    """A value one can pick: what it is called, and a few words about it."""

    value: str
    label: str
    note: str = ""
    disabled: bool = False


class PickScreen(ModalScreen[str | None]):
    """Typing filters the choices, Enter takes the highlighted one; None when cancelled."""

    CSS_PATH = "pick.tcss"
    BINDINGS = bindings_of("pick")
    AUTO_FOCUS = "#typed"

    def __init__(
        self, title: str, choices: Sequence[Choice], *, current: str = "", free: str = "", edit: bool = False
    ) -> None:
        """`free` says what else may be typed (nothing else if empty); `edit` starts with the current value typed."""
        super().__init__()
        self._title = title
        self._choices = tuple(choices)
        self._current = current
        self._free = free
        self._edit = edit
        self._values: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self._title)
            value = self._current if self._edit else ""
            typed = Input(value, placeholder=self._hint(), id="typed", compact=True, select_on_focus=False)
            typed.cursor_blink = False
            yield typed
            yield OptionList(id="choices", compact=True, markup=False)
            yield Static("", id="note", markup=False)
            yield Static("Enter takes it   ↑ ↓ choose   Esc leaves it", id="keys", markup=False)

    def _hint(self) -> str:
        filters = "type to filter" if self._choices else "type"
        return f"{filters}, or {self._free}" if self._free and self._choices else self._free or filters

    def on_mount(self) -> None:
        typed = self.query_one("#typed", Input)
        typed.cursor_position = len(typed.value)
        self._list("" if not self._edit else self._current)

    @on(Input.Changed, "#typed")
    def _filter(self, event: Input.Changed) -> None:
        self._list(event.value)

    def _list(self, typed: str) -> None:
        words = typed.lower().split()
        found = [choice for choice in self._choices if _matches(choice, words)][:MOST_SHOWN]
        offered = [(choice.value, _prompt(choice), choice.disabled) for choice in found]
        if self._free and typed.strip() and typed not in [choice.value for choice in self._choices]:
            own = (typed.strip(), Text.assemble("use ", (plain(typed.strip()), "bold")), False)
            offered = [own, *offered] if self._edit or not found else [*offered, own]
        self._offer(offered)

    def _offer(self, offered: list[tuple[str, Text, bool]]) -> None:
        self._values = [value for value, _, _ in offered]
        choices = self.query_one("#choices", OptionList)
        choices.clear_options()
        choices.add_options([Option(prompt, disabled=disabled) for _, prompt, disabled in offered])
        usable = [place for place, (_, _, disabled) in enumerate(offered) if not disabled]
        current = self._values.index(self._current) if self._current in self._values else None
        choices.highlighted = current if current in usable else next(iter(usable), None)

    @on(Input.Submitted, "#typed")
    def _take(self) -> None:
        place = self.query_one("#choices", OptionList).highlighted
        if place is not None:
            self.dismiss(self._values[place])
        elif self._free:
            self.dismiss(self.query_one("#typed", Input).value.strip())

    @on(OptionList.OptionHighlighted)
    def _tell(self, event: OptionList.OptionHighlighted) -> None:
        """Show the whole note of the choice that would be taken, where its line has no room for it."""
        value = self._values[event.option_index] if event.option_index < len(self._values) else ""
        choice = next((choice for choice in self._choices if choice.value == value), None)
        room = self.query_one("#choices").size.width
        cut = choice is not None and _prompt(choice).cell_len > room
        note = self.query_one("#note", Static)
        note.update(plain(choice.note) if choice is not None and cut else "")

    @on(OptionList.OptionSelected)
    def _take_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._values[event.option_index])

    def action_up(self) -> None:
        self.query_one("#choices", OptionList).action_cursor_up()

    def action_down(self) -> None:
        self.query_one("#choices", OptionList).action_cursor_down()

    def action_cancel(self) -> None:
        self.dismiss(None)


async def pick(
    app: SqaApp, read: Callable[[], Sequence[Choice] | str], picker: Callable[[Sequence[Choice]], PickScreen]
) -> str | None:
    """Let one of the choices be picked that `read` finds in a thread; keys that are typed ahead wait for the picker.

    Where `read` finds the one answer there is, nobody is asked. None where the user leaves it.
    """
    with app.key_order.held():
        found = await asyncio.to_thread(read)
        if isinstance(found, str):
            return found
        chosen = app.push_screen(picker(found), wait_for_dismiss=True)
    return await chosen


NAME_WIDTH = 30
"""Cells of the column of labels."""
MOST_SHOWN = 200
"""So many choices are offered at once; typing finds the others."""


def _matches(choice: Choice, words: Sequence[str]) -> bool:
    text = f"{choice.label} {choice.note} {choice.value}".lower()
    return all(word in text for word in words)


def _prompt(choice: Choice) -> Text:
    label = plain(choice.label)
    gap = " " * max(NAME_WIDTH - cell_len(label), 2)
    return Text.assemble(label, gap, (plain(choice.note), "dim"), no_wrap=True, overflow="ellipsis")
