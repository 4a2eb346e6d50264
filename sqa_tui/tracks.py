"""Points of a curve: written by a watcher, read by a chart, copied by nobody."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK = 64
"""Points summarised together: a block that falls into one pixel column is folded without looking at its points."""

LARGEST = 1e300
"""Beyond this size a value is drawn like an infinity: differences of such values are no numbers any more."""


def is_shown(value: float) -> bool:
    """Whether a chart can show `value`; NaN, infinities and what is as large are gaps."""
    return -LARGEST < value < LARGEST


class Track:
    """Append-only points of one curve, with the extremes of every full block of `BLOCK` points.

    One thread appends; any other may read what a `Points` of it covers, because that part never changes again.
    """

    __slots__ = ("highs", "lows", "xs", "ys")

    def __init__(self) -> None:
        self.xs = array("d")
        self.ys = array("d")
        self.lows = array("d")
        self.highs = array("d")

    def append(self, x: float, y: float) -> None:
        """Add one point; a value that cannot be shown is a gap."""
        self.xs.append(x)
        self.ys.append(y)
        if len(self.ys) % BLOCK == 0:
            self._close_block(len(self.ys) - BLOCK)

    def points(self) -> Points:
        """What there is now, as a frozen value."""
        return Points(self, len(self.ys))

    def _close_block(self, start: int) -> None:
        values = self.ys[start:]
        positions = self.xs[start:]
        plain = all(map(is_shown, values)) and list(positions) == sorted(positions)
        # NaN marks a block with a gap or a step back: its points must be looked at one by one.
        self.lows.append(min(values) if plain else math.nan)
        self.highs.append(max(values) if plain else math.nan)


@dataclass(frozen=True, slots=True)
class Points:
    """The first `length` points of a track, at the time it was taken."""

    track: Track
    length: int

    @classmethod
    def of(cls, *pairs: tuple[float, float]) -> Points:
        """Points of their own, for values known beforehand."""
        track = Track()
        for x, y in pairs:
            track.append(x, y)
        return track.points()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[float, float]:
        if not -self.length <= index < self.length:
            raise IndexError(index)
        place = index % self.length
        return self.track.xs[place], self.track.ys[place]

    @property
    def last(self) -> float | None:
        """The newest value, or None where there is no point yet."""
        return self.track.ys[self.length - 1] if self.length else None

    def at(self, x: float) -> tuple[float, float] | None:
        """The point nearest to `x`; the points are taken to run from left to right."""
        place = self._after(x)
        near = [self[index] for index in (place - 1, place) if 0 <= index < self.length]
        return min(near, key=lambda point: abs(point[0] - x)) if near else None

    def before(self, x: float) -> tuple[float, float] | None:
        """The last point at or before `x`."""
        place = self._after(x)
        return self[place - 1] if place else None

    def _after(self, x: float) -> int:
        return bisect_right(self.track.xs, x, 0, self.length)


def stairs(changes: Iterable[tuple[float, float | None]], end: float) -> Points | None:
    """A value that holds from each change (x, value) to the next, the last one to `end`; None is a gap."""
    corners: list[tuple[float, float]] = []
    for x, value in changes:
        if corners:
            corners.append((x, corners[-1][1]))
        if corners or value is not None:
            corners.append((x, math.nan if value is None else value))
    return Points.of(*corners, (max(end, corners[-1][0]), corners[-1][1])) if corners else None
