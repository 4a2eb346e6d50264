"""What a chart draws, cell by cell."""

from __future__ import annotations

import math
import random

import pytest

from sqa_tui.themes import DEFAULT_VARIABLES
from sqa_tui.tracks import Points, Track
from sqa_tui.widgets import axes
from sqa_tui.widgets.axes import ValueAxis
from sqa_tui.widgets.bands import lanes
from sqa_tui.widgets.braille import BLANK, DOTS_WIDE, Canvas, draw
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.chart_curves import FoldedCurves
from sqa_tui.widgets.chart_data import Band, ChartData, Curve, Reference
from sqa_tui.widgets.chart_painter import Look, Painter
from sqa_tui.widgets.chart_scale import Frame
from sqa_tui.widgets.columns import Columns
from sqa_tui.widgets.palette import Palette

PALETTE = Palette({**DEFAULT_VARIABLES, "background": "#000000", "foreground": "#ffffff", "error": "#ff0000"})
BASE = Look("loss", axes.number, axes.tick_number, "no values yet")


def paint(data: ChartData, width: int = 60, height: int = 14, look: Look = BASE) -> list[CellRow]:
    folded = FoldedCurves()
    named = lanes(data.bands, 2)
    scale = folded.update(data, Frame.of(width, height, len(named)), look.smoothing, look.logarithmic)
    painter = Painter(data, folded, scale, look, PALETTE)
    rows = [painter.title_row(width), *(painter.lane_row(width, lane) for lane in named[: scale.frame.lanes])]
    return [*rows, *painter.plot_rows(width), painter.bottom_row(width)]


def text(rows: list[CellRow]) -> list[str]:
    return ["".join(row.glyphs) for row in rows]


def curve(*pairs: tuple[float, float], name: str = "loss", **fields: object) -> Curve:
    return Curve(name, Points.of(*pairs), "chart-1", **fields)  # type: ignore[arg-type]


def dots(columns: Columns, axis: ValueAxis, width: int, height: int, dash: str = "solid") -> set[tuple[int, int]]:
    """The dots set, as (pixel column, pixel row from the top)."""
    canvas = Canvas(width, height)
    draw(canvas, columns, axis, owner=0, dash=dash)
    masks = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
    return {
        (cell * DOTS_WIDE + side, row * 4 + line)
        for row, cells in enumerate(canvas.bits)
        for cell, bits in enumerate(cells)
        for side in (0, 1)
        for line in range(4)
        if bits & masks[side][line]
    }


def test_a_line_joins_its_points_without_holes() -> None:
    columns = Columns(20, 0.0, 20.0)
    columns.fold(Points.of((0.5, 0.0), (19.5, 10.0)))
    found = dots(columns, ValueAxis(0.0, 10.0), 10, 5)
    assert {column for column, _ in found} == set(range(20))
    assert (0, 19) in found
    assert (19, 0) in found
    for column in range(19):
        here = [row for at, row in found if at == column]
        after = [row for at, row in found if at == column + 1]
        assert min(abs(a - b) for a in here for b in after) <= 1, "the line is torn"


def test_a_column_shows_all_that_was_in_it() -> None:
    columns = Columns(2, 0.0, 2.0)
    columns.fold(Points.of((0.1, 0.0), (0.2, 10.0), (0.3, 5.0)))
    assert dots(columns, ValueAxis(0.0, 10.0), 1, 2) == {(0, row) for row in range(8)}


def test_a_spike_among_a_hundred_thousand_points_is_seen() -> None:
    track = Track()
    for place in range(100_000):
        track.append(place / 1000, 50.0 if place == 61_803 else 1.0)
    rows = text(paint(ChartData((Curve("loss", track.points(), "chart-1"),), end=100.0)))
    spike = 8 + 51 * 62 // 100
    assert {row[spike] for row in rows[3:-3]} <= {chr(BLANK + 0x47), chr(BLANK + 0xB8)}, "\n".join(rows)


def test_dashes_tell_curves_apart_without_colour() -> None:
    columns = Columns(24, 0.0, 24.0)
    columns.fold(Points.of((0.0, 1.0), (23.9, 1.0)))
    axis = ValueAxis(0.0, 2.0)
    drawn = [tuple(sorted({column for column, _ in dots(columns, axis, 12, 3, dash)})) for dash in
             ("solid", "dashed", "dotted")]  # fmt: skip
    assert len(set(drawn)) == 3
    assert drawn[0] == tuple(range(24))


