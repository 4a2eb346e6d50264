"""Which modifiers the engine can run; a check that needs no torch."""

from __future__ import annotations

from engine.recipes.modifiers import (
    ConstantPruningModifier,
    DistillationModifier,
    EpochRangeModifier,
    GlobalMagnitudePruningModifier,
    GMPruningModifier,
    LayerPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    MagnitudePruningModifier,
    Modifier,
    QuantizationModifier,
    SchemeQuantizationModifier,
    SetLearningRateModifier,
    SetWeightDecayModifier,
    SparsificationLoggingModifier,
    TrainableParamsModifier,
)
from engine.recipes.recipe import Recipe

SUPPORTED: frozenset[type[Modifier]] = frozenset(
    {
        ConstantPruningModifier,
        DistillationModifier,
        EpochRangeModifier,
        GMPruningModifier,
        GlobalMagnitudePruningModifier,
        LayerPruningModifier,
        LearningRateFunctionModifier,
        LearningRateModifier,
        MagnitudePruningModifier,
        QuantizationModifier,
        SchemeQuantizationModifier,
        SetLearningRateModifier,
        SetWeightDecayModifier,
        SparsificationLoggingModifier,
        TrainableParamsModifier,
    }
)
"""Every modifier that has a behaviour."""


def unsupported(recipe: Recipe) -> list[str]:
    """Names of the modifiers in `recipe` that the engine cannot run, each once, in running order."""
    return list(dict.fromkeys(modifier.name for modifier in recipe.modifiers if type(modifier) not in SUPPORTED))
