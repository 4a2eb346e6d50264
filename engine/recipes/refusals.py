"""What keeps a recipe that can be read from being run; a check that needs no torch."""

from __future__ import annotations

from engine.recipes.modifiers import DistillationModifier
from engine.recipes.problems import Problem, did_you_mean
from engine.recipes.recipe import Recipe

OUTPUTS = ("start_logits", "end_logits")
"""What every question-answering model puts out, student and teacher alike."""


def refusals(recipe: Recipe) -> list[Problem]:
    """Why a question-answering run by `recipe` would be refused, each at its modifier."""
    found: list[Problem] = []
    for modifier, line, column in zip(recipe.modifiers, recipe.lines, recipe.columns, strict=True):
        keys = modifier.distill_output_keys if isinstance(modifier, DistillationModifier) else None
        for key in keys or ():
            if key not in OUTPUTS:
                message = f"{modifier.name}: question-answering models have no output '{key}' to compare"
                hint = did_you_mean(key, OUTPUTS) or f"distill_output_keys may name {', '.join(OUTPUTS)}"
                found.append(Problem(recipe.source, line, column if line else 0, message, hint))
    return found
