"""The text of a recipe: edited, coloured, with problems marked at their lines."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.strip import Strip

from sqa_tui.recipe_reading import Finding, worst_first
from sqa_tui.widgets.palette import Palette, app_of
from sqa_tui.widgets.recipe_syntax import COLOURS, parts
from sqa_tui.widgets.text_editor import TextEditor, printable

SIGNS = {"error": ("✗", "state-failed"), "warning": ("!", "state-stalled"), "note": ("·", "muted")}
"""Sign and colour of a finding's level."""
MORE_LEFT, MORE_RIGHT = "‹", "›"
"""Where a line goes on out of view."""
INDENT = 2
"""Spaces of one level of a recipe."""


class RecipeEditor(TextEditor):
    """A text with line numbers whose gutter tells problems; marking them moves nothing."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        self._painted: dict[int, Strip] = {}
        self._compares = False
        # The style of the caret's line would cover the colours of its text.
        super().__init__(id=id, soft_wrap=False, show_line_numbers=True, highlight_cursor_line=False)
        self.indent_width = INDENT
        self._marks: dict[int, tuple[Finding, ...]] = {}
        self._colours: Palette | None = None

    @property
    def marked(self) -> dict[int, tuple[Finding, ...]]:
        """The findings by line, from 0, the worst of a line first."""
        return self._marks

    def mark(self, findings: Iterable[Finding]) -> None:
        """Show findings at their lines in place of those before; notes and what has no place are not shown here."""
        marks: dict[int, tuple[Finding, ...]] = {}
        for finding in worst_first(findings):
            if finding.line and finding.level != "note":
                marks[finding.line - 1] = (*marks.get(finding.line - 1, ()), finding)
        if marks != self._marks:
            self._marks = marks
            self.notify_style_update()
            self.refresh()

    def finding_at_cursor(self) -> Finding | None:
        """The finding on the line of the caret that is nearest to it."""
        row, column = self.cursor_location
        here = self._marks.get(row, ())
        return min(here, key=lambda finding: abs(finding.column - 1 - column)) if here else None

    def go_to(self, line: int, column: int, length: int = 0) -> None:
        """Put the caret at a place, counted from 1, with some lines around it in view.

        The beginnings of lines stay in view where the place and `length` signs from it fit beside them.
        """
        self.move_cursor((max(line - 1, 0), max(column - 1, 0)), center=True)
        if column + length <= self._room:
            self.scroll_to(x=0, animate=False, force=True)

    # keys

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            self._break_line()
        else:
            await super()._on_key(event)

    def _break_line(self) -> None:
        """A new line with the indentation of this one."""
        start, end = self.selection
        row, column = min(start, end)
        before = self.document.get_line(row)[:column]
        indent = before[: len(before) - len(before.lstrip(" "))]
        self._replace_via_keyboard(f"\n{indent}", start, end)

    # drawing

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> RecipeEditor:
        # A text area paints all of itself at every key; over a slow line that is ten times the bytes.
        if regions or layout or recompose or not repaint or not self._painted:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if not self._compares:
            # Compared when the key is dealt with: until then the text area remembers lines as they were.
            self._compares = True
            self.call_next(self._refresh_changed)
        return self

    def _refresh_changed(self) -> None:
        self._compares = False
        width, height = self.size
        changed = [y for y in range(height) if self.render_line(y) != self._painted.get(y)]
        if changed:
            super().refresh(*(Region(0, y, width, 1) for y in changed))

    def render_lines(self, crop: Region) -> list[Strip]:
        for y in range(crop.y, crop.bottom):
            self._painted[y] = self.render_line(y)
        return super().render_lines(crop)

    def notify_style_update(self) -> None:
        self._colours = None
        super().notify_style_update()

    @property
    def _palette(self) -> Palette:
        if self._colours is None:
            self._colours = Palette.of(app_of(self))
        return self._colours

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        for start, end, kind in parts(line.plain):
            line.stylize(self._palette.style(COLOURS[kind]), start, end)
        for finding in reversed(self._marks.get(line_index, ())):
            colour = self._palette.style(SIGNS[finding.level][1])
            line.stylize(colour + Style(underline=True), *_span(finding, line.plain))
        return line

    def render_line(self, y: int) -> Strip:
        strip, row = super().render_line(y), y + self.scroll_offset.y
        # The gutter ends with two blanks after the number: one for the worst finding, one for text to the left.
        if found := self._marks.get(row):
            sign, colour = SIGNS[found[0].level]
            strip = _with_sign(strip, self.gutter_width - 2, sign, self._palette.style(colour, bold=True))
        left, right = self._out_of_view(row)
        if left:
            strip = _with_sign(strip, self.gutter_width - 1, MORE_LEFT, self._palette.style("mark", bold=True))
        if right:
            strip = _with_sign(strip, self.size.width - 1, MORE_RIGHT, self._palette.style("mark", bold=True))
        return strip

    @property
    def _room(self) -> int:
        """Cells of text beside the gutter."""
        return self.size.width - self.gutter_width

    def _out_of_view(self, row: int) -> tuple[bool, bool]:
        """Whether a line has text to the left of what is seen of it, and to the right where the caret is not."""
        if row >= self.document.line_count:
            return False, False
        line = printable(self.document.get_line(row)).expandtabs(self.indent_width)
        seen_from = self.scroll_offset.x
        end = seen_from + self._room
        caret = self.cursor_location == (row, end - 1)
        return bool(line[:seen_from].strip()), cell_len(line) > end and not caret


def _with_sign(strip: Strip, place: int, sign: str, style: Style) -> Strip:
    """A strip with another sign in one cell, on the background that is there."""
    below = next(iter(strip.crop(place, place + 1)), None)
    style = ((below.style if below else None) or Style()) + style
    return Strip.join([strip.crop(0, place), Strip([Segment(sign, style)], 1), strip.crop(place + 1)])


def _span(finding: Finding, line: str) -> tuple[int, int]:
    """What to mark on a line: what is wrong, else from its place to the end of what is written."""
    start = min(max(finding.column - 1, 0), len(line))
    if finding.length:
        return start, start + finding.length
    # A finding about the whole line starts where its text does.
    start = max(start, len(line) - len(line.lstrip(" ")))
    return start, len(line.rstrip())
