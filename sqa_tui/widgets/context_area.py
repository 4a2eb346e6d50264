"""The text to look for answers in: editable, with the answer marked."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from sqa_tui.widgets.palette import Palette, app_of
from sqa_tui.widgets.text_editor import TextEditor


class ContextArea(TextEditor):
    """A text that can be edited and in which characters `start` to `end` can be marked."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, highlight_cursor_line=False)
        self._marked: tuple[int, int] | None = None

    @property
    def marked_text(self) -> str:
        """The characters that are marked."""
        return self.text[slice(*self._marked)] if self._marked else ""

    def mark(self, start: int, end: int) -> None:
        """Mark a span, in characters of `text`, and bring it into view."""
        self._marked = (start, end) if 0 <= start < end <= len(self.text) else None
        if self._marked:
            self.move_cursor(self._location(start))
        self.notify_style_update()
        self.refresh()

    def clear_mark(self) -> None:
        """Mark nothing."""
        if self._marked:
            self._marked = None
            self.notify_style_update()
            self.refresh()

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        span = self._span_in(line_index)
        if span:
            # Reverse and underlined as well as coloured: seen on any terminal.
            colour = Palette.of(app_of(self)).style("mark")
            line.stylize(colour + Style(reverse=True, bold=True, underline=True), *span)
        return line

    def _location(self, index: int) -> tuple[int, int]:
        """Line and column of a character of `text`."""
        for row, line in enumerate(self.document.lines):
            if index <= len(line):
                return row, index
            index -= len(line) + len(self.document.newline)
        return self.document.end

    def _span_in(self, line_index: int) -> tuple[int, int] | None:
        if self._marked is None:
            return None
        first = self._location(self._marked[0])
        last = self._location(self._marked[1])
        if not first[0] <= line_index <= last[0]:
            return None
        start = first[1] if line_index == first[0] else 0
        end = last[1] if line_index == last[0] else len(self.document.get_line(line_index))
        return start, end
