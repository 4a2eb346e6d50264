"""Rows of styled cells: what a pane draws, and which cells of it changed."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

PLAIN = Style()
"""No colour and no attribute; never None, which Textual's monochrome filter cannot render."""


class CellRow:
    """One line of cells, each with a glyph and a style; the cell after a wide glyph holds an empty one."""

    __slots__ = ("glyphs", "styles", "width")

    def __init__(self, width: int, style: Style = PLAIN, glyph: str = " ") -> None:
        self.width = width
        self.glyphs = [glyph] * width
        self.styles = [style] * width

    def put(self, x: int, text: str, style: Style = PLAIN) -> int:
        """Write `text` at cell `x`, cut at the end of the row; returns the cell after it."""
        for glyph in text:
            size = cell_len(glyph)
            if size == 0:
                continue
            if x + size > self.width:
                return self.width
            if x >= 0:
                self.glyphs[x], self.styles[x] = glyph, style
                if size == 2:
                    self.glyphs[x + 1], self.styles[x + 1] = "", style
            x += size
        return x

    def put_cut(self, x: int, text: str, style: Style = PLAIN, end: int | None = None) -> int:
        """As `put`, with an ellipsis where `text` does not fit before cell `end`."""
        limit = self.width if end is None else end
        if x + cell_len(text) <= limit:
            return self.put(x, text, style)
        return self.put(x, f"{set_cell_size(text, max(limit - x - 1, 0))}…", style) if x < limit else x

    def put_right(self, text: str, style: Style = PLAIN, end: int | None = None) -> int:
        """Write `text` so that it ends before cell `end` (the row's end by default); returns its first cell."""
        start = max((self.width if end is None else end) - cell_len(text), 0)
        self.put(start, text, style)
        return start

    def strip(self) -> Strip:
        """The row as a strip: one segment for each run of cells in the same style.

        A blank cell takes the style before it where only the colour of its missing glyph differs: every change of
        style costs some forty bytes on the wire.
        """
        segments: list[Segment] = []
        start = 0
        for place in range(1, self.width + 1):
            if place == self.width or not self._joins(place, self.styles[start]):
                segments.append(Segment("".join(self.glyphs[start:place]), self.styles[start]))
                start = place
        return Strip(segments, self.width)

    def _joins(self, place: int, style: Style) -> bool:
        own = self.styles[place]
        return own is style or own == style or (self.glyphs[place] == " " and own.bgcolor == style.bgcolor)

    def changed(self, before: CellRow) -> tuple[int, int] | None:
        """First changed cell and the cell after the last one, or None; `before` has the same width."""
        if self.glyphs == before.glyphs and self.styles == before.styles:
            return None
        places = [
            place
            for place in range(self.width)
            if self.glyphs[place] != before.glyphs[place] or self.styles[place] != before.styles[place]
        ]
        return places[0], places[-1] + 1
