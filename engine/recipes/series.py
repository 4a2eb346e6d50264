"""Values that hold over stretches of steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from engine.recipes.clock import epoch_at

MOST_POINTS = 600
"""So many points are kept of a curve that changes at every step; charts are narrower than that."""

Value = float | None
Change = tuple[int, Value]


@dataclass(frozen=True)
class Series:
    """A value over the steps: `values[i]` holds from `steps[i]` (epoch `epochs[i]`) until the next; None: not set.

    A change at the step after the last one is made when the run is finalized.
    """

    steps: tuple[int, ...] = ()
    epochs: tuple[float, ...] = ()
    values: tuple[Value, ...] = ()

    @classmethod
    def of(cls, changes: Iterable[Change], steps_per_epoch: int) -> Series:
        """Changes in order of steps, the last of a step counting."""
        kept = dict(changes)
        epochs = tuple(epoch_at(step, steps_per_epoch) for step in kept)
        return cls(tuple(kept), epochs, tuple(kept.values()))

    def at(self, epoch: float) -> Value:
        """The value that holds at an epoch."""
        place = bisect_right(self.epochs, epoch)
        return self.values[place - 1] if place else None

    @property
    def changes(self) -> list[Change]:
        """Steps with the values that hold from them on."""
        return list(zip(self.steps, self.values, strict=True))


def combined(tracks: Sequence[Sequence[Change]], join: Callable[[list[Value]], Value]) -> list[Change]:
    """What `join` makes of the values of several step functions, at every step at which one changes."""
    current: list[Value] = [None] * len(tracks)
    result: list[Change] = []
    for step, index, value in _in_order(tracks):
        current[index] = value
        result.append((step, join(current)))
    return result


def largest(tracks: Sequence[Sequence[Change]]) -> list[Change]:
    """The largest of several step functions at every step at which one changes."""
    current: list[Value] = [None] * len(tracks)
    highest: list[tuple[float, int]] = []
    result: list[Change] = []
    for step, index, value in _in_order(tracks):
        current[index] = value
        if value is not None:
            heappush(highest, (-value, index))
        while highest and current[highest[0][1]] != -highest[0][0]:
            heappop(highest)
        result.append((step, -highest[0][0] if highest else None))
    return result


def overlaid(tracks: Sequence[Sequence[Change]]) -> list[Change]:
    """Several writers of one value in running order: at one step the last of them counts."""
    return [(step, value) for step, _, value in _in_order(tracks)]


def _in_order(tracks: Sequence[Sequence[Change]]) -> list[tuple[int, int, Value]]:
    """The changes of several tracks by step, then by track, then as they stand in it."""
    moves = [(step, index, value) for index, track in enumerate(tracks) for step, value in track]
    return sorted(moves, key=lambda move: move[:2])
