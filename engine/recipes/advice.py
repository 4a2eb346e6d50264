"""What is no error in a recipe but may not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from engine.recipes.clock import NOMINAL_STEPS, first_step_at
from engine.recipes.interpolation import targets
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    AnyQuantizationModifier,
    ConstantPruningModifier,
    EpochRangeModifier,
    GradualPruningModifier,
    LayerPruningModifier,
    Modifier,
    OneShotPruningModifier,
    SetLearningRateModifier,
    SetParamModifier,
    SetWeightDecayModifier,
)
from engine.recipes.modifiers.sparsity import ratio
from engine.recipes.problems import Problem
from engine.recipes.pruning_advice import about_alternating, about_selection, about_updates
from engine.recipes.rate_advice import about_rates
from engine.recipes.ratio_masks import CLOCKS, miss
from engine.recipes.recipe import Recipe
from engine.recipes.timeline import learning_rates

SET_ONCE = (SetLearningRateModifier, SetWeightDecayModifier, SetParamModifier)


def warnings(recipe: Recipe, *, steps_per_epoch: int | None = None, epochs: float | None = None) -> list[Problem]:
    """What is worth saying before a run by this recipe, each at its modifier's line.

    More where `steps_per_epoch` is known; `epochs` is the length of the run where that is not the recipe's.
    """
    found = list(recipe.notes)
    length = recipe.max_epochs if epochs is None else epochs
    if recipe.max_epochs < 1 and epochs is None:
        found.append(
            _said(recipe, None, "the recipe has no length, so num_train_epochs decides", "add EpochRangeModifier")
        )
    if length <= 0:
        return found
    for index, modifier in enumerate(recipe.modifiers):
        said = _about(modifier, length, steps_per_epoch)
        found += [_said(recipe, index, f"{modifier.name} {text}") for text in said]
    return found + _between_modifiers(recipe, length)


def remarks(recipe: Recipe, *, epochs: float | None = None) -> list[Problem]:
    """What a recipe leaves to others, for who reads it; a run need not say it."""
    length = recipe.max_epochs if epochs is None else epochs
    found: list[str] = []
    rates = learning_rates(recipe, NOMINAL_STEPS, round(max(length, 1) * NOMINAL_STEPS))
    if not rates.steps:
        found.append("nothing sets the learning rate: --learning_rate and its scheduler decide")
    elif rates.steps[0] > 0:
        until = f"before epoch {rates.epochs[0]:g}"
        found.append(f"nothing sets the learning rate {until}: --learning_rate holds until then")
    if 0 < recipe.max_epochs < length:
        found.append(f"the recipe is over at epoch {recipe.max_epochs}, the run goes on to {length:g} with what stays")
    once = [(index, item) for index, item in enumerate(recipe.modifiers) if isinstance(item, SET_ONCE)]
    without_effect = [
        _said(recipe, index, f"end_epoch of {item.name} has no effect: it sets its value once, at its start")
        for index, item in once
        if item.end_epoch != -1
    ]
    return [*(_said(recipe, None, text) for text in found), *without_effect]


def other_length(recipe: Recipe, asked: float | None) -> tuple[str, str] | None:
    """What to say where the recipe's number of epochs wins over the number `asked` for: message and hint."""
    length = recipe.max_epochs
    if asked is None or length <= 0 or asked == length:
        return None
    hint = "change num_epochs with --recipe_args" if "num_epochs" in recipe.variables else "change the recipe's epochs"
    return f"the recipe trains for {in_epochs(length)}; --num_train_epochs {asked:g} is not used", hint


def in_epochs(length: float) -> str:
    """A length in words: `1 epoch`, `30 epochs`."""
    return f"{length:g} epoch{'' if length == 1 else 's'}"


def _said(recipe: Recipe, index: int | None, message: str, suggestion: str = "") -> Problem:
    """At the place of a modifier, or of none."""
    line, column = (0, 0) if index is None else (recipe.lines[index], recipe.columns[index])
    return Problem(recipe.source, line, column if line else 0, message, suggestion)


