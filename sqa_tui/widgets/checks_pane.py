"""Findings before a start: a sign, what, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from sqa_tui.formatting import short_stubs, wrapped
from sqa_tui.launching import Check
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

SIGNS = {"ok": ("✓", "state-finished"), "info": ("✓", "state-finished"), "warning": ("!", "state-stalled")}
ERROR = ("✗", "state-failed")
WRAPPED = ("error", "warning")
"""Levels whose text is shown whole; what is in order has one line."""
ORDER = ("error", "warning", "info", "ok")


class ChecksPane(DiffPane):
    """The worst first; as many lines as there is room for, and how many more there are."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.checks: tuple[Check, ...] | None = None

    def show(self, checks: Sequence[Check] | None) -> None:
        """Replace the findings; None while they are being looked for."""
        known = {level: place for place, level in enumerate(ORDER)}
        self.checks = None if checks is None else tuple(sorted(checks, key=lambda check: known.get(check.level, 0)))
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines on which everything can be read, for a pane of automatic height."""
        return sum(len(self._check_rows(check, width)) for check in self.checks or ())

    def draw(self, width: int, height: int) -> list[CellRow]:
        if self.checks is None:
            return [self._plain("checking …", width)]
        rows = [row for check in self.checks for row in self._check_rows(check, width)]
        if len(rows) > height:
            rows = self._shortened(self.checks, width)
        if len(rows) > height:
            rows[max(height - 1, 0) :] = [self._plain(f"… and {len(rows) - height + 1} more lines: v shows all", width)]
        return rows

    def _shortened(self, checks: Sequence[Check], width: int) -> list[CellRow]:
        """What is in order as one line, so that there is room for the rest."""
        wrong = [check for check in checks if check.level in WRAPPED]
        fine = Check("ok", f"{len(checks) - len(wrong)} of {len(checks)} checks are in order")
        return [row for check in (*wrong, fine) for row in self._check_rows(check, width)]

    def _plain(self, text: str, width: int) -> CellRow:
        row = CellRow(width, self.palette.style("muted"))
        row.put(2, text, self.palette.style("muted"))
        return row

    def _check_rows(self, check: Check, width: int) -> list[CellRow]:
        sign, colour = SIGNS.get(check.level, ERROR)
        row = CellRow(width, self.palette.style("foreground"))
        row.put(0, sign, self.palette.style(colour, bold=True))
        words = wrapped(check.text, width - 2) if check.level in WRAPPED else [short_stubs(check.text)]
        row.put(2, words[0], self.palette.style("foreground"))
        rest = [self._more(text, width, "foreground") for text in words[1:]]
        hints = [self._more(text, width, "muted") for text in wrapped(check.hint, width - 2)] if check.hint else []
        return [row, *rest, *hints]

    def _more(self, text: str, width: int, colour: str) -> CellRow:
        row = CellRow(width, self.palette.style(colour))
        row.put(2, text, self.palette.style(colour))
        return row
