"""The answers of one model: best first, each with probability and place, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.message import Message

from engine.errors import plain
from sqa_tui.actions import bindings_of
from sqa_tui.answers import Answered, Candidate
from sqa_tui.formatting import wrapped
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

SCORE = 6
SPAN = 9
"""Least cells of the column of places."""
GAP = 2


class CandidateList(DiffPane, can_focus=True):
    """A status line, then one line a candidate with a cursor."""

    BINDINGS = bindings_of("list")

    @dataclass
    class Chosen(Message):
        """The cursor is on this candidate."""

        panel: CandidateList
        candidate: Candidate

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.answered: Answered | None = None
        self.status = ""
        self._failed = False
        self._cursor = 0

    @property
    def selected(self) -> Candidate | None:
        """The candidate under the cursor."""
        answers = self.answered.answers if self.answered else []
        return answers[self._cursor] if self._cursor < len(answers) else None

    def say(self, status: str, *, failed: bool = False) -> None:
        """Show one line instead of answers."""
        self.answered, self.status, self._failed = None, status, failed
        self.redraw()

    def show(self, answered: Answered) -> None:
        """Show the answers, the best one chosen."""
        self.answered, self._failed, self._cursor = answered, False, 0
        self.status = describe_time(answered)
        self.redraw()
        self._choose()

    def _choose(self) -> None:
        candidate = self.selected
        if candidate is not None:
            self.post_message(self.Chosen(self, candidate))

    def _move_to(self, place: int) -> None:
        count = len(self.answered.answers) if self.answered else 0
        self._cursor = min(max(place, 0), max(count - 1, 0))
        self.redraw()
        self._choose()

    def action_up(self) -> None:
        self._move_to(self._cursor - 1)

    def action_down(self) -> None:
        self._move_to(self._cursor + 1)

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self.answered.answers) if self.answered else 0)

    action_page_up = action_first
    action_page_down = action_last

    def on_focus(self) -> None:
        self.redraw()
        self._choose()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        self._move_to(event.y)

    def draw(self, width: int, height: int) -> list[CellRow]:
        answers = self.answered.answers if self.answered else []
        span = max([SPAN, *(len(_place(item)) for item in answers)])
        shown = enumerate(answers[: height - 1])
        rows = [self._line(item, width, span, place == self._cursor) for place, item in shown]
        return [*rows, *self._status_rows(width, height - len(rows))]

    def _status_rows(self, width: int, height: int) -> list[CellRow]:
        style = self.palette.style("state-failed" if self._failed else "muted")
        rows: list[CellRow] = []
        lines = wrapped(self.status, width)
        for number, text in enumerate(lines[:height]):
            row = CellRow(width, style)
            more = number == height - 1 and len(lines) > height
            row.put_cut(0, " ".join(lines[number:]) if more else text, style)
            rows.append(row)
        return rows

    def _line(self, candidate: Candidate, width: int, span: int, current: bool) -> CellRow:
        strength = 0.0 if not current else 0.28 if self.has_focus else 0.14

        def style(name: str) -> Style:
            return self.palette.style(name, tint="primary", strength=strength, bold=current)

        row = CellRow(width, style("foreground"))
        row.put(0, "▌" if current else " ", style("primary"))
        place = width - span
        row.put(place, _place(candidate).rjust(span), style("muted"))
        place -= SCORE + GAP
        row.put(place, f"{candidate.score:.3f}".rjust(SCORE), style("mark" if current else "foreground"))
        row.put(2, _cut(plain(candidate.answer) or "no answer", max(place - GAP - 2, 1)), style("foreground"))
        return row


def describe_time(answered: Answered) -> str:
    """`4.1 ms: tokenise 0.6 + run 3.2 + decode 0.3, 1 window`."""
    parts = " + ".join(f"{plain(name)} {value:.1f}" for name, value in answered.milliseconds.items())
    windows = f"{answered.windows} window{'' if answered.windows == 1 else 's'}"
    return f"{answered.total_milliseconds:.1f} ms: {parts}, {windows}" if parts else windows


def _place(candidate: Candidate) -> str:
    return f"{candidate.start}–{candidate.end}"


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)) + "…"
