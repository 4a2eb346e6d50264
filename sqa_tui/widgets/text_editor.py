"""A text area as the screens of this app need it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

KEYS_OF_SCREENS = ("f3", "f4", "f5", "f6", "f7")
"""Keys that mean the same in every field of a screen; a text area would take some of them to select."""

ENDS = (
    Binding("ctrl+home", "first_line", "Beginning of the text", show=False),
    Binding("ctrl+end", "last_line", "End of the text", show=False),
)


def _own_bindings() -> list[Binding]:
    known = [binding for binding in TextArea.BINDINGS if isinstance(binding, Binding)]
    return [binding for binding in known if binding.key not in KEYS_OF_SCREENS]


class TextEditor(TextArea, inherit_bindings=False):
    """Edits text: no blinking cursor, and foreign text is only text."""

    BINDINGS: ClassVar[list[BindingType]] = [*_own_bindings(), *ENDS]

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

    def action_first_line(self) -> None:
        """Put the caret before the whole text."""
        self.move_cursor((0, 0))

    def action_last_line(self) -> None:
        """Put the caret behind the whole text."""
        self.move_cursor(self.document.end)

    def get_line(self, line_index: int) -> Text:
        return Text(printable(self.document.get_line(line_index)), end="", no_wrap=True)


def printable(text: str) -> str:
    """Text of the same length without anything that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)
