"""Points folded into pixel columns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqa_tui.tracks import BLOCK, Points, Track
from sqa_tui.widgets.columns import Columns, Smoothing

VALUES = st.one_of(st.floats(-100, 100), st.sampled_from([math.nan, math.inf, -math.inf]))


def folded(points: Points, count: int, end: float, smoothing: float = 0.0) -> Columns:
    columns = Columns(count, 0.0, end, smoothing)
    columns.fold(points)
    return columns


@given(st.lists(st.tuples(st.floats(0, 10), VALUES), max_size=400), st.integers(1, 30), st.integers(0, 400))
def test_columns_hold_what_a_look_at_every_point_finds(pairs: list[tuple[float, float]], count: int, cut: int) -> None:
    pairs.sort(key=lambda pair: pair[0])
    track = Track()
    columns = Columns(count, 0.0, 10.0)
    for place, pair in enumerate(pairs):
        track.append(*pair)
        if place == cut:
            columns.fold(track.points())
    columns.fold(track.points())
    for column in range(count):
        held = [y for x, y in pairs if columns.column(x) == column and math.isfinite(y)]
        if not held:
            assert math.isnan(columns.low[column])
            continue
        ends = columns.low[column], columns.high[column], columns.first[column], columns.last[column]
        assert ends == (min(held), max(held), held[0], held[-1])
    assert columns.broken == {columns.column(x) for x, y in pairs if not math.isfinite(y)}


def test_whole_blocks_are_folded_without_their_points() -> None:
    track = Track()
    for place in range(10 * BLOCK):
        track.append(place / 1000, float(place % 7))
    columns = folded(track.points(), 1, 1.0)
    assert (columns.low[0], columns.high[0], columns.last[0]) == (0.0, 6.0, float((10 * BLOCK - 1) % 7))
    # What was folded is not looked at again, even if the track could change.
    track.ys[0] = 99.0
    columns.fold(track.points())
    assert columns.high[0] == 6.0


def test_a_gap_is_not_bridged() -> None:
    columns = folded(Points.of((0.5, 1.0), (1.5, math.nan), (2.5, 2.0), (3.5, 3.0)), 4, 4.0)
    assert columns.link == [-1, -1, -1, 2]
    assert columns.broken == {1}


def test_a_run_that_goes_back_is_not_joined_to_where_it_was() -> None:
    columns = folded(Points.of((0.5, 1.0), (3.5, 1.0), (1.5, 5.0), (2.5, 5.0)), 4, 4.0)
    assert columns.link == [-1, -1, 1, 0]


def test_points_beyond_the_axis_stay_at_its_edge() -> None:
    columns = folded(Points.of((9.0, 1.0)), 4, 4.0)
    assert columns.last[3] == 1.0


def test_extremes_above_zero_leave_out_what_a_logarithm_cannot_show() -> None:
    columns = folded(Points.of((0.5, -1.0), (1.5, 2.0), (2.5, 8.0)), 4, 4.0)
    assert columns.extremes() == (-1.0, 8.0)
    assert columns.extremes(above=0.0) == (2.0, 8.0)
    assert Columns(4, 0.0, 4.0).extremes() is None


def test_smoothing_has_no_bias_at_its_start() -> None:
    smooth = Smoothing(0.9)
    assert [smooth(5.0) for _ in range(3)] == pytest.approx([5.0, 5.0, 5.0])
    smooth = Smoothing(0.5)
    smooth(1.0)
    # (0.5·0.5·1 + 0.5·3) ÷ (1 − 0.5²)
    assert smooth(3.0) == pytest.approx(1.75 / 0.75)


def test_smoothing_leaves_gaps_alone() -> None:
    smooth = Smoothing(0.9)
    smooth(1.0)
    assert math.isnan(smooth(math.nan))
    assert smooth(1.0) == pytest.approx(1.0)


def test_points_stay_what_they_were_while_the_track_grows() -> None:
    track = Track()
    track.append(0.0, 1.0)
    before = track.points()
    track.append(1.0, 2.0)
    assert (len(before), before.last, len(track.points())) == (1, 1.0, 2)
    with pytest.raises(IndexError):
        before[1]


def test_the_nearest_point_and_the_one_before() -> None:
    points = Points.of((0.0, 1.0), (1.0, 2.0), (4.0, 3.0))
    assert points.at(2.4) == (1.0, 2.0)
    assert points.at(2.6) == (4.0, 3.0)
    assert points.at(-1.0) == (0.0, 1.0)
    assert points.before(3.9) == (1.0, 2.0)
    assert points.before(-0.1) is None
    assert Points.of().at(1.0) is None
