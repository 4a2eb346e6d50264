"""Axes with round ends that stay where they are, and the words at their ticks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Format = Callable[[float], str]

SMALLEST_SPAN = 1e-290
"""What differs by less is one value: steps of such axes would be no normal numbers."""


def nice_step(span: float, count: int) -> float:
    """The step of 1, 2 or 5 times a power of ten that divides `span` into at most about `count` parts."""
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values from `low` to `high`."""
    if not high > low:
        return [low]
    step = nice_step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def nice_bounds(low: float, high: float, count: int = 4) -> tuple[float, float]:
    """Round ends that hold `low` and `high`; a flat line gets room above and below."""
    if high - low <= max(1e-12 * max(abs(low), abs(high)), SMALLEST_SPAN):
        margin = abs(high) / 2 if abs(high) > SMALLEST_SPAN else 0.5
        low, high = low - margin, high + margin
    step = nice_step(high - low, count)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def nice_end(value: float) -> float:
    """A round end of an x axis whose length nobody knows: it grows in few, large jumps."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)


def number(value: float) -> str:
    """A value in at most six cells: ``1.234``, ``128``, ``3e-05``."""
    size = abs(value)
    if value != value or size == math.inf:
        return str(value)
    if size and (size < 1e-3 or size >= 1e5):
        return f"{value:.1e}".replace(".0e", "e").replace("e-0", "e-").replace("e+0", "e")
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if size < 10 else f"{value:.1f}"


def tick_number(value: float) -> str:
    """As `number`, without zeros that say nothing."""
    text = number(0.0 if abs(value) < 1e-12 else value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(value: float) -> str:
    """A share in 0…1 as per cent."""
    return f"{value * 100:.1f} %"


def tick_percent(value: float) -> str:
    """A share in 0…1 as whole per cent."""
    return f"{value * 100:.0f} %"


def score(value: float) -> str:
    """EM or F1 in 0…100."""
    return f"{value:.2f}"


@dataclass(frozen=True)
class ValueAxis:
    """A vertical axis: value to fraction of its height, 0 at the bottom."""

    low: float
    high: float
    logarithmic: bool = False

    def fraction(self, value: float) -> float:
        """Where `value` lies, 0…1 between the ends; NaN for what a logarithmic axis cannot show."""
        if not self.logarithmic:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return math.nan
        bottom = math.log10(self.low)
        return (math.log10(value) - bottom) / (math.log10(self.high) - bottom)

    def ticks(self, count: int) -> list[float]:
        """Round values to write beside the axis."""
        if not self.logarithmic:
            return ticks(self.low, self.high, count)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        decades = [10.0**power for power in range(first, last + 1)]
        parts = decades if len(decades) >= 3 else [factor * decade for decade in decades for factor in (1, 2, 5)]
        return [value for value in parts if self.low * 0.999 <= value <= self.high * 1.001]

    @classmethod
    def around(cls, low: float, high: float, *, logarithmic: bool = False) -> ValueAxis:
        """An axis with round ends that holds both values."""
        if logarithmic and low > 0:
            return cls(_round_down(low), _round_up(high if high > low else low * 2), True)
        return cls(*nice_bounds(low, high))

    def holds(self, low: float, high: float) -> bool:
        """Whether both values lie on the axis."""
        return self.low <= low and high <= self.high


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= value * 1.0001)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.9999)
