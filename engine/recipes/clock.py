"""The one clock of a run: optimizer steps as epochs."""

from __future__ import annotations

import math

NOMINAL_STEPS = 100
"""Steps of an epoch where nobody has said how many there are."""


def epoch_at(step: int, steps_per_epoch: int) -> float:
    """The epoch before optimizer step `step` (from 0): whole epochs plus the fraction, added in this order.

    The order matters: schedules compare these floats with ``>=``, and cyclic learning rates take remainders of them.
    """
    return float(step // steps_per_epoch) + float(step % steps_per_epoch) / float(steps_per_epoch)


def first_step_at(epoch: float, steps_per_epoch: int) -> int:
    """The first step whose epoch is at least `epoch`; 0 for negative epochs."""
    if epoch <= 0:
        return 0
    step = max(0, math.floor(epoch * steps_per_epoch) - 1)
    while epoch_at(step, steps_per_epoch) < epoch:
        step += 1
    return step


def first_step_after(epoch: float, steps_per_epoch: int) -> int:
    """The first step whose epoch is above `epoch`; 0 for negative epochs."""
    step = first_step_at(epoch, steps_per_epoch)
    return step + 1 if epoch_at(step, steps_per_epoch) <= epoch else step
