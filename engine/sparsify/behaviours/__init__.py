"""What each modifier does to a training; importing this package registers all of them."""

from __future__ import annotations

from engine.sparsify.behaviours import (
    acdc,
    distillation,
    layer_distillation,
    layers,
    mfac,
    movement,
    obs,
    one_shot,
    parameters,
    pruning,
    quantization,
    structured,
    training,
)
from engine.sparsify.behaviours.base import BEHAVIOURS, Behaviour, Moment, Training

__all__ = [
    "BEHAVIOURS",
    "Behaviour",
    "Moment",
    "Training",
    "acdc",
    "distillation",
    "layer_distillation",
    "layers",
    "mfac",
    "movement",
    "obs",
    "one_shot",
    "parameters",
    "pruning",
    "quantization",
    "structured",
    "training",
]
