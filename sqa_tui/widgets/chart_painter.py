"""A chart as rows of cells."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style

from sqa_tui.widgets import axes
from sqa_tui.widgets.axes import Format
from sqa_tui.widgets.bands import covering
from sqa_tui.widgets.braille import BLANK, DOTS_WIDE, Canvas, draw
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.chart_curves import FoldedCurves
from sqa_tui.widgets.chart_data import Band, ChartData, Curve
from sqa_tui.widgets.chart_scale import Scale
from sqa_tui.widgets.columns import Columns
from sqa_tui.widgets.palette import Palette

LINES = {"solid": "━", "dashed": "╍", "dotted": "┅"}
"""How a line of each dash looks in the legend."""
TINT = 0.14
"""How strongly a phase colours the plot below its name, 0…1."""
LANE_TINT = 0.5
"""How strongly a phase colours its name's row, 0…1."""

UNIT = " epochs "
"""What the x axis counts."""

Layer = tuple[Columns, str, str]
"""Columns of a curve, its colour and its dash."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a chart is shown, besides its data."""

    title: str
    value: Format
    tick: Format
    empty: str
    crosshair: float | None = None
    smoothing: float = 0.0
    logarithmic: bool = False
    focused: bool = False


class Painter:
    """Draws one state of a chart."""

    def __init__(self, data: ChartData, folded: FoldedCurves, scale: Scale, look: Look, palette: Palette) -> None:
        self._data, self._folded, self._scale, self._look, self._palette = data, folded, scale, look, palette
        frame = scale.frame
        step = scale.end / frame.width
        around = [covering(data.bands, (cell + 0.5) * step) for cell in range(frame.width)]
        self._tints = [band.colour if band else "" for band in around]
        self._edge = palette.style("mark" if look.focused else "chart-grid")

    # rows

    def title_row(self, width: int) -> CellRow:
        """Frame, title, legend with the newest values (those at the crosshair, where there is one), note."""
        row = CellRow(width, self._edge, "─")
        row.put(0, "╭", self._edge)
        row.put(width - 1, "╮", self._edge)
        x = row.put(1, f" {self._look.title} ", self._palette.style("emphasis", bold=True))
        modes = self._modes()
        note = " · ".join(part for part in (self._data.note, *modes) if part)
        # How values are changed for the eye must be seen; any other note gives way to values.
        end = width - cell_len(note) - 3 if any(modes) else width - 1
        for glyph, text, colour in self._legend():
            if x + cell_len(glyph + text) + 3 > end:
                break
            x = row.put(x, f" {glyph} ", self._palette.style(colour))
            x = row.put(x, f"{text} ", self._palette.style("foreground"))
        if note and x + cell_len(note) + 3 < width:
            row.put_right(f" {note} ", self._palette.style("chart-axis"), end=width - 1)
        return row

    def lane_row(self, width: int, bands: list[Band]) -> CellRow:
        """The names of phases, each over its stretch of the axis."""
        row = self._sided(CellRow(width))
        left = self._scale.frame.left
        for band in bands:
            first, last = self._scale.cell(band.start), self._last_cell(band)
            style = self._palette.style("foreground", tint=band.colour, strength=LANE_TINT)
            row.put(left + first, f"▏{_fitting(band.name, last - first)}".ljust(last - first + 1), style)
        return row

    def plot_rows(self, width: int) -> list[CellRow]:
        """The plot with everything in it, what matters most drawn last."""
        frame = self._scale.frame
        rows = [self._sided(CellRow(width)) for _ in range(frame.height)]
        for row in rows:
            row.styles[frame.left : frame.left + frame.width] = [self._ink("", cell) for cell in range(frame.width)]
        self._draw_boundaries(rows)
        self._draw_references(rows)
        self._draw_crosshair(rows)
        self._draw_curves(rows)
        self._draw_marks(rows)
        self._draw_values(rows)
        if self._scale.axis is None or not any(curve.points for curve in self._data.curves if not curve.planned):
            self._say_empty(rows)
        return rows

    def bottom_row(self, width: int) -> CellRow:
        """Frame with epochs; the crosshair's in place of what it covers."""
        row = CellRow(width, self._edge, "─")
        row.put(0, "╰", self._edge)
        row.put(width - 1, "╯", self._edge)
        frame, style = self._scale.frame, self._palette.style("chart-axis")
        marks = axes.ticks(0.0, self._scale.end, max(frame.width // 12, 1))
        taken = self._put_unit(row, marks[-1], width, style)
        covered = (0, 0)
        if self._look.crosshair is not None:
            text = f" {self._look.crosshair:.2f} "
            start = self._centred(self._look.crosshair, text)
            covered = (start, row.put(start, text, self._palette.style("mark", bold=True)))
        for tick in marks:
            text = f" {axes.tick_number(tick)} "
            start = self._centred(tick, text)
            if all(start + len(text) <= left or start >= right for left, right in (taken, covered)):
                row.put(start, text, style)
        return row

    def _put_unit(self, row: CellRow, last: float, width: int, style: Style) -> tuple[int, int]:
        """Write what the axis counts, right of the last tick or, where that has no room, left of it."""
        text = f" {axes.tick_number(last)} "
        start = self._centred(last, text)
        end = width - 1 if start + len(text) + len(UNIT) < width else start
        return row.put_right(UNIT, style, end=end), end

    # parts of the plot

    def _draw_boundaries(self, rows: list[CellRow]) -> None:
        edges = {edge for band in self._data.bands for edge in (band.start, band.end) if 0 < edge < self._scale.end}
        for cell in {self._scale.cell(edge) for edge in edges}:
            self._column(rows, cell, "┊", "chart-grid")

    def _draw_crosshair(self, rows: list[CellRow]) -> None:
        if self._look.crosshair is not None:
            self._column(rows, self._scale.cell(self._look.crosshair), "│", "mark")

    def _draw_references(self, rows: list[CellRow]) -> None:
        for reference in self._data.references:
            place = self._scale.row(reference.value)
            if place is not None:
                for cell in range(self._scale.frame.width):
                    self._put(rows[place], cell, "┄", reference.colour)

    def _draw_curves(self, rows: list[CellRow]) -> None:
        frame, axis = self._scale.frame, self._scale.axis
        if axis is None:
            return
        # Two canvases: dots of a smoothed curve must not melt into the raw values behind it.
        for layers in self._layers():
            canvas = Canvas(frame.width, frame.height)
            for owner, (columns, _, dash) in enumerate(layers):
                draw(canvas, columns, axis, owner=owner, dash=dash)
            for row, bits, owners in zip(rows, canvas.bits, canvas.owner, strict=True):
                for cell, dots in enumerate(bits):
                    if dots:
                        self._put(row, cell, chr(BLANK + dots), layers[owners[cell]][1])

    def _layers(self) -> tuple[list[Layer], list[Layer]]:
        """What lies behind (raw values of smoothed curves, plans) and what lies in front, each in order of drawing."""
        back: list[Layer] = []
        front: list[Layer] = []
        for curve in self._data.curves:
            smooth = self._folded.smoothed(curve)
            behind = smooth is not None or curve.planned
            raw = (self._folded.raw(curve), "chart-axis" if behind else curve.colour, curve.dash)
            (back if behind else front).append(raw)
            if smooth:
                front.append((smooth, curve.colour, curve.dash))
        return back, front

    def _draw_marks(self, rows: list[CellRow]) -> None:
        for curve in self._data.curves:
            columns = self._folded.raw(curve)
            for column in columns.broken:
                self._put(rows[0], column // DOTS_WIDE, "×", "error", bold=True)
            for column, value in enumerate(columns.last if curve.mark else ()):
                place = self._scale.row(value)
                if place is not None:
                    self._put(rows[place], column // DOTS_WIDE, curve.mark, curve.colour)

    def _draw_values(self, rows: list[CellRow]) -> None:
        frame, axis = self._scale.frame, self._scale.axis
        for value in axis.ticks(max(2, frame.height // 3)) if axis else ():
            place = self._scale.row(value)
            if place is not None:
                text = self._look.tick(value)
                rows[place].put_right(text, self._palette.style("chart-axis"), end=frame.left - 1)

    def _say_empty(self, rows: list[CellRow]) -> None:
        frame = self._scale.frame
        start = frame.left + max((frame.width - cell_len(self._look.empty)) // 2, 0)
        rows[len(rows) // 2].put(start, self._look.empty, self._palette.style("chart-axis"))

    # legend

    def _legend(self) -> list[tuple[str, str, str]]:
        items: list[tuple[str, str, str]] = []
        # What is drawn last, on top, is what matters most: it comes first where there is no room for all.
        for curve in reversed(self._data.curves):
            value = None if curve.planned else self._read(curve)
            if value is not None:
                items.append((curve.mark or LINES[curve.dash], f"{curve.name} {self._look.value(value)}", curve.colour))
        for reference in self._data.references:
            items.append(("┄", f"{reference.name} {self._look.value(reference.value)}", reference.colour))
        return items

    def _read(self, curve: Curve) -> float | None:
        if self._look.crosshair is None:
            return curve.points.last
        point = curve.points.at(self._look.crosshair)
        return point[1] if point else None

    def _modes(self) -> tuple[str, str]:
        smoothing = f"smoothed {self._look.smoothing:g}" if self._look.smoothing else ""
        return smoothing, "log" if self._look.logarithmic else ""

    # cells

    def _sided(self, row: CellRow) -> CellRow:
        row.put(0, "│", self._edge)
        row.put(row.width - 1, "│", self._edge)
        return row

    def _column(self, rows: list[CellRow], cell: int, glyph: str, colour: str) -> None:
        for row in rows:
            self._put(row, cell, glyph, colour)

    def _put(self, row: CellRow, cell: int, glyph: str, colour: str, *, bold: bool = False) -> None:
        row.put(self._scale.frame.left + cell, glyph, self._ink(colour, cell, bold=bold))

    def _ink(self, colour: str, cell: int, *, bold: bool = False) -> Style:
        return self._palette.style(colour, tint=self._tints[cell], strength=TINT, bold=bold)

    def _last_cell(self, band: Band) -> int:
        last = self._scale.cell(band.end)
        return last if band.end >= self._scale.end else max(last - 1, self._scale.cell(band.start))

    def _centred(self, x: float, text: str) -> int:
        frame = self._scale.frame
        start = frame.left + self._scale.cell(x) - len(text) // 2
        return min(max(start, frame.left - 1), frame.left + frame.width - len(text))


def _fitting(name: str, room: int) -> str:
    """A name, or a beginning of it that still says something, or nothing."""
    return name if cell_len(name) <= room else name[:room] if room >= 4 else ""
