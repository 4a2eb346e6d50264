"""The steps of a run at which a modifier acts, whole or thinned for a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.recipes.clock import epoch_at, first_step_at
from engine.recipes.modifiers import Modifier
from engine.recipes.schedule import EVERY_STEP, frequency, update_steps
from engine.recipes.series import MOST_POINTS

MOST_UPDATES = 6000
"""So many updates of one schedule are followed one by one before its curve is thinned without them."""

ALL_POINTS, ALL_UPDATES, FEW = 12_000, 60_000, 20
"""So many of both all curves have together, and so few at most a single one is left."""


@dataclass(frozen=True)
class RunSteps:
    """The steps of a run, and how many points a curve may have."""

    steps_per_epoch: int
    total_steps: int
    most_points: int = MOST_POINTS
    compatible: bool = False
    most_updates: int = MOST_UPDATES

    def shared(self, modifiers: Sequence[Modifier]) -> RunSteps:
        """The same with fewer points for each curve where there are many, so that all of them take little time."""
        curves = max(len({course_key(modifier) for modifier in modifiers}), 1)
        points, updates = max(ALL_POINTS // curves, FEW), max(ALL_UPDATES // curves, FEW)
        return replace(self, most_points=min(points, MOST_POINTS), most_updates=min(updates, MOST_UPDATES))

    def epoch(self, step: int) -> float:
        """The epoch before optimizer step `step`."""
        return epoch_at(step, self.steps_per_epoch)

    def step(self, epoch: float) -> int:
        """The first step at or after `epoch`."""
        return first_step_at(epoch, self.steps_per_epoch)

    @property
    def end(self) -> float:
        """The epoch at which the run is over."""
        return self.epoch(self.total_steps)

    def ends(self, modifier: Modifier) -> int | None:
        """The step at which a modifier ends; None where it never does, also where one step passes start and end."""
        end = self.step(modifier.end_epoch)
        return end if modifier.end_epoch >= 0 and self.step(modifier.start_epoch) < end < self.total_steps else None

    def ends_with_the_run(self, modifier: Modifier) -> bool:
        """Whether a modifier's end comes after the last step, so that its last update is made when the run is
        finalized."""
        late = 0 <= modifier.end_epoch <= self.end and self.step(modifier.end_epoch) >= self.total_steps
        return late and not self.compatible

    def every_step(self, modifier: Modifier) -> list[int]:
        """The steps from a modifier's start to its end, both included; the curve's number of points where they are
        more."""
        first, last = self.step(modifier.start_epoch), self.total_steps - 1
        if modifier.end_epoch >= 0:
            last = min(last, max(self.step(modifier.end_epoch), first))
        stride = max(1, (last - first) // self.most_points)
        return sorted({*range(first, last + 1, stride), max(last - 1, first), last}) if first <= last else []

    def updates(self, modifier: Modifier) -> list[int]:
        """The steps at which a modifier with a frequency is updated; some of them where they are many."""
        every = frequency(modifier)
        span = (modifier.end_epoch if modifier.end_epoch >= 0 else self.end) - modifier.begins
        few = max(self.most_updates, self.most_points) * max(every or 0.0, 1 / self.steps_per_epoch)
        if every == EVERY_STEP or (every is not None and span > few):
            return self.every_step(modifier)
        steps = [step for step, _ in update_steps(modifier, self.steps_per_epoch, self.total_steps)]
        stride = max(1, len(steps) // self.most_points)
        return sorted({*steps[::stride], *steps[-2:]})


def course_key(modifier: Modifier) -> str:
    """What of a modifier decides its course: all but the parameters it is for."""
    values = {name: value for name, value in modifier.values().items() if name not in ("params", "mask_type")}
    return f"{type(modifier).__name__}{values}"
