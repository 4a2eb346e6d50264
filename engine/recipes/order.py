"""In which order modifiers and stages run: earlier ends first, then earlier starts; what never ends comes last."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from engine.recipes.modifiers import Modifier


def digest(modifier: Modifier) -> str:
    """Tells apart modifiers of one class that start and end together."""
    values = sorted(f"{name}:{value}" for name, value in modifier.values(saved_only=True).items() if value is not None)
    return f"{modifier.name}-{hashlib.md5(str(values).encode(), usedforsecurity=False).hexdigest()}"


def modifier_key(modifier: Modifier) -> tuple[float, float, str]:
    """The sort key of a modifier."""
    return _end(modifier.end_epoch), modifier.start_epoch, digest(modifier)


def stage_key(modifiers: Sequence[Modifier]) -> tuple[float, float, str]:
    """The sort key of a stage: its last end (never, only if nothing in it ends), first start and highest name."""
    return (
        _end(max(modifier.end_epoch for modifier in modifiers)),
        min(modifier.start_epoch for modifier in modifiers),
        max(digest(modifier) for modifier in modifiers),
    )


def _end(epoch: float) -> float:
    return math.inf if epoch == -1 else epoch


def last_epoch(modifiers: Sequence[Modifier]) -> int:
    """The epoch at which the recipe is over: the largest start or end, rounded up; -1 if there is none."""
    epochs = [math.ceil(epoch) for item in modifiers for epoch in (item.start_epoch, item.end_epoch) if epoch > -1]
    return max(epochs, default=-1)


def first_epoch(modifiers: Sequence[Modifier]) -> int:
    """The epoch at which the recipe begins: the smallest start, rounded down; -1 if there is none."""
    return min((math.floor(item.start_epoch) for item in modifiers if item.start_epoch > -1), default=-1)
