"""What a recipe will do, in a few lines: target sparsity, learning rate and phases over the epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.recipes.timeline import Series, Timeline
from sqa_tui.formatting import percent, sparkline
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.diff_pane import DiffPane

LABEL = 16
"""Cells of the labels on the left."""
FIGURES = 21
"""Cells of the figures on the right."""
PHASE_COLOURS = {"prune": "chart-1", "qat": "chart-4", "distil": "chart-3", "dense": "muted"}


@dataclass(frozen=True)
class TimelineView:
    """A timeline, or why there is none."""

    timeline: Timeline | None
    text: str = ""


class TimelinePane(DiffPane):
    """Draws a `TimelineView`; every line needs one row."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.view = TimelineView(None)

    def show(self, view: TimelineView) -> None:
        """Replace what is shown."""
        self.view = view
        self.redraw()

    def draw(self, width: int, height: int) -> list[CellRow]:
        course = self.view.timeline
        if course is None:
            row = CellRow(width, self.palette.style("muted"))
            row.put(2, self.view.text, self.palette.style("muted"))
            return [row]
        room = max(width - LABEL - FIGURES, 8)
        label = "sparsity" if course.sparsity.steps else "sparsity ≤"
        series = [
            self._series(
                label, course.highest_sparsity, course, room, width, lambda value: percent(value, 0), "chart-1"
            ),
            self._series(
                "learning rate", course.learning_rate, course, room, width, lambda value: f"{value:.1e}", "chart-2"
            ),
        ]
        if height < len(series) + len(course.phases) + 1:
            return [*series, self._phases_in_words(course, width)]
        return [*series, *self._phases(course, room, width), self._axis(course, room, width)]

    def _series(
        self,
        label: str,
        series: Series,
        course: Timeline,
        room: int,
        width: int,
        figure: Callable[[float], str],
        colour: str,
    ) -> CellRow:
        row = CellRow(width, self.palette.style("foreground"))
        row.put(2, label, self.palette.style("muted"))
        values = [series.at(course.total_epochs * (cell + 0.5) / room) for cell in range(room)]
        known = [value for value in series.values if value is not None]
        if not known:
            row.put(LABEL, "not set by this recipe", self.palette.style("muted"))
            return row
        shape = sparkline([value if value is not None else float("nan") for value in values], room)
        row.put(LABEL, shape, self.palette.style(colour))
        row.put(LABEL + room + 1, f"{figure(known[0])} → {figure(known[-1])}", self.palette.style("foreground"))
        return row

    def _phases_in_words(self, course: Timeline, width: int) -> CellRow:
        row = CellRow(width, self.palette.style("foreground"))
        row.put(2, "phases", self.palette.style("muted"))
        x = LABEL
        for phase in course.phases:
            x = row.put(x, phase.name, self.palette.style(PHASE_COLOURS.get(phase.name, "chart-3"), bold=True))
            x = row.put(x, f" {phase.start_epoch:g} – {phase.end_epoch:g}   ", self.palette.style("foreground"))
        row.put(x, f"of {course.total_epochs:g} epochs", self.palette.style("muted"))
        return row

    def _phases(self, course: Timeline, room: int, width: int) -> list[CellRow]:
        rows: list[CellRow] = []
        for phase in course.phases:
            row = CellRow(width, self.palette.style("foreground"))
            row.put(2, phase.name, self.palette.style("muted"))
            total = max(course.total_epochs, 1e-9)
            first, last = int(room * phase.start_epoch / total), round(room * phase.end_epoch / total)
            row.put(
                LABEL + first,
                "━" * max(last - first, 1),
                self.palette.style(PHASE_COLOURS.get(phase.name, "chart-3")),
            )
            row.put(LABEL + room + 1, f"{phase.start_epoch:g} – {phase.end_epoch:g}", self.palette.style("muted"))
            rows.append(row)
        return rows

    def _axis(self, course: Timeline, room: int, width: int) -> CellRow:
        style = self.palette.style("chart-axis")
        row = CellRow(width, style)
        row.put(LABEL, "0", style)
        row.put_right(f"{course.total_epochs:g}", style, LABEL + room)
        row.put(LABEL + room + 1, "epochs", style)
        return row
