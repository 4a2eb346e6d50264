"""What a chart shows, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from sqa_tui.tracks import Points


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart."""

    name: str
    points: Points
    colour: str
    """Name of a theme variable."""
    dash: str = "solid"
    """`solid`, `dashed` or `dotted`."""
    mark: str = ""
    """A glyph put on every point; for curves of few points."""
    smoothed: bool = False
    """Whether smoothing applies: the raw values then stay behind it, dimmed."""
    planned: bool = False
    """Drawn dimmed and left out of the legend: what the recipe will do."""


@dataclass(frozen=True, slots=True)
class Band:
    """A phase: a stretch of the x axis with a name."""

    name: str
    start: float
    end: float
    colour: str = "phase-dense"


@dataclass(frozen=True, slots=True)
class Reference:
    """A level to compare with, drawn from side to side."""

    name: str
    value: float
    colour: str = "chart-axis"


@dataclass(frozen=True, slots=True)
class ChartData:
    """Everything one chart shows."""

    curves: tuple[Curve, ...] = ()
    bands: tuple[Band, ...] = ()
    references: tuple[Reference, ...] = ()
    end: float | None = None
    """Right end of the x axis where it is known; else it grows in large steps."""
    note: str = ""
    """A few words at the right of the title."""
