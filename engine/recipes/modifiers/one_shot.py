"""Pruning in one step, calibrated by what goes through the layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.recipes.modifiers.base import FieldFault, Modifier
from engine.recipes.modifiers.kinds import BadValueError, Names, Number, Text, Whole, kind, shown
from engine.recipes.modifiers.sparsity import RATIO_TOLERANCE, Mask, MaskType, ratio

ENCODER = "__ENCODER__"
METHODS = ("sparsegpt", "wanda", "magnitude")


@dataclass(frozen=True)
class LinearLayers:
    """``__ENCODER__`` (any case) or a list of names and ``re:`` patterns."""

    def read(self, value: Any) -> str | tuple[str, ...]:
        if isinstance(value, str):
            if value.upper() == ENCODER:
                return ENCODER
            raise BadValueError(f"must be a list of names or {ENCODER}, not {shown(value)}")
        return Names().read(value)


@dataclass(frozen=True, kw_only=True)
class OneShotPruningModifier(Modifier):
    """Prunes linear layers once, at the start, and holds what is zero then; `method` by SparseGPT (Frantar & Alistarh
    2023), Wanda (Sun et al. 2023) or magnitude."""

    name: ClassVar[str] = "OneShotPruningModifier"
    acts_on: ClassVar[str] = "pruning"
    sparsity: float = field(metadata=kind(Number(above=0.0, below=1.0)))
    method: str = field(default="sparsegpt", metadata=kind(Text(METHODS)))
    params: str | tuple[str, ...] = field(default=ENCODER, metadata=kind(LinearLayers()))
    ignore: tuple[str, ...] = field(default=(), metadata=kind(Names()))
    mask_type: MaskType = field(default="unstructured", metadata=kind(Mask(blocks=False, ratios=True)))
    num_samples: int = field(default=512, metadata=kind(Whole(minimum=1)))
    block_size: int = field(default=128, metadata=kind(Whole(minimum=1)))
    dampening: float = field(default=0.01, metadata=kind(Number(above=0.0)))

    def own_faults(self) -> Iterator[FieldFault]:
        if not self.params:
            yield FieldFault("params", f"must name at least one parameter, or be {ENCODER}")
        share = ratio(self.mask_type)
        if share is not None and abs(self.sparsity - share) > RATIO_TOLERANCE:
            yield FieldFault("sparsity", f"must be {share:.4g} with masks {self.mask_type}, not {self.sparsity:g}")

    @property
    def calibrates(self) -> bool:
        """Whether it looks at what goes through the layers."""
        return self.method != "magnitude"

    @property
    def global_sparsity(self) -> bool:
        """Whether all parameters share one threshold."""
        return False
