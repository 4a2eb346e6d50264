"""The kinds of field that say how many gradients a modifier needs, and of which batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from engine.recipes.modifiers.kinds import BadValueError, Boolean, Gathered, Kind, Number, Settings, Whole, shown
from engine.recipes.problems import did_you_mean

GradientCounts = int | Mapping[float, int]
_HEEDED: dict[str, Kind] = {"batch_size": Whole(minimum=1), "shuffle": Boolean(), "drop_last": Boolean()}
_WITHOUT_EFFECT = frozenset(
    ("num_workers", "pin_memory", "pin_memory_device", "persistent_workers", "prefetch_factor", "timeout", "in_order")
)
"""What else torch's data loader takes that changes no batch."""


@dataclass(frozen=True)
class Gradients:
    """How many gradients: a number, or a mapping to it from the sparsities up to which it holds, 0.0 among them."""

    def read(self, value: Any) -> GradientCounts:
        count = Whole(minimum=1)
        if not isinstance(value, Mapping):
            return count.read(value)
        given = cast("Mapping[Any, Any]", value)
        counts: dict[float, int] = {}
        gathered = Gathered()
        for key, number in given.items():
            with gathered.part(str(key)):
                counts[Number(minimum=0.0, maximum=1.0).read(key)] = count.read(number)
        gathered.conclude()
        if 0.0 not in counts:
            raise BadValueError(f"must have a number of gradients for the sparsity 0.0, not {shown(dict(given))}")
        return counts


@dataclass(frozen=True)
class SamplerSettings:
    """How batches are made: `batch_size`, `shuffle` and `drop_last`; what only makes loading faster has no effect."""

    def read(self, value: Any) -> dict[str, Any]:
        settings = Settings().read(value)
        read: dict[str, Any] = {}
        gathered = Gathered()
        for name, member in settings.items():
            with gathered.part(name):
                read[name] = self._read(name, member)
        gathered.conclude()
        return read

    def _read(self, name: str, value: Any) -> Any:
        if name not in _HEEDED and name not in _WITHOUT_EFFECT:
            known = f"may hold {', '.join(_HEEDED)}, not {shown(name)}"
            raise BadValueError(known, suggestion=did_you_mean(name, _HEEDED))
        try:
            return _HEEDED[name].read(value) if name in _HEEDED else value
        except BadValueError as fault:
            raise BadValueError(f"{name} {fault}") from None
