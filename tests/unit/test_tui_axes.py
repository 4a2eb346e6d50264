"""Round axes and the words at them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqa_tui.widgets import axes
from sqa_tui.widgets.axes import ValueAxis
from sqa_tui.widgets.bands import covering, lanes
from sqa_tui.widgets.chart_data import Band


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_round_ends_hold_the_values(low: float, span: float) -> None:
    high = low + span
    axis = ValueAxis.around(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1e-3)
    assert axis.low - slack <= low <= high <= axis.high + slack
    assert axis.high > axis.low


@pytest.mark.parametrize(
    ("low", "high", "ends"), [(0.13, 3.9, (0, 4)), (74.9, 88.5, (70, 90)), (0, 8.1e-5, (0, 1e-4)), (3, 3, (1, 5))]
)
def test_ends_are_round(low: float, high: float, ends: tuple[float, float]) -> None:
    assert axes.nice_bounds(low, high) == pytest.approx(ends)


def test_ticks_are_round_and_inside() -> None:
    assert axes.ticks(0.0, 30.0, 4) == [0.0, 10.0, 20.0, 30.0]
    assert axes.ticks(0.0, 1.0, 2) == [0.0, 0.5, 1.0]


def test_a_logarithmic_axis_shows_decades() -> None:
    axis = ValueAxis.around(0.02, 700.0, logarithmic=True)
    assert (axis.low, axis.high) == pytest.approx((0.02, 1000.0))
    assert axis.ticks(3) == pytest.approx([0.1, 1, 10, 100, 1000])
    assert axis.fraction(1000.0) == pytest.approx(1.0)
    assert axis.fraction(-1.0) != axis.fraction(-1.0)


def test_an_axis_of_unknown_length_grows_in_large_steps() -> None:
    assert [axes.nice_end(value) for value in (0.2, 1.5, 4.9, 5.1, 30)] == [1.0, 2.0, 5.0, 10.0, 50.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0858, "1.086"), (92.6, "92.6"), (128.4, "128"), (6.4e-05, "6.4e-5"), (8e-5, "8e-5"), (0.0, "0.000")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert axes.number(value) == text


@given(st.floats(1e-9, 1e9))
def test_numbers_fit_beside_an_axis(value: float) -> None:
    assert len(axes.number(value)) <= 6
    assert len(axes.tick_number(value)) <= 6


def test_bands_that_overlap_lie_in_lanes_and_the_short_ones_come_first() -> None:
    prune, qat, distil = Band("prune", 2, 18), Band("qat", 22, 30), Band("distil", 0, 30)
    assert lanes((distil, prune, qat), 2) == [[prune, qat], [distil]]
    assert lanes((distil, prune, qat), 1) == [[prune, qat]]
    assert covering((distil, prune, qat), 3.0) is prune
    assert covering((distil, prune, qat), 20.0) is distil
    assert covering((prune,), 20.0) is None
