"""Shown instead of a screen that would not fit."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from sqa_tui.screens.base import BaseScreen


class TooSmallScreen(BaseScreen[None]):
    """Says what size is needed, and leaves by itself when the terminal has it."""

    CSS_PATH = "too_small.tcss"

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self._needed = (columns, rows)

    def compose(self) -> ComposeResult:
        yield Static(id="need", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self._say(event.size.width, event.size.height)

    def on_screen_resume(self) -> None:
        self._say(*self.app.size)

    def _say(self, columns: int, rows: int) -> None:
        needed = self._needed
        if columns >= needed[0] and rows >= needed[1]:
            if self.is_current:
                self.app.pop_screen()
            return
        sizes = f"sqa-tui needs {needed[0]}×{needed[1]} cells\nthis terminal has {columns}×{rows}"
        text = f"{sizes}\n\nenlarge it, or press q to quit"
        self.query_one("#need", Static).update(text)
