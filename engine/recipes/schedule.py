"""When a modifier acts: its start, its updates and its end, as pure functions of the epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.recipes.clock import epoch_at, first_step_after, first_step_at
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    AnyQuantizationModifier,
    ConstantPruningModifier,
    DistillationModifier,
    GradualParamModifier,
    GradualPruningModifier,
    LayerPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    Modifier,
    PerLayerDistillationModifier,
    SparsificationLoggingModifier,
)

EVERY_STEP = -1.0

_BY_FREQUENCY = (GradualPruningModifier, ACDCPruningModifier, GradualParamModifier, SparsificationLoggingModifier)
_AT_EVERY_STEP = (
    ConstantPruningModifier,
    DistillationModifier,
    LayerPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    PerLayerDistillationModifier,
)


def frequency(modifier: Modifier) -> float | None:
    """Epochs between two updates, -1 for every step, None for modifiers that act only at their start and end."""
    if isinstance(modifier, _BY_FREQUENCY):
        return modifier.update_frequency
    return EVERY_STEP if isinstance(modifier, _AT_EVERY_STEP) else None


def milestones(modifier: Modifier) -> tuple[float, ...]:
    """Epochs between start and end at which a modifier acts besides: the freezing of observers and batch norms."""
    if not isinstance(modifier, AnyQuantizationModifier):
        return ()
    epochs = (modifier.disable_quantization_observer_epoch, modifier.freeze_bn_stats_epoch)
    return tuple(sorted({epoch for epoch in epochs if epoch is not None}))


class Update(NamedTuple):
    """What an update is: the first one, the last one (only if it had started before), or one in between."""

    epoch: float
    starts: bool
    ends: bool


@dataclass
class UpdateSchedule:
    """The state of one modifier against the clock: started, ended, epoch of the last update.

    Ask `ready`, then call `update` once for that step. When one step passes both start and end, the update only
    starts: the modifier counts as ended and what its end would have undone stays.
    """

    start: float
    end: float
    every: float | None = None
    stops: tuple[float, ...] = ()
    started: bool = False
    ended: bool = False
    last: float = -1.0
    passed: list[float] = field(default_factory=list[float])

    @classmethod
    def of(cls, modifier: Modifier) -> UpdateSchedule:
        """The schedule of a modifier, before its start."""
        return cls(modifier.start_epoch, modifier.end_epoch, frequency(modifier), milestones(modifier))

    def start_pending(self, epoch: float) -> bool:
        """Whether an update now would start it."""
        return not self.started and not self.ended and (epoch >= self.start >= 0 or self.start == -1)

    def end_pending(self, epoch: float) -> bool:
        """Whether an update now would end it."""
        return self.started and not self.ended and epoch >= self.end >= 0

    def ready(self, epoch: float) -> bool:
        """Whether it has to be updated at this epoch."""
        if self.start_pending(epoch) or self.end_pending(epoch):
            return True
        return self.started and not self.ended and (self._due(epoch) or self._stop_pending(epoch))

    def _due(self, epoch: float) -> bool:
        if self.every is None or epoch <= self.start:
            return False
        return self.every == EVERY_STEP or (self.last >= 0 and epoch >= self.last + self.every)

    def _stop_pending(self, epoch: float) -> bool:
        return any(epoch >= stop and stop not in self.passed for stop in self.stops)

    def update(self, epoch: float) -> Update:
        """Note an update at this epoch and say what kind it is."""
        starts, ends = self.start_pending(epoch), self.end_pending(epoch)
        self.started = self.started or starts
        self.ended = self.ended or self.end_pending(epoch)
        self.passed += [stop for stop in self.stops if epoch >= stop and stop not in self.passed]
        self.last = epoch
        return Update(epoch, starts, ends)

    @property
    def active(self) -> bool:
        """Whether it has started and not ended."""
        return self.started and not self.ended

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"started": self.started, "ended": self.ended, "last": self.last, "passed": list(self.passed)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.started, self.ended, self.last = bool(state["started"]), bool(state["ended"]), float(state["last"])
        self.passed = [float(stop) for stop in state["passed"]]


def update_steps(modifier: Modifier, steps_per_epoch: int, total_steps: int) -> Iterator[tuple[int, Update]]:
    """Every step before `total_steps` at which a modifier is updated, in order, without looking at those between."""
    schedule = UpdateSchedule.of(modifier)
    step = first_step_at(modifier.start_epoch, steps_per_epoch)
    while step < total_steps:
        epoch = epoch_at(step, steps_per_epoch)
        if schedule.ready(epoch):
            yield step, schedule.update(epoch)
        following = _next_step(schedule, step, steps_per_epoch)
        if following is None:
            return
        step = following


def _next_step(schedule: UpdateSchedule, step: int, steps_per_epoch: int) -> int | None:
    """The next step at which the schedule can be ready."""
    if schedule.ended:
        return None
    ahead = [stop for stop in (schedule.end, *schedule.stops) if stop >= 0 and stop not in schedule.passed]
    steps = [first_step_at(epoch, steps_per_epoch) for epoch in ahead]
    if schedule.every == EVERY_STEP:
        steps.append(first_step_after(schedule.start, steps_per_epoch))
    elif schedule.every is not None:
        steps.append(first_step_at(schedule.last + schedule.every, steps_per_epoch))
    return max(step + 1, min(steps)) if steps else None
