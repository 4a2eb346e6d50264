"""What is no error in a pruning modifier but may not be what was meant."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.recipes.interpolation import alternating_sparsity_at, targets
from engine.recipes.modifiers import (
    ACDCPruningModifier,
    GradualPruningModifier,
    MovementPruningModifier,
    StructuredPruningModifier,
)
from engine.recipes.modifiers.sparsity import ratio

_ALL_PRUNABLE = "__ALL_PRUNABLE__"


def about_alternating(modifier: ACDCPruningModifier, length: float) -> Iterator[str]:
    """About alternating pruning in a run of `length` epochs."""
    if modifier.end_epoch == -1:
        yield "has no end, so it is never dense"
    elif alternating_sparsity_at(modifier, modifier.begins):
        yield "has no room for a dense phase: update_frequency takes all of its time"
    elif modifier.end_epoch > length and alternating_sparsity_at(modifier, _last_update(modifier, length)) == 0:
        yield f"is in a dense phase when the run ends at epoch {length:g}: the model is dense"
    elif modifier.end_epoch <= length and not modifier.leave_enabled:
        yield f"lets go at epoch {modifier.end_epoch:g} (leave_enabled is false): the model is dense"


def _last_update(modifier: ACDCPruningModifier, length: float) -> float:
    """The epoch of the last update before the run is over."""
    count = math.ceil((length - modifier.begins) / modifier.update_frequency) - 1
    return modifier.begins + count * modifier.update_frequency


def about_updates(modifier: GradualPruningModifier) -> Iterator[str]:
    """About how often masks are renewed."""
    span, every = modifier.end_epoch - modifier.begins, modifier.update_frequency
    if every == 0:
        yield "renews its masks at every step: update_frequency is 0"
    # Masks N:M can only go from nothing to all, and what begins as it ends makes no leap.
    elif 0 < span < every and ratio(modifier.mask_type) is None and modifier.init_sparsity != max(targets(modifier)):
        leap = "goes from init_sparsity to final_sparsity in one leap at its end"
        yield f"{leap}: update_frequency ({every:g}) is longer than its {span:g} epochs"


def about_selection(modifier: GradualPruningModifier) -> Iterator[str]:
    """About what a modifier chooses to prune, and by what."""
    if isinstance(modifier, MovementPruningModifier) and modifier.begins == 0 and modifier.init_sparsity != 0:
        yield "prunes at its first step, when its scores are those of a single batch: start it later"
    if isinstance(modifier, StructuredPruningModifier) and _takes_all(modifier.params):
        yield f"takes rows or columns also of the embeddings and of the output layer ({_ALL_PRUNABLE}): name params"


def _takes_all(params: str | tuple[str, ...]) -> bool:
    return params == _ALL_PRUNABLE or (not isinstance(params, str) and _ALL_PRUNABLE in params)
