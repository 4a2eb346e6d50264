"""The modifiers of the recipe language: one frozen class each, with the recipe's field names and defaults."""

from __future__ import annotations

from engine.recipes.modifiers.base import Modifier
from engine.recipes.modifiers.distillation import DistillationModifier, PerLayerDistillationModifier
from engine.recipes.modifiers.one_shot import OneShotPruningModifier
from engine.recipes.modifiers.pruning import (
    ACDCPruningModifier,
    ConstantPruningModifier,
    GlobalMagnitudePruningModifier,
    GMPruningModifier,
    GradualPruningModifier,
    LayerPruningModifier,
    MagnitudePruningModifier,
    MFACPruningModifier,
    MovementPruningModifier,
    OBSPruningModifier,
    StructuredPruningModifier,
)
from engine.recipes.modifiers.quantization import (
    AnyQuantizationModifier,
    QuantizationModifier,
    SchemeQuantizationModifier,
)
from engine.recipes.modifiers.scheme import QuantizationArguments, QuantizationScheme
from engine.recipes.modifiers.training import (
    EpochRangeModifier,
    GradualParamModifier,
    LearningRateFunctionModifier,
    LearningRateModifier,
    SetLearningRateModifier,
    SetParamModifier,
    SetWeightDecayModifier,
    SparsificationLoggingModifier,
    TrainableParamsModifier,
)

__all__ = [
    "ACDCPruningModifier",
    "AnyQuantizationModifier",
    "ConstantPruningModifier",
    "DistillationModifier",
    "EpochRangeModifier",
    "GMPruningModifier",
    "GlobalMagnitudePruningModifier",
    "GradualParamModifier",
    "GradualPruningModifier",
    "LayerPruningModifier",
    "LearningRateFunctionModifier",
    "LearningRateModifier",
    "MFACPruningModifier",
    "MagnitudePruningModifier",
    "Modifier",
    "MovementPruningModifier",
    "OBSPruningModifier",
    "OneShotPruningModifier",
    "PerLayerDistillationModifier",
    "QuantizationArguments",
    "QuantizationModifier",
    "QuantizationScheme",
    "SchemeQuantizationModifier",
    "SetLearningRateModifier",
    "SetParamModifier",
    "SetWeightDecayModifier",
    "SparsificationLoggingModifier",
    "StructuredPruningModifier",
    "TrainableParamsModifier",
]
