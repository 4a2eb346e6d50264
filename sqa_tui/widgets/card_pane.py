"""A page of lines that are wrapped to the pane and scrolled by keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from sqa_tui.formatting import wrapped
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.framed_pane import FramedPane


@dataclass(frozen=True)
class CardLine:
    """One line of plain text, after a label in its own column; both in the colours of theme variables."""

    text: str = ""
    colour: str = "foreground"
    label: str = ""
    bold: bool = False
    verbatim: bool = False
    """Text whose blanks stay and that is cut instead of wrapped, as that of a recipe."""


LABEL = 14
"""Cells of the column of labels."""


class CardPane(FramedPane):
    """Lines from the first one on; another page begins at its top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_lines(-1)", "Up", show=False),
        Binding("down,j", "scroll_lines(1)", "Down", show=False),
        Binding("pageup", "scroll_pages(-1)", "A page up", show=False),
        Binding("pagedown,space", "scroll_pages(1)", "A page down", show=False),
        Binding("home", "scroll_lines(-1000000)", "First", show=False),
        Binding("end", "scroll_lines(1000000)", "Last", show=False),
    ]

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(title, id=id)
        self._lines: tuple[CardLine, ...] = ()
        self._rows_for: tuple[int, list[CardLine]] = (0, [])
        self._top = 0

    def show(self, lines: Sequence[CardLine], *, keep_place: bool = False) -> None:
        """Replace the page."""
        self._lines = tuple(lines)
        self._rows_for = (0, [])
        self._top = self._top if keep_place else 0
        self.redraw()

    @property
    def text(self) -> str:
        """The whole page without colours."""
        return "\n".join(f"{line.label} {line.text}".strip() for line in self._lines)

    def note(self) -> str:
        below = len(self._wrapped(max(self.size.width - 4, 1))) - self._top - self.room
        return f"{below} more lines" if below > 0 else ""

    def body(self, width: int, height: int) -> list[CellRow]:
        rows = self._wrapped(width)
        self._top = min(max(self._top, 0), max(len(rows) - height, 0))
        return [self._row(line, width) for line in rows[self._top : self._top + height]]

    def action_scroll_lines(self, distance: int) -> None:
        """Scroll by some lines."""
        self._top = max(self._top + distance, 0)
        self.redraw()

    def action_scroll_pages(self, pages: int) -> None:
        """Scroll by pages."""
        self.action_scroll_lines(pages * max(self.room - 1, 1))

    def on_mouse_scroll_down(self) -> None:
        self.action_scroll_lines(1)

    def on_mouse_scroll_up(self) -> None:
        self.action_scroll_lines(-1)

    def _wrapped(self, width: int) -> list[CardLine]:
        if self._rows_for[0] != width:
            self._rows_for = (width, [row for line in self._lines for row in _rows(line, width)])
        return self._rows_for[1]

    def _row(self, line: CardLine, width: int) -> CellRow:
        row = CellRow(width, self.palette.style("foreground"))
        x = 0
        if line.label:
            row.put_cut(0, line.label, self.palette.style("muted"), LABEL - 1)
            x = LABEL
        row.put_cut(x, line.text, self.palette.style(line.colour, bold=line.bold))
        return row


def _rows(line: CardLine, width: int) -> list[CardLine]:
    """The line as rows; what is wrapped goes on in the column where the text began."""
    if line.verbatim:
        return [line]
    column = LABEL if line.label else 0
    first, *rest = wrapped(line.text, width - column, at_hyphens=False)
    return [
        CardLine(first, line.colour, line.label, line.bold),
        *(CardLine(text, line.colour, " " if line.label else "", line.bold) for text in rest),
    ]
