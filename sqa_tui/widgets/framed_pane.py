"""A pane with a frame like a chart's: a title above, rows below."""

from __future__ import annotations

from rich.cells import cell_len
from rich.style import Style
from textual import events

from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane


class FramedPane(DiffPane, can_focus=True):
    """Subclasses give `body`, the rows inside the frame, and `note`, a few words at the right of the title."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title = title

    def body(self, width: int, height: int) -> list[CellRow]:
        """At most `height` rows of `width` cells."""
        raise NotImplementedError

    def note(self) -> str:
        """A few words at the right of the title; empty for none."""
        return ""

    @property
    def room(self) -> int:
        """Rows inside the frame."""
        return max(self.size.height - 2, 0)

    def draw(self, width: int, height: int) -> list[CellRow]:
        if width < 4 or height < 3:
            return self.body(width, height)
        edge = self.palette.style("mark" if self.has_focus else "chart-grid")
        inner = self.body(width - 4, height - 2)
        inner += [CellRow(width - 4) for _ in range(height - 2 - len(inner))]
        sided = [_sided(row, width, edge) for row in inner]
        return [self._title_row(width, edge), *sided, _line(width, "╰", "╯", edge)]

    def on_focus(self, _event: events.Focus) -> None:
        self.redraw()

    def on_blur(self, _event: events.Blur) -> None:
        self.redraw()

    def _title_row(self, width: int, edge: Style) -> CellRow:
        row = _line(width, "╭", "╮", edge)
        x = row.put(1, f" {self.title} ", self.palette.style("emphasis", bold=True))
        note = self.note()
        if note and x + cell_len(note) + 3 < width:
            row.put_right(f" {note} ", self.palette.style("chart-axis"), end=width - 1)
        return row


def _line(width: int, left: str, right: str, edge: Style) -> CellRow:
    row = CellRow(width, edge, "─")
    row.put(0, left, edge)
    row.put(width - 1, right, edge)
    return row


def _sided(inner: CellRow, width: int, edge: Style) -> CellRow:
    row = CellRow(width)
    row.put(0, "│", edge)
    row.put(width - 1, "│", edge)
    row.glyphs[2 : width - 2], row.styles[2 : width - 2] = inner.glyphs, inner.styles
    return row
