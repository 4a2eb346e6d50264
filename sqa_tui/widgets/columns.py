"""Points folded into pixel columns, O(new points) a call."""

from __future__ import annotations

import math

from sqa_tui.tracks import BLOCK, Points, is_shown


class Smoothing:
    """Exponential moving average with the bias of its start removed (Kingma & Ba 2015, section 3)."""

    __slots__ = ("_average", "_weight", "factor")

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self._average = 0.0
        self._weight = 1.0

    def __call__(self, value: float) -> float:
        if not is_shown(value):
            return value
        self._average = self.factor * self._average + (1 - self.factor) * value
        self._weight *= self.factor
        return self._average / (1 - self._weight)


class Columns:
    """Lowest, highest, first and last value of every pixel column between two positions on the x axis.

    `link[c]` is the column of the point before the first one of column `c`, or -1 where a gap lies between.
    """

    __slots__ = (
        "_before",
        "_newest_x",
        "_smoothing",
        "broken",
        "count",
        "end",
        "first",
        "high",
        "last",
        "link",
        "low",
        "start",
        "taken",
    )

    def __init__(self, count: int, start: float, end: float, smoothing: float = 0.0) -> None:
        self.count = count
        self.start = start
        self.end = end
        self.low = [math.nan] * count
        self.high = [math.nan] * count
        self.first = [math.nan] * count
        self.last = [math.nan] * count
        self.link = [-1] * count
        self.broken: set[int] = set()
        self.taken = 0
        self._before = -1
        self._newest_x = -math.inf
        self._smoothing = Smoothing(smoothing) if smoothing else None

    def serves(self, count: int, end: float, smoothing: float) -> bool:
        """Whether these columns were made for that many dots, that end of the axis and that smoothing."""
        factor = self._smoothing.factor if self._smoothing else 0.0
        return (self.count, self.end, factor) == (count, end, smoothing)

    def column(self, x: float) -> int:
        """The pixel column of position `x`, clamped to what is shown."""
        span = self.end - self.start
        place = int((x - self.start) / span * self.count) if span > 0 else 0
        return min(max(place, 0), self.count - 1)

    def fold(self, points: Points) -> None:
        """Take in what was added to `points` since the last call."""
        place = self.taken
        while place < points.length:
            block = place // BLOCK
            whole = place % BLOCK == 0 and block < len(points.track.lows) and place + BLOCK <= points.length
            if whole and self._fold_block(points, block):
                place += BLOCK
            else:
                self._fold_point(points.track.xs[place], points.track.ys[place])
                place += 1
        self.taken = place

    def extremes(self, above: float = -math.inf) -> tuple[float, float] | None:
        """Lowest and highest value of all columns, of those above `above`."""
        values = [value for ends in (self.low, self.high) for value in ends if value > above]
        return (min(values), max(values)) if values else None

    def _fold_block(self, points: Points, block: int) -> bool:
        track, start = points.track, block * BLOCK
        low = track.lows[block]
        first_x, last_x = track.xs[start], track.xs[start + BLOCK - 1]
        column = self.column(first_x)
        if self._smoothing or low != low or column != self.column(last_x) or first_x < self._newest_x:
            return False
        self._enter(column, track.ys[start])
        self._widen(column, low, track.highs[block], track.ys[start + BLOCK - 1])
        self._newest_x = last_x
        return True

    def _fold_point(self, x: float, y: float) -> None:
        column = self.column(x)
        if not is_shown(y):
            self.broken.add(column)
            self._before = -1
            return
        if x < self._newest_x:
            # A resumed run goes back to its checkpoint: no line joins the two.
            self._before = -1
        value = self._smoothing(y) if self._smoothing else y
        self._enter(column, value)
        self._widen(column, value, value, value)
        self._newest_x = x

    def _enter(self, column: int, value: float) -> None:
        if self.first[column] == self.first[column]:
            return
        self.first[column] = value
        self.link[column] = self._before

    def _widen(self, column: int, low: float, high: float, last: float) -> None:
        # NaN compares false, so an empty column takes the new value.
        self.low[column] = self.low[column] if self.low[column] <= low else low
        self.high[column] = self.high[column] if self.high[column] >= high else high
        self.last[column] = last
        self._before = column
