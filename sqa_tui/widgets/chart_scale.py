"""Where things lie in a chart: epochs to cells, values to rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqa_tui.widgets.axes import ValueAxis
from sqa_tui.widgets.braille import DOTS_HIGH

GUTTER = 7
"""Cells left of the plot for the words at the value axis."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a chart: a title row, `lanes` rows of phase names, `height` rows of plot and a row of epochs."""

    width: int
    height: int
    lanes: int
    left: int = GUTTER + 1

    @classmethod
    def of(cls, width: int, height: int, lanes: int) -> Frame:
        """The parts for a chart of that size; phase names give way where there is little room."""
        rows = min(lanes, 2 if height >= 14 else 1 if height >= 7 else 0)
        return cls(max(width - GUTTER - 2, 1), max(height - 2 - rows, 1), rows)


@dataclass(frozen=True, slots=True)
class Scale:
    """A frame with both axes."""

    frame: Frame
    end: float
    axis: ValueAxis | None

    def cell(self, x: float) -> int:
        """The cell of the plot that shows epoch `x`, clamped."""
        return min(max(int(x / self.end * self.frame.width), 0), self.frame.width - 1)

    def row(self, value: float) -> int | None:
        """The row of the plot that shows `value`, or None where it lies outside."""
        if self.axis is None:
            return None
        fraction = self.axis.fraction(value)
        if not 0 <= fraction <= 1:
            return None
        return round((1 - fraction) * (self.frame.height * DOTS_HIGH - 1)) // DOTS_HIGH
