"""A list with a cursor, as long as may be: only the rows that are seen are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from rich.style import Style
from textual import events
from textual.message import Message

from sqa_tui.actions import bindings_of
from sqa_tui.widgets.diff_pane import DiffPane

Row = TypeVar("Row")


class CursorList(DiffPane, Generic[Row], can_focus=True):
    """Rows under one line of titles; a change of the rows keeps the cursor on its row.

    Subclasses give `key_of`, and `draw` with the rows at `seen`.
    """

    BINDINGS = bindings_of("list")

    class Highlighted(Message):
        """The cursor is on another row, or on what is new of the same one."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CursorList.Highlighted)

    class Opened(Message):
        """The row under the cursor was clicked twice."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self._top = 0

    def key_of(self, row: Row) -> Hashable:
        """What tells a row from others."""
        raise NotImplementedError

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows."""
        before = self.selected
        self.rows = tuple(rows)
        key = self.key_of(before) if before is not None else None
        kept = next((place for place, row in enumerate(self.rows) if self.key_of(row) == key), self.cursor)
        self.cursor = min(kept, max(len(self.rows) - 1, 0))
        self._changed(before)

    def move(self, distance: int) -> None:
        """Move the cursor by lines; it stops at either end."""
        before = self.selected
        self.cursor = min(max(self.cursor + distance, 0), max(len(self.rows) - 1, 0))
        self._changed(before)

    def _changed(self, before: Row | None) -> None:
        self.redraw()
        if self.selected != before:
            self.post_message(self.Highlighted())

    def seen(self, height: int) -> range:
        """Places of the rows that have room in a pane of some height, the cursor's among them."""
        room = max(height - 1, 1)
        self._top = min(max(self._top, self.cursor - room + 1), self.cursor, max(len(self.rows) - room, 0))
        return range(self._top, min(self._top + room, len(self.rows)))

    def row_style(self, name: str, *, current: bool) -> Style:
        """A colour in a row: that of the cursor is bold and tinted, more so where the keys go to the list."""
        strength = 0.0 if not current else 0.28 if self.has_focus else 0.14
        return self.palette.style(name, tint="primary", strength=strength, bold=current)

    def action_up(self) -> None:
        self.move(-1)

    def action_down(self) -> None:
        self.move(1)

    def action_page_up(self) -> None:
        self.move(-max(self.size.height - 2, 1))

    def action_page_down(self) -> None:
        self.move(max(self.size.height - 2, 1))

    def action_first(self) -> None:
        self.move(-len(self.rows))

    def action_last(self) -> None:
        self.move(len(self.rows))

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        place = event.y - 1 + self._top
        if 0 <= place < len(self.rows) and event.y > 0:
            self.move(place - self.cursor)
            if event.chain == 2:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self) -> None:
        self.move(1)

    def on_mouse_scroll_up(self) -> None:
        self.move(-1)
