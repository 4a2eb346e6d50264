"""Lines of coloured text that repaint only what changed: title bars and details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane


@dataclass(frozen=True)
class Piece:
    """Some text in the colour of a theme variable."""

    text: str
    colour: str = "foreground"
    bold: bool = False


Line = tuple[Piece, ...]


class Lines(DiffPane):
    """A fixed number of lines; a line too long for the pane is cut."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines."""
        if self.lines != tuple(lines):
            self.lines = tuple(lines)
            self.redraw()

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        return "\n".join("".join(piece.text for piece in line) for line in self.lines)

    def draw(self, width: int, height: int) -> list[CellRow]:
        return [self._drawn_line(line, width) for line in self.lines[:height]]

    def _drawn_line(self, line: Line, width: int) -> CellRow:
        row, x = CellRow(width, self.palette.style("foreground")), 0
        for piece in line:
            x = row.put_cut(x, piece.text, self.palette.style(piece.colour, bold=piece.bold))
        return row


class TitleBar(DiffPane):
    """The first line of a screen: where one is, and on the right how things are."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title = title
        self.right: Line = ()

    def show(self, right: Line, title: str | None = None) -> None:
        """Replace the right part, and the title if given."""
        self.title, self.right = title or self.title, right
        self.redraw()

    def draw(self, width: int, height: int) -> list[CellRow]:
        row = CellRow(width, self.palette.style("foreground"))
        x = row.put(1, "sqa-tui", self.palette.style("primary", bold=True))
        row.put(x, f"  {self.title}", self.palette.style("foreground", bold=True))
        x = width - 1 - sum(len(piece.text) for piece in self.right)
        for piece in self.right:
            x = row.put(x, piece.text, self.palette.style(piece.colour, bold=piece.bold))
        return [row]
