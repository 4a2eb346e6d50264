"""What is no error in the learning rates of a recipe but may not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from engine.recipes.clock import NOMINAL_STEPS
from engine.recipes.modifiers import LearningRateFunctionModifier, LearningRateModifier, SetLearningRateModifier
from engine.recipes.recipe import Recipe
from engine.recipes.timeline import rate_tracks

RateModifier = LearningRateFunctionModifier | LearningRateModifier | SetLearningRateModifier


class RateAdvice(NamedTuple):
    """What is to be said about the modifier at a place of the running order."""

    place: int
    message: str
    suggestion: str


def about_rates(recipe: Recipe, length: float) -> Iterator[RateAdvice]:
    """About the learning rate of a run of `length` epochs."""
    yield from _overwritten(recipe, length)
    yield from _after_the_last(recipe, length)


def _overwritten(recipe: Recipe, length: float) -> Iterator[RateAdvice]:
    """Rates that are set while another modifier sets them at every step."""
    rates = [(index, item) for index, item in enumerate(recipe.modifiers) if isinstance(item, RateModifier)]
    for index, setting in rates:
        for place, other in rates:
            fixed = isinstance(setting, SetLearningRateModifier) and not isinstance(other, SetLearningRateModifier)
            if fixed and setting.begins < length and _covers(other, setting.begins, length) and _alike(setting, other):
                again = f"{other.name} (line {recipe.lines[place]}) sets it again at the next one"
                message = f"{setting.name} sets the learning rate for one step only: {again}"
                yield RateAdvice(index, message, "start it where the other ends")
                break


def _covers(modifier: RateModifier, epoch: float, length: float) -> bool:
    return modifier.begins <= epoch < (modifier.end_epoch if modifier.end_epoch >= 0 else length)


def _alike(one: RateModifier, other: RateModifier) -> bool:
    """Whether both set the rate of one parameter group."""
    first, second = _groups(one), _groups(other)
    return first is None or second is None or not set(first).isdisjoint(second)


def _groups(modifier: RateModifier) -> tuple[int, ...] | None:
    """The parameter groups whose rate is set; None: all of them."""
    return getattr(modifier, "param_groups", None)


def _after_the_last(recipe: Recipe, length: float) -> Iterator[RateAdvice]:
    """What stays until the run ends, once no modifier sets the rate any more."""
    total = round(length * NOMINAL_STEPS)
    known = [track for track in rate_tracks(recipe, NOMINAL_STEPS, total) if track.series.steps]
    # Of two that end together the one that runs later counts.
    last = max(reversed(known), key=lambda track: track.series.steps[-1], default=None)
    if last is None or last.series.steps[-1] >= total - 1:
        return
    epoch, rate, modifier = last.series.epochs[-1], last.series.values[-1], recipe.modifiers[last.index]
    until = f"to the run's end at {length:g}"
    if rate == 0:
        message = f"the learning rate is 0 from epoch {epoch:g} {until}: nothing is learned there"
        yield RateAdvice(last.index, message, "let a modifier set it")
    elif isinstance(modifier, LearningRateFunctionModifier) and rate is not None and _springs(modifier, rate):
        message = f"the learning rate springs to {rate:g} where its cycles end, and stays there from epoch {epoch:g}"
        yield RateAdvice(last.index, f"{message} {until}", "let them end with the run, or add SetLearningRateModifier")


def _springs(modifier: LearningRateFunctionModifier, rate: float) -> bool:
    return modifier.lr_func == "cyclic_linear" and rate == modifier.init_lr != modifier.final_lr
