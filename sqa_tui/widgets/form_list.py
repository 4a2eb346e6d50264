"""A form as a list of lines: label, value, a note; what a line means is the screen's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.message import Message

from engine.errors import plain
from sqa_tui.actions import bindings_of
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

LABEL = 16
"""Cells of the column of labels, cursor included; more where labels are long."""
LONGEST_LABEL = 32
GAP = 2


@dataclass(frozen=True)
class FormRow:
    """One line of a form."""

    name: str
    label: str
    value: str
    note: str = ""
    button: bool = False
    """A line that does something instead of holding a value."""
    wrong: bool = False
    """Whether the value cannot be taken; the note says why."""


class FormList(DiffPane, can_focus=True):
    """Lines with a cursor."""

    BINDINGS = bindings_of("list")

    class Chosen(Message):
        """The line under the cursor was clicked twice."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.rows: tuple[FormRow, ...] = ()
        self._cursor = 0
        self._top = 0

    @property
    def selected(self) -> FormRow:
        """The line under the cursor."""
        return self.rows[self._cursor]

    def show(self, rows: Sequence[FormRow]) -> None:
        """Replace the lines; the cursor stays on its place."""
        self.rows = tuple(rows)
        self._cursor = min(self._cursor, max(len(self.rows) - 1, 0))
        self.redraw()

    def select(self, name: str) -> None:
        """Put the cursor on the line of this name."""
        self.move_to(next(place for place, row in enumerate(self.rows) if row.name == name))

    def move_to(self, place: int) -> None:
        """Put the cursor on a line; it stops at either end."""
        self._cursor = min(max(place, 0), len(self.rows) - 1)
        self.redraw()

    def action_up(self) -> None:
        self.move_to(self._cursor - 1)

    def action_down(self) -> None:
        self.move_to(self._cursor + 1)

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self.rows) - 1)

    action_page_up = action_first
    action_page_down = action_last

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        if 0 <= event.y + self._top < len(self.rows):
            self.move_to(event.y + self._top)
            if event.chain == 2:
                self.post_message(self.Chosen())

    def draw(self, width: int, height: int) -> list[CellRow]:
        self._top = min(max(self._top, self._cursor - height + 1, 0), self._cursor, max(len(self.rows) - height, 0))
        label = min(max([LABEL, *(cell_len(row.label) + GAP + 2 for row in self.rows)]), LONGEST_LABEL)
        shown = enumerate(self.rows[self._top : self._top + height], self._top)
        return [self._line(row, width, label, place == self._cursor) for place, row in shown]

    def _line(self, row: FormRow, width: int, label: int, current: bool) -> CellRow:
        strength = 0.0 if not current else 0.28 if self.has_focus else 0.14

        def style(name: str, bold: bool = current) -> Style:
            return self.palette.style(name, tint="primary", strength=strength, bold=bold)

        line = CellRow(width, style("foreground"))
        line.put(0, "▌" if current else " ", style("primary"))
        if row.button:
            x = line.put(2, row.label, style("primary", bold=True))
            line.put(x + GAP, _cut(row.note, width - x - GAP), style("muted", bold=False))
            return line
        line.put(2, _cut(plain(row.label), label - GAP - 1), style("muted"))
        value = plain(row.value)
        x = line.put(label, _cut(value or "–", width - label), style("foreground" if value else "muted"))
        note = _cut(f"✗ {plain(row.note)}" if row.wrong else plain(row.note), max(width - x - 2 * GAP, 0))
        line.put_right(note, style("state-failed" if row.wrong else "muted", bold=False), width - 1)
        return line


def _cut(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + "…" if width > 1 else ""
