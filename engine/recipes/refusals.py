"""What keeps a recipe that can be read from being run; a check that needs no torch."""

from __future__ import annotations

from collections.abc import Iterator

from engine.recipes.modifiers import DistillationModifier, Modifier
from engine.recipes.problems import Problem, did_you_mean
from engine.recipes.ratio_masks import miss
from engine.recipes.recipe import Recipe

OUTPUTS = ("start_logits", "end_logits")
"""What every question-answering model puts out, student and teacher alike."""


def refusals(
    recipe: Recipe, *, steps_per_epoch: int | None = None, epochs: float | None = None, one_shot: bool = False
) -> list[Problem]:
    """Why a question-answering run by `recipe` would be refused, each at its modifier.

    More where `steps_per_epoch` is known; `epochs` is the length of the run where that is not the recipe's. With
    `one_shot` no schedule is followed.
    """
    length = float(max(recipe.max_epochs, 1)) if epochs is None else epochs
    found: list[Problem] = []
    for modifier, line, column in zip(recipe.modifiers, recipe.lines, recipe.columns, strict=True):
        said = list(_unknown_outputs(modifier))
        missed = None if one_shot else miss(modifier, length, steps_per_epoch)
        if missed:
            said.append((f"{modifier.name} {missed}", missed.suggestion))
        found += [Problem(recipe.source, line, column if line else 0, *words) for words in said]
    return found


def _unknown_outputs(modifier: Modifier) -> Iterator[tuple[str, str]]:
    keys = modifier.distill_output_keys if isinstance(modifier, DistillationModifier) else None
    for key in keys or ():
        if key not in OUTPUTS:
            hint = did_you_mean(key, OUTPUTS) or f"distill_output_keys may name {', '.join(OUTPUTS)}"
            yield f"{modifier.name}: question-answering models have no output '{key}' to compare", hint
