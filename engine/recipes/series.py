"""Values that hold over stretches of steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 600
"""So many points are kept of a curve that changes at every step; charts are narrower than that."""

Value = float | None
Change = tuple[int, Value]


@dataclass(frozen=True)
class Series:
    """A value over the steps: `values[i]` holds from `steps[i]` (epoch `epochs[i]`) until the next; None: not set."""

    steps: tuple[int, ...] = ()
    epochs: tuple[float, ...] = ()
    values: tuple[Value, ...] = ()

    def at(self, epoch: float) -> Value:
        """The value that holds at an epoch."""
        place = bisect_right(self.epochs, epoch)
        return self.values[place - 1] if place else None


def largest(tracks: Sequence[Sequence[Change]]) -> list[Change]:
    """The largest of several step functions at every step at which one changes."""
    current: list[Value] = [None] * len(tracks)
    result: list[Change] = []
    for step, index, value in _in_order(tracks):
        current[index] = value
        result.append((step, max((known for known in current if known is not None), default=None)))
    return result


def overlaid(tracks: Sequence[Sequence[Change]]) -> list[Change]:
    """Several writers of one value in running order: at one step the last of them counts."""
    return [(step, value) for step, _, value in _in_order(tracks)]


def _in_order(tracks: Sequence[Sequence[Change]]) -> list[tuple[int, int, Value]]:
    """The changes of several tracks by step, then by track, then as they stand in it."""
    moves = [(step, index, value) for index, track in enumerate(tracks) for step, value in track]
    return sorted(moves, key=lambda move: move[:2])
