"""A whole chart as rows of cells, for a widget or for a terminal without one."""

from __future__ import annotations

from sqa_tui.widgets.bands import lanes
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.chart_curves import FoldedCurves
from sqa_tui.widgets.chart_data import ChartData
from sqa_tui.widgets.chart_painter import Look, Painter
from sqa_tui.widgets.chart_scale import Frame
from sqa_tui.widgets.palette import Palette

MOST_LANES = 2
"""Rows of phase names above a plot that has the room."""
SMALLEST = (24, 4)
"""Cells below which a chart says that it needs more room."""


def chart_rows(
    data: ChartData, folded: FoldedCurves, look: Look, palette: Palette, width: int, height: int
) -> list[CellRow]:
    """`height` rows of `width` cells; one that says so where a chart of that size would show nothing.

    `folded` is what is kept of the curves from one call to the next.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return [_too_small(width, look.title)]
    named = lanes(data.bands, MOST_LANES)
    frame = Frame.of(width, height, len(named))
    scale = folded.update(data, frame, look.smoothing, look.logarithmic)
    painter = Painter(data, folded, scale, look, palette)
    rows = [painter.title_row(width)]
    rows += [painter.lane_row(width, lane) for lane in named[: frame.lanes]]
    rows += painter.plot_rows(width)
    return [*rows, painter.bottom_row(width)]


def _too_small(width: int, title: str) -> CellRow:
    row = CellRow(width)
    row.put(0, f"{title}: needs more room")
    return row
