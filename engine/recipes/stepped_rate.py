"""The learning rates of `LearningRateModifier`: torch's schedulers as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, count, repeat
from operator import mul

from engine.recipes.clock import epoch_at, first_step_at
from engine.recipes.modifiers import LearningRateModifier

MOST_FACTORS = 1000
"""So many factors are multiplied one by one; what comes after them is a power, whose rounding differs."""


def stepped_learning_rate_at(modifier: LearningRateModifier, step: int, steps_per_epoch: int) -> float:
    """The learning rate at optimizer step `step`, which is not before the modifier's start.

    Factors are multiplied one after the other as torch does. From the end on the rate stays.
    """
    first = first_step_at(modifier.start_epoch, steps_per_epoch)
    if modifier.end_epoch >= 0:
        step = min(step, first_step_at(modifier.end_epoch, steps_per_epoch) - 1)
    if modifier.lr_class == "CosineAnnealingWarmRestarts":
        return _cosine(modifier, epoch_at(max(step, first), steps_per_epoch) - modifier.begins)
    return _repeated(modifier.init_lr, modifier.setting("gamma"), _decays(modifier, step - first, steps_per_epoch))


def turning_steps(modifier: LearningRateModifier, steps_per_epoch: int, last: int, *, most: int) -> list[int]:
    """Steps up to `last` at which the rate jumps and those before them, so that a thinned curve keeps its corners;
    none where there are more than `most` jumps."""
    first = first_step_at(modifier.start_epoch, steps_per_epoch)
    jumps: list[int] = []
    for step in _jumps(modifier, first, steps_per_epoch):
        if step > last or len(jumps) > most:
            break
        jumps.append(step)
    return [step for jump in jumps for step in (jump - 1, jump)] if len(jumps) <= most else []


def _jumps(modifier: LearningRateModifier, first: int, steps_per_epoch: int) -> Iterator[int]:
    if modifier.lr_class == "MultiStepLR":
        reached = sorted(round((epoch - modifier.begins) * steps_per_epoch) for epoch in modifier.milestones)
        yield from (first + step for step in reached if step > 0)
    elif modifier.lr_class == "CosineAnnealingWarmRestarts":
        cycle = modifier.setting("cycle_epochs")
        yield from (first_step_at(modifier.begins + number * cycle, steps_per_epoch) for number in count(1))
    else:
        yield from count(first + _length(modifier, steps_per_epoch), _length(modifier, steps_per_epoch))


def _length(modifier: LearningRateModifier, steps_per_epoch: int) -> int:
    """Steps of the run from one factor to the next."""
    return max(round(modifier.setting("step_size") * steps_per_epoch), 1)


def _decays(modifier: LearningRateModifier, done: int, steps_per_epoch: int) -> int:
    """How many times the rate was multiplied by gamma after `done` steps of the scheduler."""
    if modifier.lr_class == "MultiStepLR":
        reached = [round((epoch - modifier.begins) * steps_per_epoch) for epoch in modifier.milestones]
        return sum(1 for step in reached if 0 < step <= done)
    return max(done, 0) // _length(modifier, steps_per_epoch)


def _repeated(rate: float, factor: float, times: int) -> float:
    exact = _products(rate, factor)[min(times, MOST_FACTORS)]
    try:
        return exact * factor ** max(times - MOST_FACTORS, 0)
    except OverflowError:
        return math.inf


@lru_cache(maxsize=64)
def _products(rate: float, factor: float) -> tuple[float, ...]:
    """A rate times a factor, again and again."""
    return tuple(accumulate(repeat(factor, MOST_FACTORS), mul, initial=rate))


def _cosine(modifier: LearningRateModifier, epoch: float) -> float:
    low, cycle = modifier.setting("lr_min"), modifier.setting("cycle_epochs")
    share = epoch % cycle / cycle
    return low + (modifier.init_lr - low) * (1 + math.cos(math.pi * share)) / 2
