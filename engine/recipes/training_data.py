"""What a recipe needs training data for besides training."""

from __future__ import annotations

from engine.recipes.modifiers import (
    AnyQuantizationModifier,
    MFACPruningModifier,
    OBSPruningModifier,
    OneShotPruningModifier,
)
from engine.recipes.recipe import Recipe


def samples_training_data(recipe: Recipe) -> bool:
    """Whether the recipe needs training data also where nothing is trained: to take gradients of, or to calibrate
    quantizers or pruning on."""
    return any(
        isinstance(modifier, OBSPruningModifier | AnyQuantizationModifier)
        or (isinstance(modifier, MFACPruningModifier) and not modifier.use_gradient_buffering)
        or (isinstance(modifier, OneShotPruningModifier) and modifier.calibrates)
        for modifier in recipe.modifiers
    )
