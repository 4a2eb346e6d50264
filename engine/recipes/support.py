"""Which modifiers the engine can run; a check that needs no torch."""

from __future__ import annotations

from engine.recipes.modifiers import (
    ACDCPruningModifier,
    AnyQuantizationModifier,
    ConstantPruningModifier,
    DistillationModifier,
    EpochRangeModifier,
    GlobalMagnitudePruningModifier,
    GMPruningModifier,
    GradualParamModifier,
    LayerPruningModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    MagnitudePruningModifier,
    MFACPruningModifier,
    Modifier,
    MovementPruningModifier,
    OBSPruningModifier,
    OneShotPruningModifier,
    PerLayerDistillationModifier,
    QuantizationModifier,
    SchemeQuantizationModifier,
    SetLearningRateModifier,
    SetParamModifier,
    SetWeightDecayModifier,
    SparsificationLoggingModifier,
    StructuredPruningModifier,
    TrainableParamsModifier,
)
from engine.recipes.recipe import Recipe

SUPPORTED: frozenset[type[Modifier]] = frozenset(
    {
        ACDCPruningModifier,
        ConstantPruningModifier,
        DistillationModifier,
        EpochRangeModifier,
        GMPruningModifier,
        GlobalMagnitudePruningModifier,
        GradualParamModifier,
        LayerPruningModifier,
        LearningRateFunctionModifier,
        LearningRateModifier,
        MagnitudePruningModifier,
        MFACPruningModifier,
        MovementPruningModifier,
        OBSPruningModifier,
        OneShotPruningModifier,
        PerLayerDistillationModifier,
        QuantizationModifier,
        SchemeQuantizationModifier,
        SetLearningRateModifier,
        SetParamModifier,
        SetWeightDecayModifier,
        SparsificationLoggingModifier,
        StructuredPruningModifier,
        TrainableParamsModifier,
    }
)
"""Every modifier that has a behaviour."""


def samples_training_data(recipe: Recipe) -> bool:
    """Whether the recipe needs training data also where nothing is trained: to take gradients of, or to calibrate
    quantizers or pruning on."""
    return any(
        isinstance(modifier, OBSPruningModifier | AnyQuantizationModifier)
        or (isinstance(modifier, MFACPruningModifier) and not modifier.use_gradient_buffering)
        or (isinstance(modifier, OneShotPruningModifier) and modifier.calibrates)
        for modifier in recipe.modifiers
    )


def unsupported(recipe: Recipe) -> list[str]:
    """Names of the modifiers in `recipe` that the engine cannot run, each once, in running order."""
    return list(dict.fromkeys(modifier.name for modifier in recipe.modifiers if type(modifier) not in SUPPORTED))
