"""What each chart of the Recipe screen shows of a recipe's course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.recipes.timeline import Series, Timeline
from sqa_tui.run_view import Phase
from sqa_tui.screens.run_charts import bands
from sqa_tui.tracks import stairs
from sqa_tui.widgets.chart_data import ChartData, Curve

GROUP_COLOURS = ("chart-1", "chart-2", "chart-3", "chart-4", "chart-5", "chart-6")
DASHES = ("solid", "dashed", "dotted")


def sparsity(course: Timeline, lines: Sequence[int], note: str = "") -> ChartData:
    """The target of every group of parameters, called after the line of its modifier."""
    curves = [
        _curve(name, series, course, GROUP_COLOURS[place % len(GROUP_COLOURS)], DASHES[place // 2 % len(DASHES)])
        for place, (name, series) in enumerate(groups(course, lines))
    ]
    # What is drawn last lies on top and comes first in the legend: the first group of the text.
    return _chart(course, list(reversed(curves)), note)


def groups(course: Timeline, lines: Sequence[int]) -> list[tuple[str, Series]]:
    """Each course of a sparsity target with the lines of the modifiers that have it, in the order of the text."""
    found: dict[Series, list[int]] = {}
    for track in course.tracks:
        if track.quantity == "sparsity":
            found.setdefault(track.series, []).append(lines[track.index])
    in_order = sorted(found.items(), key=lambda item: min(item[1]))
    return [(_named(places), series) for series, places in in_order]


def _named(lines: Sequence[int]) -> str:
    first, others = min(lines), len(set(lines)) - 1
    return f"line {first}+{others}" if others else f"line {first}"


def learning_rate(course: Timeline, note: str = "") -> ChartData:
    """The learning rate of the optimizer's first group."""
    return _chart(course, [_curve("rate", course.learning_rate, course, "chart-3")], note)


def switches(course: Timeline, note: str = "") -> ChartData:
    """Whether fake quantization and its observers are on, and the teacher's weight in the loss."""
    curves = [
        _curve("teacher", course.distillation, course, "chart-3", "dotted"),
        _curve("observers", course.observers, course, "chart-2", "dashed"),
        _curve("QAT", course.quantization, course, "chart-4"),
    ]
    return _chart(course, curves, note)


def noted(data: ChartData, note: str) -> ChartData:
    """The same with other words at the right of its title."""
    return replace(data, note=note if data.curves or data.bands else "")


def _curve(name: str, series: Series, course: Timeline, colour: str, dash: str = "solid") -> Curve | None:
    changes = list(zip(series.epochs, series.values, strict=True))
    started = bool(changes) and changes[0][0] > 0 and name in ("QAT", "observers", "teacher")
    points = stairs([(0.0, 0.0), *changes] if started else changes, course.total_epochs)
    return Curve(name, points, colour, dash) if points else None


def _chart(course: Timeline, curves: list[Curve | None], note: str) -> ChartData:
    phases = tuple(Phase(phase.name, phase.start_epoch, phase.end_epoch) for phase in course.phases)
    known = tuple(curve for curve in curves if curve)
    return ChartData(known, bands(phases), end=course.total_epochs, note=note)
