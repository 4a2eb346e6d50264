"""What is wrong with a text, a place and a sentence each; the chosen one is where the caret goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from textual import events
from textual.message import Message

from sqa_tui.actions import bindings_of
from sqa_tui.formatting import wrapped
from sqa_tui.recipe_reading import Finding
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane
from sqa_tui.widgets.recipe_editor import SIGNS

PLACE = 10
"""Cells of sign, line and column."""


class FindingsList(DiffPane, can_focus=True):
    """Findings with a cursor; a sentence takes as many rows as it needs."""

    BINDINGS = bindings_of("list")

    @dataclass
    class Chosen(Message):
        """A finding was asked for."""

        finding: Finding

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.findings: tuple[Finding, ...] = ()
        self.empty = ""
        self._cursor = 0
        self._top = 0

    def show(self, findings: Sequence[Finding], empty: str) -> None:
        """Replace the findings; `empty` is said where there are none."""
        self.findings, self.empty = tuple(findings), empty
        self._cursor = min(self._cursor, max(len(self.findings) - 1, 0))
        self.redraw()

    @property
    def selected(self) -> Finding | None:
        """The finding under the cursor."""
        return self.findings[self._cursor] if self.findings else None

    def select(self, finding: Finding) -> None:
        """Put the cursor on this finding."""
        self.move_to(self.findings.index(finding))

    def move_to(self, place: int) -> None:
        """Put the cursor on a finding; it stops at either end."""
        self._cursor = min(max(place, 0), max(len(self.findings) - 1, 0))
        self.redraw()

    def action_up(self) -> None:
        self.move_to(self._cursor - 1)

    def action_down(self) -> None:
        self.move_to(self._cursor + 1)

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self.findings) - 1)

    action_page_up = action_first
    action_page_down = action_last

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        places = [place for place, finding in enumerate(self.findings) for _ in self._words(finding, self.size.width)]
        if 0 <= event.y + self._top < len(places):
            self.move_to(places[event.y + self._top])
            self.post_message(self.Chosen(self.findings[self._cursor]))

    def draw(self, width: int, height: int) -> list[CellRow]:
        if not self.findings:
            row = CellRow(width, self.palette.style("muted"))
            row.put_cut(0, self.empty, self.palette.style("muted"))
            return [row]
        blocks = [self._block(finding, width, place == self._cursor) for place, finding in enumerate(self.findings)]
        first = sum(len(block) for block in blocks[: self._cursor])
        last = first + len(blocks[self._cursor])
        rows = [row for block in blocks for row in block]
        self._top = min(max(self._top, last - height, 0), first, max(len(rows) - height, 0))
        return rows[self._top : self._top + height]

    def _words(self, finding: Finding, width: int) -> list[str]:
        return wrapped(", ".join(part for part in (finding.text, finding.hint) if part), width - PLACE)

    def _block(self, finding: Finding, width: int, current: bool) -> list[CellRow]:
        strength = (0.28 if self.has_focus else 0.14) if current else 0.0

        def style(name: str, *, bold: bool = False) -> Style:
            return self.palette.style(name, tint="primary", strength=strength, bold=bold)

        rows = [CellRow(width, style("foreground")) for _ in self._words(finding, width)]
        sign, colour = SIGNS[finding.level]
        rows[0].put(0, sign, style(colour, bold=True))
        rows[0].put(2, f"{finding.line}:{finding.column}" if finding.line else "", style("muted"))
        for row, words in zip(rows, self._words(finding, width), strict=True):
            row.put_cut(PLACE, words, style("foreground", bold=current and self.has_focus))
        return rows
