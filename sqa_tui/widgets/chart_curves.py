"""The curves of a chart folded into its pixel columns, kept from one update to the next."""

from __future__ import annotations

from collections.abc import Iterator

from sqa_tui.tracks import Track
from sqa_tui.widgets.axes import ValueAxis, nice_end
from sqa_tui.widgets.braille import DOTS_WIDE
from sqa_tui.widgets.chart_data import ChartData, Curve
from sqa_tui.widgets.chart_scale import Frame, Scale
from sqa_tui.widgets.columns import Columns


class FoldedCurves:
    """What a chart remembers: columns of every curve, raw and smoothed, and a value axis that only ever widens."""

    def __init__(self, bounds: tuple[float, float] | None = None, *, from_zero: bool = False) -> None:
        self._bounds = bounds
        self._from_zero = from_zero
        self._axis: ValueAxis | None = None
        self._columns: dict[tuple[str, bool], tuple[Track, Columns]] = {}

    def forget_axis(self) -> None:
        """Let the next update choose the value axis anew."""
        self._axis = None

    def update(self, data: ChartData, frame: Frame, smoothing: float, logarithmic: bool) -> Scale:
        """Take in what `data` has more than before; returns where everything lies now."""
        end = axis_end(data)
        columns: dict[tuple[str, bool], tuple[Track, Columns]] = {}
        for curve in data.curves:
            for factor in (0.0, smoothing) if curve.smoothed and smoothing else (0.0,):
                folded = self._columns_for(curve, factor, frame.width * DOTS_WIDE, end)
                folded.fold(curve.points)
                columns[curve.name, bool(factor)] = (curve.points.track, folded)
        if columns.keys().isdisjoint(self._columns) or self._replaced(columns):
            self._axis = None
        self._columns = columns
        self._settle_axis(data, logarithmic)
        return Scale(frame, end, self._axis)

    def raw(self, curve: Curve) -> Columns:
        """The columns of a curve as it is."""
        return self._columns[curve.name, False][1]

    def smoothed(self, curve: Curve) -> Columns | None:
        """The columns of a curve smoothed, where it is."""
        entry = self._columns.get((curve.name, True))
        return entry[1] if entry else None

    def _columns_for(self, curve: Curve, factor: float, count: int, end: float) -> Columns:
        known = self._columns.get((curve.name, bool(factor)))
        if known and known[0] is curve.points.track and known[1].serves(count, end, factor):
            return known[1]
        return Columns(count, 0.0, end, factor)

    def _replaced(self, columns: dict[tuple[str, bool], tuple[Track, Columns]]) -> bool:
        kept = columns.keys() & self._columns.keys()
        return any(columns[key][0] is not self._columns[key][0] for key in kept)

    def _settle_axis(self, data: ChartData, logarithmic: bool) -> None:
        if self._bounds and not logarithmic:
            self._axis = ValueAxis(*self._bounds)
            return
        spans = list(self._spans(logarithmic))
        spans += [(0.0, 0.0)] if self._from_zero and spans and not logarithmic else []
        spans += [(reference.value, reference.value) for reference in data.references if spans]
        if not spans:
            self._axis = None
            return
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
        if self._axis is None or not self._axis.holds(low, high):
            self._axis = ValueAxis.around(low, high, logarithmic=logarithmic)

    def _spans(self, logarithmic: bool) -> Iterator[tuple[float, float]]:
        for _, columns in self._columns.values():
            span = columns.extremes(above=0.0) if logarithmic else columns.extremes()
            if span:
                yield span


def axis_end(data: ChartData) -> float:
    """Right end of the x axis."""
    if data.end:
        return data.end
    return nice_end(max((curve.points[-1][0] for curve in data.curves if curve.points), default=1.0))
