"""A line chart in braille, with phases as bands, a crosshair, and repainting of changed cells only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from sqa_tui.actions import bindings_of
from sqa_tui.widgets import axes
from sqa_tui.widgets.axes import Format
from sqa_tui.widgets.cells import CellRow
from sqa_tui.widgets.chart_curves import FoldedCurves, axis_end
from sqa_tui.widgets.chart_data import ChartData
from sqa_tui.widgets.chart_painter import Look
from sqa_tui.widgets.chart_rows import chart_rows
from sqa_tui.widgets.chart_scale import Frame
from sqa_tui.widgets.diff_pane import DiffPane

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
"""Weights of the past that the smoothing key walks through."""
FAR = 10
"""Cells of a far step of the crosshair."""


class LineChart(DiffPane, can_focus=True):
    """Curves over epochs. `show` takes a frozen `ChartData`; only points added since the last call are looked at."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("chart")
    DEFAULT_CSS = "LineChart { height: 1fr; }"

    @dataclass
    class CrosshairMoved(Message):
        """The crosshair of a chart moved to an epoch, or went away."""

        x: float | None

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LineChart.CrosshairMoved)

    def __init__(
        self,
        title: str,
        *,
        value: Format = axes.number,
        tick: Format = axes.tick_number,
        bounds: tuple[float, float] | None = None,
        from_zero: bool = False,
        empty: str = "no values yet",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """A chart without curves.

        Args:
            title: what it shows, in a word or two.
            value: formats a value of the legend.
            tick: formats a value at the axis, in at most six cells.
            bounds: fixed ends of the value axis; else round ends around the values.
            from_zero: whether round ends include zero.
            empty: said while there is no value.
            id: the widget's name in stylesheets and queries.
        """
        super().__init__(id=id)
        self._look = Look(title, value, tick, empty)
        self._data = ChartData()
        self._folded = FoldedCurves(bounds, from_zero=from_zero)

    @property
    def data(self) -> ChartData:
        """What is shown."""
        return self._data

    @property
    def look(self) -> Look:
        """How it is shown."""
        return self._look

    def show(self, data: ChartData) -> None:
        """Show `data`; curves that grew since the last call are continued."""
        self._data = data
        self.redraw()

    def set_crosshair(self, x: float | None) -> None:
        """Put the crosshair at epoch `x`, or away."""
        self._change(crosshair=x)

    def action_crosshair_left(self) -> None:
        """Move the crosshair to the left; it starts at the newest value."""
        self._move(-1)

    def action_crosshair_right(self) -> None:
        """Move the crosshair to the right."""
        self._move(1)

    def action_crosshair_far_left(self) -> None:
        """Move the crosshair far to the left."""
        self._move(-FAR)

    def action_crosshair_far_right(self) -> None:
        """Move the crosshair far to the right."""
        self._move(FAR)

    def action_hide_crosshair(self) -> None:
        """Take the crosshair away."""
        self.set_crosshair(None)
        self.post_message(self.CrosshairMoved(None))

    def action_logarithmic(self) -> None:
        """Change between a linear and a logarithmic value axis."""
        self._folded.forget_axis()
        self._change(logarithmic=not self._look.logarithmic)

    def action_smooth(self) -> None:
        """Smooth the curves more, or not at all after the strongest."""
        place = SMOOTHINGS.index(self._look.smoothing)
        self._change(smoothing=SMOOTHINGS[(place + 1) % len(SMOOTHINGS)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # Escape belongs to the screen unless there is a crosshair to hide.
        return self._look.crosshair is not None if action == "hide_crosshair" else True

    def on_focus(self, _event: events.Focus) -> None:
        self._change(focused=True)

    def on_blur(self, _event: events.Blur) -> None:
        self._change(focused=False)

    def draw(self, width: int, height: int) -> list[CellRow]:
        return chart_rows(self._data, self._folded, self._look, self.palette, width, height)

    def _move(self, cells: int) -> None:
        end = axis_end(self._data)
        step = end / Frame.of(*self.size, 0).width
        x = self._newest() if self._look.crosshair is None else self._look.crosshair + cells * step
        self.set_crosshair(min(max(x, 0.0), end))
        self.post_message(self.CrosshairMoved(self._look.crosshair))

    def _change(self, **fields: object) -> None:
        changed = replace(self._look, **fields)  # type: ignore[arg-type]
        if changed != self._look:
            self._look = changed
            self.redraw()

    def _newest(self) -> float:
        known = [curve.points[-1][0] for curve in self._data.curves if curve.points and not curve.planned]
        return max(known, default=0.0)