def test_values_that_are_no_numbers_leave_a_gap_and_a_mark() -> None:
    rows = text(
        paint(ChartData((curve((0.0, 1.0), (10.0, 2.0), (15.0, math.nan), (20.0, 1.0), (30.0, 2.0)),), end=30.0))
    )
    assert rows[1].count("×") == 1
    gap = slice(8 + 51 * 10 // 30 + 1, 8 + 51 * 20 // 30)
    assert not any(glyph > "\u2800" for row in rows[1:-1] for glyph in row[gap] if glyph != "×")


def test_the_frame_names_what_is_shown() -> None:
    data = ChartData(
        (curve((0.0, 4.0), (10.0, 1.5), name="total"),), (Band("prune", 2, 18, "phase-prune"),), end=30.0, note="calm"
    )
    rows = text(paint(data))
    assert rows[0].startswith("╭ loss  ━ total 1.500 ")
    assert rows[0].endswith(" calm ╮")
    assert "▏prune" in rows[1]
    assert all(f" {epoch} " in rows[-1] for epoch in (0, 10, 20, 30))
    assert rows[-1].endswith(" epochs  30 ╯"), "the end of the axis is not covered by what it counts"
    assert {len(row) for row in rows} == {60}


def test_without_values_it_says_so() -> None:
    assert any("no values yet" in row for row in text(paint(ChartData(end=30.0))))


def test_a_plan_alone_is_no_value() -> None:
    rows = text(paint(ChartData((curve((0.0, 0.0), (30.0, 1.0), planned=True),), end=30.0)))
    assert any("no values yet" in row for row in rows)
    assert any(glyph > "\u2800" for row in rows for glyph in row)


def test_a_reference_is_drawn_from_side_to_side_and_named() -> None:
    data = ChartData((curve((1.0, 80.0), (2.0, 85.0), name="F1"),), references=(Reference("teacher", 88.54),), end=30.0)
    rows = text(paint(data))
    assert "┄ teacher 88.5" in rows[0]
    assert any(row.count("┄") == 60 - 9 for row in rows[1:])


def test_the_crosshair_reads_the_values_there() -> None:
    data = ChartData((curve((0.0, 4.0), (10.0, 3.0), (20.0, 2.0), name="total"),), end=30.0)
    rows = text(paint(data, look=Look("loss", axes.number, axes.tick_number, "", crosshair=11.0)))
    assert "total 3.000" in rows[0]
    assert " 11.00 " in rows[-1]
    assert sum(row[8 + 51 * 11 // 30] == "│" for row in rows[1:-1]) >= len(rows) - 4


def test_marks_stand_on_their_points() -> None:
    data = ChartData((curve((10.0, 80.0), (20.0, 90.0), name="F1", mark="●"),), end=30.0)
    assert sum(row.count("●") for row in text(paint(data))[1:]) == 2


def test_a_smoothed_curve_lies_over_its_raw_values() -> None:
    rng = random.Random(3)
    noisy = curve(*((place / 10, rng.random()) for place in range(300)), smoothed=True)
    plain = paint(ChartData((noisy,), end=30.0))
    smooth = paint(ChartData((noisy,), end=30.0), look=Look("loss", axes.number, axes.tick_number, "", smoothing=0.97))
    assert "smoothed 0.97" in text(smooth)[0]
    line = PALETTE.style("chart-1").color
    cells = [
        (was, now, style.color)
        for before, after in zip(plain[1:-1], smooth[1:-1], strict=True)
        for was, now, style in zip(before.glyphs, after.glyphs, after.styles, strict=True)
        if now > "\u2800"
    ]
    assert {colour for _, _, colour in cells} == {line, PALETTE.style("chart-axis").color}
    assert all(was == now for was, now, colour in cells if colour != line), "the raw values must stay where they are"


def test_a_logarithmic_axis_leaves_out_what_is_not_positive() -> None:
    data = ChartData((curve((1.0, -1.0), (10.0, 0.01), (20.0, 100.0)),), end=30.0)
    rows = text(paint(data, look=Look("loss", axes.number, axes.tick_number, "", logarithmic=True)))
    assert "log" in rows[0]
    assert any(row[1:7].strip() == "1" for row in rows)
    assert any(glyph > "\u2800" for row in rows[1:-1] for glyph in row)


@pytest.mark.parametrize(("width", "height"), [(24, 4), (31, 7), (200, 60)])
def test_every_size_is_filled_exactly(width: int, height: int) -> None:
    data = ChartData((curve((0.0, 4.0), (10.0, 3.0)),), (Band("a long name", 2, 3), Band("b", 0, 30)), end=30.0)
    rows = paint(data, width, height)
    assert len(rows) == height
    assert {row.strip().cell_length for row in rows} == {width}


def test_the_value_axis_stays_while_values_fit() -> None:
    folded = FoldedCurves()
    frame = Frame.of(60, 14, 0)
    track = Track()
    ends = []
    for place in range(200):
        track.append(place / 10, 3.0 - place / 100)
        data = ChartData((Curve("loss", track.points(), "chart-1"),), end=30.0)
        axis = folded.update(data, frame, 0.0, False).axis
        assert axis is not None
        ends.append((axis.low, axis.high))
    assert len(set(ends)) <= 5
    assert ends[-1][0] <= 1.0 <= 3.0 <= ends[-1][1]


def test_a_replaced_curve_starts_anew() -> None:
    folded = FoldedCurves()
    frame = Frame.of(60, 14, 0)
    folded.update(ChartData((curve((1.0, 1000.0)),), end=30.0), frame, 0.0, False)
    fresh = curve((1.0, 1.0), (2.0, 2.0))
    scale = folded.update(ChartData((fresh,), end=30.0), frame, 0.0, False)
    assert scale.axis is not None
    assert scale.axis.high < 10
    assert folded.raw(fresh).extremes() == (1.0, 2.0)
