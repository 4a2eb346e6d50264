"""The phases of a run by its recipe, for the bands behind its curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.recipes.modifiers import (
    ACDCPruningModifier,
    AnyQuantizationModifier,
    ConstantPruningModifier,
    GradualPruningModifier,
    Modifier,
    OneShotPruningModifier,
)
from engine.recipes.recipe import Recipe


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs: dense, prune, qat or distil. Phases of different names may overlap."""

    name: str
    start_epoch: float
    end_epoch: float


def phases(recipe: Recipe, total_epochs: float) -> tuple[Phase, ...]:
    """The phases of a run of `total_epochs`, in order of their starts.

    prune: sparsity grows; qat: fake quantization is on; distil: a teacher takes part in the loss; dense: before
    anything is pruned or quantized.
    """
    pruning = [item for item in recipe.modifiers if isinstance(item, GradualPruningModifier | ACDCPruningModifier)]
    quantizing = [item for item in recipe.modifiers if isinstance(item, AnyQuantizationModifier)]
    teaching = [item for item in recipe.modifiers if item.acts_on == "loss"]
    holding = [item for item in recipe.modifiers if isinstance(item, ConstantPruningModifier | OneShotPruningModifier)]
    first_change = min((item.begins for item in [*pruning, *quantizing, *holding]), default=total_epochs)
    found = [Phase("dense", 0.0, min(first_change, total_epochs))]
    for name, modifiers in (("prune", pruning), ("qat", quantizing), ("distil", teaching)):
        found += _merged(name, modifiers, total_epochs)
    kept = [phase for phase in found if phase.end_epoch > phase.start_epoch]
    return tuple(sorted(kept, key=lambda phase: phase.start_epoch))


def _merged(name: str, modifiers: Iterable[Modifier], total_epochs: float) -> list[Phase]:
    """The stretches in which at least one of the modifiers acts."""
    result: list[Phase] = []
    for modifier in sorted(modifiers, key=lambda item: item.begins):
        end = min(modifier.end_epoch if modifier.end_epoch >= 0 else total_epochs, total_epochs)
        if result and modifier.begins <= result[-1].end_epoch:
            last = result.pop()
            result.append(Phase(name, last.start_epoch, max(last.end_epoch, end)))
        else:
            result.append(Phase(name, modifier.begins, end))
    return result
