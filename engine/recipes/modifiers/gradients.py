"""The kind of field that says how many gradients a modifier needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, Number, Whole, shown

GradientCounts = int | Mapping[float, int]


@dataclass(frozen=True)
class Gradients:
    """How many gradients: a number, or a mapping to it from the sparsities up to which it holds, 0.0 among them."""

    def read(self, value: Any) -> GradientCounts:
        count = Whole(minimum=1)
        if not isinstance(value, Mapping):
            return count.read(value)
        given = cast("Mapping[Any, Any]", value)
        counts = {Number(minimum=0.0, maximum=1.0).read(key): count.read(number) for key, number in given.items()}
        if 0.0 not in counts:
            raise BadValueError(f"must have a number of gradients for the sparsity 0.0, not {shown(dict(given))}")
        return counts
