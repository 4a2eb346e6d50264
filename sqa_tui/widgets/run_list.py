"""The list of runs: one line a run, columns as the width allows, only changed cells repainted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from sqa_tui.formatting import cut_middle, number, percent, progress_bar, sparkline
from sqa_tui.states import glyph
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.cursor_list import CursorList


@dataclass(frozen=True)
class RunRow:
    """What the list shows of one run; all text is plain."""

    id: str
    path: Path
    name: str
    state: str
    reason: str
    progress: float | None = None
    sparsity: float | None = None
    """Real sparsity over the pruned parameters, 0…1."""
    f1: float | None = None
    """0…100."""
    recovery: float | None = None
    """F1 ÷ teacher's F1."""
    time: str = ""
    """Time left of a run that goes on, time taken of one that ended."""
    losses: tuple[float, ...] = ()
    description: tuple[str, ...] = ()
    """More lines for the selected run."""
    search: str = ""
    """Lower-case text that the filter looks in."""

    def matches(self, words: str) -> bool:
        return all(word in self.search for word in words.lower().split())


@dataclass(frozen=True)
class Column:
    """One column: title, cells, the narrowest list that shows it, its text and its colour for a run."""

    title: str
    width: int
    needs: int
    text: Callable[[RunRow], str]
    colour: Callable[[RunRow], str]
    right: bool = True


def _state_colour(row: RunRow) -> str:
    return f"state-{row.state}"


def _plain_colour(row: RunRow) -> str:
    return "foreground"


def _muted(row: RunRow) -> str:
    return "muted"


BAR = 10
"""Cells of the progress bar."""
SPARK = 10
"""Cells of the loss sparkline."""
NAME = (12, 34)
"""Least and most cells of a run's name."""

COLUMNS = (
    Column("progress", BAR, 0, lambda row: progress_bar(row.progress, BAR), _state_colour),
    Column("", 5, 0, lambda row: percent(row.progress, 0), _plain_colour),
    Column("sparsity", 8, 66, lambda row: percent(row.sparsity), _plain_colour),
    Column("F1", 5, 0, lambda row: number(row.f1), _plain_colour),
    Column("recovery", 8, 104, lambda row: percent(row.recovery), _plain_colour),
    Column("loss", SPARK, 92, lambda row: sparkline(row.losses, SPARK), lambda row: "chart-1"),
    Column("time", 12, 0, lambda row: row.time, _muted),
)
LEFT = 4
"""Cells before the name: the cursor and the glyph of the state."""
GAP = 2


class RunList(CursorList[RunRow]):
    """Runs under a line of titles."""

    def key_of(self, row: RunRow) -> str:
        return row.id

    def draw(self, width: int, height: int) -> list[CellRow]:
        columns, name_width = _fit(width, max((cell_len(row.name) for row in self.rows), default=0))
        lines = [self._titles(width, columns, name_width)] if self.rows else []
        for place in self.seen(height):
            lines.append(self._line(self.rows[place], width, columns, name_width, place == self.cursor))
        return lines

    def _titles(self, width: int, columns: list[Column], name_width: int) -> CellRow:
        line, style = CellRow(width, self.palette.style("muted")), self.palette.style("muted")
        line.put(LEFT, "run", style)
        x = LEFT + name_width + GAP
        for column in columns:
            title = column.title if column.title == "progress" else column.title.rjust(column.width)
            line.put(x, title, style)
            x += column.width + GAP
        if width - x >= _REASON:
            line.put(x, "state", style)
        return line

    def _line(self, row: RunRow, width: int, columns: list[Column], name_width: int, current: bool) -> CellRow:
        def style(name: str) -> Style:
            return self.row_style(name, current=current)

        line = CellRow(width, style("foreground"))
        line.put(0, "▌" if current else " ", style("primary"))
        line.put(2, glyph(row.state), style(_state_colour(row)))
        line.put(LEFT, cut_middle(row.name, name_width), style("foreground"))
        x = LEFT + name_width + GAP
        for column in columns:
            text = column.text(row)
            line.put(x, text.rjust(column.width), style(column.colour(row)))
            if column.title == "progress":
                line.put(x + text.find("░"), text.strip("█▏▎▍▌▋▊▉ "), style("chart-grid"))
            x += column.width + GAP
        if width - x >= _REASON:
            line.put(x, _cut(f"{row.state}: {row.reason}" if row.reason else row.state, width - x), style("muted"))
        return line


_REASON = 16
"""Least cells for a run's reason; below that the detail under the list is the only place for it."""


def _fit(width: int, longest: int) -> tuple[list[Column], int]:
    """The columns there is room for, and the cells of a name: more than usual where the reason still has enough."""
    columns = [column for column in COLUMNS if width >= column.needs]
    rest = width - LEFT - GAP - sum(column.width + GAP for column in columns)
    most = max(NAME[1], min(longest, rest - 2 * _REASON))
    return columns, min(max(rest, NAME[0]), most)


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
