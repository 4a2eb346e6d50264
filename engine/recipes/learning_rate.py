"""Learning rates as functions of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.recipes.modifiers import LearningRateFunctionModifier

_Function = LearningRateFunctionModifier


def learning_rate_at(
    modifier: LearningRateFunctionModifier, epoch: float, steps_per_epoch: int, *, sparseml_compatible: bool = False
) -> float:
    """The learning rate a modifier sets at `epoch`.

    Between its start and end the operands stand in SparseML's order, so the floats are equal. Where the first step
    after the end would overshoot, the rate stays between `init_lr` and `final_lr`; in SparseML it does not.
    """
    formula = _FORMULAS[modifier.lr_func]
    if sparseml_compatible:
        return formula(modifier, epoch, steps_per_epoch)
    rate = formula(modifier, min(epoch, modifier.end_epoch), steps_per_epoch)
    low, high = sorted((modifier.init_lr, modifier.final_lr))
    return min(max(rate, low), high)


def _linear(modifier: _Function, epoch: float, steps_per_epoch: int) -> float:
    start = modifier.begins
    share = (epoch - start) / (modifier.end_epoch - start)
    return modifier.init_lr + share * (modifier.final_lr - modifier.init_lr)


def _cosine(modifier: _Function, epoch: float, steps_per_epoch: int) -> float:
    start, first, last = modifier.begins, modifier.init_lr, modifier.final_lr
    share = (epoch - start) / (modifier.end_epoch - start)
    if last < first:
        reach = first - last
        return math.cos(share * math.pi) * reach / 2 + reach / 2 + last
    reach = last - first
    return math.cos(share * math.pi + math.pi) * reach / 2 + reach / 2 + first


def _cyclic_linear(modifier: _Function, epoch: float, steps_per_epoch: int) -> float:
    cycle = modifier.cycle_epochs * steps_per_epoch
    done = (epoch - modifier.begins) * steps_per_epoch
    total = modifier.end_epoch * steps_per_epoch - modifier.begins * steps_per_epoch
    if done > int(total / cycle) * cycle:
        # What does not fill a cycle at the end is a shorter cycle of its own.
        cycle = total % cycle
    if cycle in (0, 1):
        return modifier.init_lr
    return modifier.init_lr - (done % cycle / (cycle - 1)) * (modifier.init_lr - modifier.final_lr)


_FORMULAS: dict[str, Callable[[_Function, float, int], float]] = {
    "linear": _linear,
    "cosine": _cosine,
    "cyclic_linear": _cyclic_linear,
}
