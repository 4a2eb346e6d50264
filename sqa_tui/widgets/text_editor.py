"""A text area as the screens of this app need it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from sqa_tui.widgets.palette import app_of

KEYS_OF_SCREENS = ("f3", "f4", "f5", "f6", "f7")
"""Keys that mean the same in every field of a screen; a text area would take some of them to select."""


def _own_bindings() -> list[Binding]:
    known = [binding for binding in TextArea.BINDINGS if isinstance(binding, Binding)]
    return [binding for binding in known if binding.key not in KEYS_OF_SCREENS]


class TextEditor(TextArea, inherit_bindings=False):
    """Edits text: no blinking cursor, keys in the order in which they came, and foreign text is only text."""

    BINDINGS: ClassVar[list[BindingType]] = [*_own_bindings()]
    ACTION_OF_KEY: ClassVar[dict[str, str]] = {
        key: binding.action for binding in _own_bindings() for key in binding.key.split(",")
    }

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        soft_wrap: bool = True,
        show_line_numbers: bool = False,
        highlight_cursor_line: bool = True,
    ) -> None:
        super().__init__(
            id=id,
            soft_wrap=soft_wrap,
            show_line_numbers=show_line_numbers,
            highlight_cursor_line=highlight_cursor_line,
            compact=True,
        )
        self.cursor_blink = False

    async def _on_key(self, event: events.Key) -> None:
        # A binding runs only when its key has travelled up to the app. Of keys that come at once, as over a slow line,
        # a letter would overtake the arrow before it and go to the wrong place.
        action = self.ACTION_OF_KEY.get(event.key)
        if action and await app_of(self).run_action(action, default_namespace=self):
            event.stop()
            event.prevent_default()
        else:
            await super()._on_key(event)

    def get_line(self, line_index: int) -> Text:
        return Text(printable(self.document.get_line(line_index)), end="", no_wrap=True)


def printable(text: str) -> str:
    """Text of the same length without anything that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)
