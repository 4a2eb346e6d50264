"""The recipe of a model that was trained by one recipe and then by another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from engine.errors import UserError
from engine.recipes.modifiers import AnyQuantizationModifier, Modifier
from engine.recipes.order import modifier_key, stage_key
from engine.recipes.recipe import MOST_MODIFIERS, Recipe, Stage
from engine.recipes.source import LIMIT


def compose(first: Recipe, second: Recipe) -> Recipe:
    """Put a run's recipe behind the model's: both become stages, the second begins where the first is over.

    What never ends in the first one ends with it, but for changes of structure (quantization, dropped layers), which
    stay. Raises `UserError` where both have stages of one name, or are too long together to be loaded again.
    """
    length = max(first.max_epochs, 0)
    before = [_ended(stage, length) for stage in _named(first, _name_of_first(second))]
    after = [_advanced(stage, length) for stage in _named(second, _name_of_second(first))]
    _refuse_same_names(before, after)
    stages = _with_metadata([*before, *after])
    ordered = tuple(sorted(stages, key=lambda stage: stage_key(stage.modifiers)))
    composed = Recipe(text="", source=f"{first.source} + {second.source}", stages=ordered, version=second.version)
    text = composed.to_yaml()
    if len(text) > LIMIT or len(composed.modifiers) > MOST_MODIFIERS:
        raise UserError(
            f"{first.source} and {second.source} are too long for one recipe", "shorten that of this run by patterns"
        )
    return replace(composed, text=text)


def _name_of_first(second: Recipe) -> str:
    return f"pre_{second.stages[0].name}" if second.staged else "stage_0"


def _name_of_second(first: Recipe) -> str:
    if not first.staged:
        return "stage_1"
    taken = {stage.name for stage in first.stages}
    number = len(taken) + 1
    while f"stage_{number}" in taken:
        number += 1
    return f"stage_{number}"


def _named(recipe: Recipe, name: str) -> list[Stage]:
    if recipe.staged:
        return list(recipe.stages)
    return [replace(stage, name=name, metadata=recipe.metadata) for stage in recipe.stages]


def _refuse_same_names(before: list[Stage], after: list[Stage]) -> None:
    twice = {stage.name for stage in before} & {stage.name for stage in after}
    if twice:
        names = ", ".join(f"'{name}'" for name in sorted(twice))
        raise UserError(f"both recipes have a stage {names}", "rename the stage in the recipe of this run")


def _with_metadata(stages: list[Stage]) -> list[Stage]:
    """Stages all with metadata or all without: a recipe in which only some have it is refused."""
    if all(stage.metadata is None for stage in stages):
        return stages
    return [stage if stage.metadata is not None else replace(stage, metadata={}) for stage in stages]


def _ordered(stage: Stage, modifiers: Iterable[Modifier]) -> Stage:
    placed = sorted(zip(modifiers, stage.lines, strict=True), key=lambda pair: modifier_key(pair[0]))
    modifiers, lines = tuple(item for item, _ in placed), tuple(line for _, line in placed)
    return replace(stage, modifiers=modifiers, lines=lines, columns=())


def _ended(stage: Stage, length: int) -> Stage:
    return _ordered(stage, (_end_at(modifier, length) for modifier in stage.modifiers))


def _end_at(modifier: Modifier, length: int) -> Modifier:
    if modifier.end_epoch != -1 or modifier.acts_on == "structure":
        return modifier
    return replace(modifier, end_epoch=float(length))


def _advanced(stage: Stage, length: int) -> Stage:
    return _ordered(stage, (_advance(modifier, length) for modifier in stage.modifiers))


def _advance(modifier: Modifier, length: int) -> Modifier:
    changed: dict[str, Any] = {"start_epoch": modifier.begins + length}
    if modifier.end_epoch != -1:
        changed["end_epoch"] = modifier.end_epoch + length
    if isinstance(modifier, AnyQuantizationModifier):
        for name in ("disable_quantization_observer_epoch", "freeze_bn_stats_epoch"):
            epoch = getattr(modifier, name)
            changed[name] = None if epoch is None else max(epoch, 0.0) + length
    return replace(modifier, **changed)
