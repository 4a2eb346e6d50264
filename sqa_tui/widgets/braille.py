"""Pixel columns to braille cells: two by four dots a cell, several curves over one another."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqa_tui.widgets.axes import ValueAxis
from sqa_tui.widgets.columns import Columns

DOTS_WIDE = 2
DOTS_HIGH = 4
BLANK = 0x2800
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_DASHES = {"solid": (1, 1), "dashed": (6, 3), "dotted": (3, 1)}
"""Period and length of the dashes of a line, in dots: curves stay apart where there is no colour."""


@dataclass
class Canvas:
    """Cells of `width` by `height`: the dots set in each, and the number of the curve that set one last (-1: none)."""

    width: int
    height: int
    bits: list[list[int]] = field(init=False)
    owner: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.bits = [[0] * self.width for _ in range(self.height)]
        self.owner = [[-1] * self.width for _ in range(self.height)]

    def dot_column(self, column: int, top: int, bottom: int, owner: int) -> None:
        """Set the dots from `top` to `bottom` (both included, 0 at the top) of one pixel column."""
        cell, masks = column // DOTS_WIDE, _BITS[column % DOTS_WIDE]
        for y in range(max(top, 0), min(bottom, self.height * DOTS_HIGH - 1) + 1):
            row = y // DOTS_HIGH
            self.bits[row][cell] |= masks[y % DOTS_HIGH]
            self.owner[row][cell] = owner


def draw(canvas: Canvas, columns: Columns, axis: ValueAxis, *, owner: int, dash: str = "solid") -> None:
    """Draw a curve: the span of values of each column, joined to the column before unless a gap lies between."""
    period, length = _DASHES[dash]
    for column, (top, bottom) in _spans(columns, axis, canvas.height * DOTS_HIGH).items():
        if column % period < length:
            canvas.dot_column(column, top, bottom, owner)


def _spans(columns: Columns, axis: ValueAxis, dots: int) -> dict[int, tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}

    def row(value: float) -> float:
        fraction = axis.fraction(value)
        # What lies outside keeps its direction but not its distance, so that a line to it is cut at the edge.
        return (1 - min(max(fraction, -0.2), 1.2)) * (dots - 1) if fraction == fraction else float(dots)

    for column in range(columns.count):
        if columns.low[column] != columns.low[column]:
            continue
        _extend(spans, column, row(columns.high[column]), row(columns.low[column]))
        before = columns.link[column]
        if 0 <= before < column:
            _join(spans, before, row(columns.last[before]), column, row(columns.first[column]))
    return spans


def _join(spans: dict[int, tuple[int, int]], left: int, from_row: float, right: int, to_row: float) -> None:
    slope = (to_row - from_row) / (right - left)
    for column in range(left, right + 1):
        near = from_row + slope * max(column - left - 0.5, 0)
        far = from_row + slope * min(column - left + 0.5, right - left)
        _extend(spans, column, min(near, far), max(near, far))


def _extend(spans: dict[int, tuple[int, int]], column: int, top: float, bottom: float) -> None:
    high, low = round(top), round(bottom)
    if column in spans:
        high, low = min(high, spans[column][0]), max(low, spans[column][1])
    spans[column] = (high, low)
