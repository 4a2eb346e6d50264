"""One or more lines of coloured words that repaint where they change."""

from __future__ import annotations

from rich.cells import cell_len

from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

Words = tuple[str, str]
"""A text and the theme variable of its colour."""


class SegmentsLine(DiffPane):
    """Lines of words, each line cut at the edge; as high as there are lines, hidden where there are none."""

    def __init__(self, *, separator: str = " · ", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._separator = separator
        self._lines: tuple[tuple[Words, ...], ...] = ()

    def show(self, *lines: tuple[Words, ...]) -> None:
        """Show `lines`; only a change of their number changes the layout."""
        if len(lines) != len(self._lines):
            self.styles.height = len(lines)
            self.display = bool(lines)
        self._lines = lines
        self.redraw()

    @property
    def text(self) -> str:
        """What is shown, as plain text."""
        return "\n".join(self._separator.join(text for text, _ in line) for line in self._lines)

    def draw(self, width: int, height: int) -> list[CellRow]:
        return [self._row(line, width) for line in self._lines]

    def _row(self, line: tuple[Words, ...], width: int) -> CellRow:
        row, x = CellRow(width), 1
        for number, (text, colour) in enumerate(line):
            if number and x + cell_len(self._separator + text) > width:
                break
            x = row.put(x, self._separator, self.palette.style("chart-axis")) if number else x
            x = row.put_cut(x, text, self.palette.style(colour))
        return row
