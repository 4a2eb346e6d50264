"""The kinds of field that only pruning modifiers have: sparsities and mask types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from engine.recipes.modifiers.kinds import FROM_PARAM, BadValueError, Gathered, Names, Number, as_number, shown
from engine.recipes.problems import did_you_mean

MaskType = str | tuple[int, ...]
FinalSparsity = float | Mapping[float, tuple[str, ...]]
_SHARE = Number(minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class InitSparsity:
    """A number in [0, 1], or ``__FROM_PARAM__``: begin at the sparsity the parameter has."""

    def read(self, value: Any) -> float | str:
        if isinstance(value, str) and value.upper() == FROM_PARAM:
            return FROM_PARAM
        if as_number(value) is None:
            message = f"must be a number in 0 ... 1 or {FROM_PARAM}, not {shown(value)}"
            near = did_you_mean(value, [FROM_PARAM]) if isinstance(value, str) else ""
            raise BadValueError(message, suggestion=_SHARE.meant(value) or near)
        return _SHARE.read(value)


@dataclass(frozen=True)
class Target:
    """A sparsity above 0 and below 1, or a mapping from such sparsities to the names they are for."""

    def read(self, value: Any) -> FinalSparsity:
        if not isinstance(value, Mapping):
            return _target(value)
        groups: dict[float, tuple[str, ...]] = {}
        gathered = Gathered()
        for key, names in cast("Mapping[Any, Any]", value).items():
            with gathered.part(str(key)):
                groups[_target(key)] = Names().read(names)
        gathered.conclude()
        if not groups:
            raise BadValueError("must name at least one sparsity")
        return groups


def _target(value: Any) -> float:
    return Number(above=0.0, below=1.0).read(value)


@dataclass(frozen=True)
class Mask:
    """A mask type: one of `names`, a list of whole numbers (block) or ``N:M``, as far as the modifier allows them:
    `blocks` allows both, `ratios` only ``N:M``."""

    names: tuple[str, ...] = ("unstructured", "block4", "tensorrt")
    blocks: bool = True
    ratios: bool = False

    def read(self, value: Any) -> MaskType:
        if isinstance(value, str) and (value in self.names or (self._takes_ratios and _is_n_of_m(value))):
            return value
        if self.blocks and isinstance(value, list | tuple):
            return _block(cast("list[Any] | tuple[Any, ...]", value))
        message = f"must be {', '.join(self.names)}{self._further()}, not {shown(value)}"
        raise BadValueError(message, suggestion=did_you_mean(value, self.names) if isinstance(value, str) else "")

    @property
    def _takes_ratios(self) -> bool:
        return self.blocks or self.ratios

    def _further(self) -> str:
        if self.blocks:
            return ", a block such as [1, 4] or N:M such as 2:4"
        return " or N:M such as 2:4" if self.ratios else ""


RATIO_TOLERANCE = 0.01
"""How far a sparsity may be from the one that masks N:M have."""


def ratio(mask_type: MaskType) -> float | None:
    """The sparsity that masks N:M have; None for other types."""
    text = "2:4" if mask_type == "tensorrt" else mask_type
    if not isinstance(text, str) or not _is_n_of_m(text):
        return None
    kept, _, group = text.partition(":")
    return 1 - int(kept) / int(group)


def _is_n_of_m(value: str) -> bool:
    found = re.fullmatch(r"(\d{1,3}):(\d{1,3})", value)
    return found is not None and 0 < int(found[1]) < int(found[2])


def _block(value: list[Any] | tuple[Any, ...]) -> tuple[int, ...]:
    """A block of two numbers; ones after the second are dropped, as convolutional recipes write them."""
    whole = all(isinstance(size, int) and not isinstance(size, bool) and (size > 0 or size == -1) for size in value)
    if not whole or len(value) < 2 or any(size != 1 for size in value[2:]):
        raise BadValueError(f"must be a block of two whole numbers such as [1, 4], not {shown(list(value))}")
    return tuple(value[:2])