def _about(modifier: Modifier, length: float, steps_per_epoch: int | None) -> Iterator[str]:
    if isinstance(modifier, EpochRangeModifier):
        return
    if modifier.begins >= length:
        yield f"never starts: the run is over at epoch {length:g}"
        return
    if steps_per_epoch is not None and _falls_between(modifier, steps_per_epoch):
        yield "starts and ends between two steps, so it never ends"
        if isinstance(modifier, GradualPruningModifier):
            yield from about_selection(modifier)
        return
    if isinstance(modifier, GradualPruningModifier):
        yield from _about_pruning(modifier, length, steps_per_epoch)
        yield from about_selection(modifier)
        yield from about_updates(modifier)
    elif isinstance(modifier, ACDCPruningModifier):
        yield from about_alternating(modifier, length)
    elif isinstance(modifier, ConstantPruningModifier | OneShotPruningModifier) and 0 <= modifier.end_epoch < length:
        yield f"lets go at epoch {modifier.end_epoch:g}: what was zero grows again until the run ends"
    elif isinstance(modifier, LayerPruningModifier) and not modifier.layers:
        yield "names no layers, so it does nothing"
    elif isinstance(modifier, LayerPruningModifier) and modifier.end_epoch == length:
        yield "ends with the run; the layers stay out of the model as with end_epoch: -1"
    elif isinstance(modifier, AnyQuantizationModifier):
        yield from _about_observers(modifier, length)
    elif isinstance(modifier, SetWeightDecayModifier) and modifier.weight_decay > 0 and not modifier.param_groups:
        yield "also decays biases and layer norms; param_groups: [0] leaves them out"


def _about_pruning(modifier: GradualPruningModifier, length: float, steps_per_epoch: int | None) -> Iterator[str]:
    if isinstance(modifier.init_sparsity, float) and modifier.init_sparsity > max(targets(modifier)):
        yield "begins with more sparsity than it ends with: pruned weights come back"
    yield from _about_ratio(modifier, length, steps_per_epoch)
    if modifier.end_epoch == -1:
        yield "has no end, so it stays at init_sparsity"
    elif modifier.end_epoch > length:
        yield f"ends at epoch {modifier.end_epoch:g}, after the run ({length:g}): final_sparsity is never reached"
    elif _comes_last(modifier.end_epoch, length, steps_per_epoch):
        yield "reaches final_sparsity only when the run ends: no step trains what is left"
    elif not modifier.leave_enabled:
        yield f"lets go at epoch {modifier.end_epoch:g} (leave_enabled is false): the weights grow again"


def _about_ratio(modifier: GradualPruningModifier, length: float, steps_per_epoch: int | None) -> Iterator[str]:
    """Where masks N:M may be asked for a sparsity they cannot have; where they surely are, the run is refused."""
    share = ratio(modifier.mask_type)
    if share is None or steps_per_epoch is not None or miss(modifier, length):
        return
    missed = next((miss(modifier, length, steps) for steps in CLOCKS if miss(modifier, length, steps)), None)
    if missed:
        yield f"{missed}, where an epoch has many steps: set init_sparsity to {share:.4g} too"


def _comes_last(epoch: float, length: float, steps_per_epoch: int | None) -> bool:
    """Whether no step of the run is at or after an epoch."""
    if steps_per_epoch is None:
        return epoch >= length
    return first_step_at(epoch, steps_per_epoch) >= round(length * steps_per_epoch)


def _about_observers(modifier: AnyQuantizationModifier, length: float) -> Iterator[str]:
    epoch = modifier.disable_quantization_observer_epoch
    if epoch is not None and epoch >= length:
        yield f"never freezes its observers: the run is over at epoch {length:g}"


def _between_modifiers(recipe: Recipe, length: float) -> list[Problem]:
    """What only shows when modifiers are seen together."""
    pruning = [item for item in recipe.modifiers if isinstance(item, GradualPruningModifier | ACDCPruningModifier)]
    last = max((min(item.end_epoch, length) for item in pruning), default=-1.0)
    found = [
        _said(
            recipe,
            index,
            f"{item.name} starts at epoch {item.begins:g} while weights are pruned until {last:g}",
            "quantize when pruning is over",
        )
        for index, item in enumerate(recipe.modifiers)
        if isinstance(item, AnyQuantizationModifier) and item.begins < last
    ]
    return found + [_said(recipe, *advice) for advice in about_rates(recipe, length)]


def _falls_between(modifier: Modifier, steps_per_epoch: int) -> bool:
    if modifier.end_epoch < 0 or isinstance(modifier, EpochRangeModifier):
        return False
    return first_step_at(modifier.end_epoch, steps_per_epoch) <= first_step_at(modifier.begins, steps_per_epoch)
