"""What each chart of the Recipe screen shows of a recipe's course."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.recipes.timeline import Series, Timeline
from sqa_tui.recipe_reading import Reading
from sqa_tui.run_view import Phase
from sqa_tui.screens.run_charts import bands
from sqa_tui.tracks import stairs
from sqa_tui.widgets import axes
from sqa_tui.widgets.chart_data import ChartData, Curve
from sqa_tui.widgets.line_chart import LineChart

GROUP_COLOURS = ("chart-1", "chart-2", "chart-3", "chart-4", "chart-5", "chart-6")
DASHES = ("solid", "dashed", "dotted")
STALE = "as before the problems"
UNKNOWN = "nothing is known before the problems are mended"


def charts() -> list[LineChart]:
    """The charts in their order, still empty."""
    return [
        LineChart(
            "sparsity target",
            id="sparsity",
            value=axes.percent,
            tick=axes.tick_percent,
            bounds=(0.0, 1.0),
            empty="no parameter is pruned by a target",
        ),
        LineChart("learning rate", id="rate", empty="not set by the recipe", from_zero=True),
        LineChart("QAT, observers, teacher", id="switches", empty="none of them", from_zero=True),
    ]


def show(shown: Iterable[LineChart], reading: Reading) -> None:
    """Show a reading; where it has problems the charts stay as they were, and say so."""
    for chart in shown:
        if reading.course is None:
            chart.show(replace(chart.data, note=STALE if chart.data.bands else UNKNOWN))
        else:
            chart.show(_DATA[chart.id or ""](reading.course, reading.lines))


def sparsity(course: Timeline, lines: Sequence[int]) -> ChartData:
    """The target of every group of parameters, called after the line of its modifier."""
    curves = [
        _curve(name, series, course, GROUP_COLOURS[place % len(GROUP_COLOURS)], DASHES[place // 2 % len(DASHES)])
        for place, (name, series) in enumerate(groups(course, lines))
    ]
    # What is drawn last lies on top and comes first in the legend: the first group of the text.
    return _chart(course, list(reversed(curves)))


def groups(course: Timeline, lines: Sequence[int]) -> list[tuple[str, Series]]:
    """Each course of a sparsity target with the lines of the modifiers that have it, in the order of the text."""
    found: dict[Series, list[int]] = {}
    for track in course.tracks:
        if track.quantity == "sparsity":
            found.setdefault(track.series, []).append(lines[track.index])
    in_order = sorted(found.items(), key=lambda item: min(item[1]))
    names: list[str] = []
    for _, places in in_order:
        names.append(_named(places, names))
    return [(name, series) for name, (series, _) in zip(names, in_order, strict=True)]


def _named(lines: Sequence[int], taken: Sequence[str]) -> str:
    """`line 16`, with the number of further ones that do the same; a letter tells apart targets of one line."""
    first, others = min(lines), len(set(lines)) - 1
    name = f"line {first}+{others}" if others else f"line {first}"
    again = sum(other.split(" ")[1] == name.split(" ")[1] for other in taken)
    return f"{name} {chr(ord('a') + again)}" if again else name


def learning_rate(course: Timeline, _lines: Sequence[int]) -> ChartData:
    """The learning rate of the optimizer's first group."""
    return _chart(course, [_curve("rate", course.learning_rate, course, "chart-3")])


def switches(course: Timeline, _lines: Sequence[int]) -> ChartData:
    """Whether fake quantization and its observers are on, and the teacher's weight in the loss."""
    curves = [
        _switch("teacher", course.distillation, course, "chart-3", "dotted"),
        _switch("observers", course.observers, course, "chart-2", "dashed"),
        _switch("QAT", course.quantization, course, "chart-4"),
    ]
    return _chart(course, curves)


def _curve(name: str, series: Series, course: Timeline, colour: str, dash: str = "solid") -> Curve | None:
    points = stairs(zip(series.epochs, series.values, strict=True), course.total_epochs)
    return Curve(name, points, colour, dash) if points else None


def _switch(name: str, series: Series, course: Timeline, colour: str, dash: str = "solid") -> Curve | None:
    """A curve that is 0 until something sets it."""
    if not series.epochs:
        return None
    before = [(0.0, 0.0)] if series.epochs[0] > 0 else []
    points = stairs([*before, *zip(series.epochs, series.values, strict=True)], course.total_epochs)
    return Curve(name, points, colour, dash) if points else None


def _chart(course: Timeline, curves: list[Curve | None]) -> ChartData:
    phases = tuple(Phase(phase.name, phase.start_epoch, phase.end_epoch) for phase in course.phases)
    known = tuple(curve for curve in curves if curve)
    return ChartData(known, bands(phases), end=course.total_epochs)


_DATA = {"sparsity": sparsity, "rate": learning_rate, "switches": switches}
"""What each chart shows, by its id."""
