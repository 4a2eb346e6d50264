"""What each chart of the Run screen shows of a run."""

from __future__ import annotations

from sqa_tui.run_view import Phase, Plan, RunView
from sqa_tui.widgets.chart_data import Band, ChartData, Curve, Reference

PHASE_COLOURS = ("prune", "qat", "distil", "dense")
"""Phases that a theme has a colour for, as `phase-<name>`."""


def loss(view: RunView) -> ChartData:
    """Task and distillation loss and what training minimises."""
    distils = "distillation_loss" in view.curves
    curves = [
        _curve(view, "task", "task_loss", "chart-2", dash="dashed", smoothed=True) if distils else None,
        _curve(view, "distillation", "distillation_loss", "chart-3", dash="dotted", smoothed=True),
        _curve(view, "total" if distils else "loss", "loss", "chart-1", smoothed=True),
    ]
    return _chart(view, *curves)


def scores(view: RunView) -> ChartData:
    """F1 and EM, with the teacher's F1 as the level to reach."""
    teacher = (Reference("teacher", view.teacher_f1, "chart-4"),) if view.teacher_f1 is not None else ()
    curves = (
        _curve(view, "EM", "exact_match", "chart-2", dash="dashed", mark="◇"),
        _curve(view, "F1", "f1", "chart-1", mark="●"),
    )
    recovery = view.evaluations[-1].recovery if view.evaluations else None
    note = f"recovery {recovery * 100:.1f} %" if recovery is not None else ""
    return _chart(view, *curves, references=teacher, note=note)


def sparsity(view: RunView, plan: Plan) -> ChartData:
    """Share of zeros in the pruned parameters: planned, wanted now and real."""
    curves = (
        Curve("plan", plan.sparsity, "chart-2", planned=True) if plan.sparsity else None,
        _curve(view, "target", "sparsity_target", "chart-2", dash="dashed"),
        _curve(view, "real", "sparsity", "chart-1"),
    )
    return _chart(view, *curves)


def learning_rate(view: RunView, plan: Plan) -> ChartData:
    """Learning rate, planned and real."""
    curves = (
        Curve("plan", plan.learning_rate, "chart-3", planned=True) if plan.learning_rate else None,
        _curve(view, "rate", "learning_rate", "chart-3"),
    )
    return _chart(view, *curves)


def throughput(view: RunView) -> ChartData:
    """Samples a second."""
    return _chart(view, _curve(view, "samples/s", "samples_per_second", "chart-6", smoothed=True))


def bands(timeline: tuple[Phase, ...]) -> tuple[Band, ...]:
    """The phases of a recipe as bands."""
    return tuple(Band(phase.name, phase.start, phase.end, _phase_colour(phase.name)) for phase in timeline)


def _phase_colour(name: str) -> str:
    first = name.casefold().split()[0] if name.split() else ""
    return f"phase-{first}" if first in PHASE_COLOURS else "phase-dense"


def _curve(
    view: RunView, name: str, metric: str, colour: str, *, dash: str = "solid", mark: str = "", smoothed: bool = False
) -> Curve | None:
    points = view.curves.get(metric)
    return Curve(name, points, colour, dash, mark, smoothed) if points else None


def _chart(view: RunView, *curves: Curve | None, references: tuple[Reference, ...] = (), note: str = "") -> ChartData:
    known = tuple(curve for curve in curves if curve)
    return ChartData(known, bands(view.timeline), references, view.total_epochs, note)
