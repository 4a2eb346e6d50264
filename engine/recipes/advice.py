"""What is no error in a recipe but may not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from engine.recipes.clock import first_step_at
from engine.recipes.interpolation import targets
from engine.recipes.modifiers import (
    AnyQuantizationModifier,
    ConstantPruningModifier,
    EpochRangeModifier,
    GradualPruningModifier,
    LayerPruningModifier,
    Modifier,
    SetWeightDecayModifier,
)
from engine.recipes.problems import Problem
from engine.recipes.recipe import Recipe


def warnings(recipe: Recipe, *, steps_per_epoch: int | None = None) -> list[Problem]:
    """What is worth saying before a run by this recipe, each at its modifier's line; more where the steps are known."""
    found = list(recipe.notes)
    length = recipe.max_epochs
    if length < 1:
        found.append(
            _said(recipe, 0, "the recipe has no length, so num_train_epochs decides", "add EpochRangeModifier")
        )
        return found
    for modifier, line in zip(recipe.modifiers, recipe.lines, strict=True):
        found += [_said(recipe, line, f"{modifier.name} {text}") for text in _about(modifier, length)]
        if steps_per_epoch is not None and _falls_between(modifier, steps_per_epoch):
            found.append(_said(recipe, line, f"{modifier.name} starts and ends between two steps, so it never ends"))
    return found


def _said(recipe: Recipe, line: int, message: str, suggestion: str = "") -> Problem:
    return Problem(recipe.source, line, 1 if line else 0, message, suggestion)


def _about(modifier: Modifier, length: int) -> Iterator[str]:
    if isinstance(modifier, EpochRangeModifier):
        return
    if modifier.begins >= length:
        yield f"never starts: the run is over at epoch {length}"
        return
    if isinstance(modifier, GradualPruningModifier):
        yield from _about_pruning(modifier, length)
    elif isinstance(modifier, ConstantPruningModifier) and 0 <= modifier.end_epoch < length:
        yield f"lets go at epoch {modifier.end_epoch:g}: what was zero grows again until the run ends"
    elif isinstance(modifier, LayerPruningModifier) and modifier.end_epoch == length:
        yield "ends with the run; the layers stay out of the model as with end_epoch: -1"
    elif isinstance(modifier, AnyQuantizationModifier):
        yield from _about_observers(modifier, length)
    elif isinstance(modifier, SetWeightDecayModifier) and modifier.weight_decay > 0 and not modifier.param_groups:
        yield "also decays biases and layer norms; param_groups: [0] leaves them out"


def _about_pruning(modifier: GradualPruningModifier, length: int) -> Iterator[str]:
    if isinstance(modifier.init_sparsity, float) and modifier.init_sparsity > max(targets(modifier)):
        yield "begins with more sparsity than it ends with: pruned weights come back"
    if modifier.end_epoch == -1:
        yield "has no end, so it stays at init_sparsity"
    elif modifier.end_epoch >= length:
        yield "reaches final_sparsity only when the run ends: no step trains what is left"
    elif not modifier.leave_enabled:
        yield f"lets go at epoch {modifier.end_epoch:g} (leave_enabled is false): the weights grow again"


def _about_observers(modifier: AnyQuantizationModifier, length: int) -> Iterator[str]:
    epoch = modifier.disable_quantization_observer_epoch
    if epoch is not None and epoch >= length:
        yield f"never freezes its observers: the run is over at epoch {length}"


def _falls_between(modifier: Modifier, steps_per_epoch: int) -> bool:
    if modifier.end_epoch < 0 or isinstance(modifier, EpochRangeModifier):
        return False
    return first_step_at(modifier.end_epoch, steps_per_epoch) <= first_step_at(modifier.begins, steps_per_epoch)
