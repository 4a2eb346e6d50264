"""Pruning modifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.recipes.modifiers.base import EPOCH, FieldFault, Modifier
from engine.recipes.modifiers.gradients import GradientCounts, Gradients, SamplerSettings
from engine.recipes.modifiers.kinds import (
    Anything,
    Boolean,
    Epoch,
    Fixed,
    Names,
    Number,
    Optional,
    Selection,
    Text,
    Whole,
    kind,
)
from engine.recipes.modifiers.lists import Members
from engine.recipes.modifiers.sparsity import FinalSparsity, InitSparsity, Mask, MaskType, Target

FLAG: dict[str, Any] = kind(Boolean())
FREQUENCY: dict[str, Any] = kind(Epoch())
PARAMS: dict[str, Any] = kind(Selection())
COUNT: dict[str, Any] = kind(Whole(minimum=1))
SAMPLER: dict[str, Any] = kind(Optional(SamplerSettings()))


@dataclass(frozen=True, kw_only=True)
class GradualPruningModifier(Modifier):
    """The fields of all whose sparsity grows from `init_sparsity` to `final_sparsity` between two epochs."""

    name: ClassVar[str] = ""
    acts_on: ClassVar[str] = "pruning"
    init_sparsity: float | str = field(metadata=kind(InitSparsity()))
    final_sparsity: FinalSparsity = field(metadata=kind(Target()))
    start_epoch: float = field(metadata=EPOCH)
    end_epoch: float = field(metadata=EPOCH)
    update_frequency: float = field(metadata=FREQUENCY)
    params: str | tuple[str, ...] = field(metadata=PARAMS)
    leave_enabled: bool = field(default=True, metadata=FLAG)
    inter_func: str = field(default="cubic", metadata=kind(Text(("linear", "cubic", "inverse_cubic"))))
    mask_type: MaskType = field(default="unstructured", metadata=kind(Mask()))

    def own_faults(self) -> Iterator[FieldFault]:
        if isinstance(self.final_sparsity, Mapping) and self.params:
            yield FieldFault("params", "must be [] where final_sparsity is a mapping from sparsities to parameters")
        if not isinstance(self.final_sparsity, Mapping):
            yield from self._selection_faults()


@dataclass(frozen=True, kw_only=True)
class GMPruningModifier(GradualPruningModifier):
    """Gradual magnitude pruning; `global_sparsity` ranks all parameters together."""

    name: ClassVar[str] = "GMPruningModifier"
    global_sparsity: bool = field(default=False, metadata=FLAG)
    phased: bool = field(default=False, metadata=kind(Boolean(), saved=False))
    score_type: str = field(default="magnitude", metadata=kind(Text(("magnitude",)), saved=False))

    def own_faults(self) -> Iterator[FieldFault]:
        if self.phased:
            yield FieldFault("phased", "is not supported, use ACDCPruningModifier")


@dataclass(frozen=True, kw_only=True)
class MagnitudePruningModifier(GradualPruningModifier):
    """Gradual magnitude pruning, a threshold for each parameter."""

    name: ClassVar[str] = "MagnitudePruningModifier"

    @property
    def global_sparsity(self) -> bool:
        """Whether all parameters share one threshold."""
        return False


@dataclass(frozen=True, kw_only=True)
class GlobalMagnitudePruningModifier(GradualPruningModifier):
    """Gradual magnitude pruning, one threshold for all parameters."""

    name: ClassVar[str] = "GlobalMagnitudePruningModifier"

    @property
    def global_sparsity(self) -> bool:
        """Whether all parameters share one threshold."""
        return True


@dataclass(frozen=True, kw_only=True)
class MovementPruningModifier(GradualPruningModifier):
    """Prunes what moves towards zero (Sanh et al. 2020)."""

    name: ClassVar[str] = "MovementPruningModifier"

    @property
    def global_sparsity(self) -> bool:
        """Whether all parameters share one threshold."""
        return False


@dataclass(frozen=True, kw_only=True)
class ConstantPruningModifier(Modifier):
    """Keeps at zero what is zero."""

    name: ClassVar[str] = "ConstantPruningModifier"
    acts_on: ClassVar[str] = "pruning"
    params: str | tuple[str, ...] = field(metadata=PARAMS)
    update_frequency: float = field(default=-1.0, metadata=kind(Fixed(-1.0)))

    def own_faults(self) -> Iterator[FieldFault]:
        yield from self._selection_faults()

    @property
    def leave_enabled(self) -> bool:
        """Whether the mask stays after the end."""
        return False

    @property
    def global_sparsity(self) -> bool:
        """Whether all parameters share one threshold."""
        return False


@dataclass(frozen=True, kw_only=True)
class OBSPruningModifier(GradualPruningModifier):
    """Second-order pruning with a block-diagonal inverse Fisher matrix (Kurtic et al. 2022, oBERT)."""

    name: ClassVar[str] = "OBSPruningModifier"
    global_sparsity: bool = field(default=True, metadata=FLAG)
    mask_type: MaskType = field(
        default="unstructured", metadata=kind(Mask(names=("unstructured", "block4"), blocks=False))
    )
    num_grads: int = field(default=1024, metadata=COUNT)
    damp: float = field(default=1e-7, metadata=kind(Number(above=0.0)))
    fisher_block_size: int = field(default=1, metadata=COUNT)
    grad_sampler_kwargs: dict[str, Any] | None = field(default=None, metadata=SAMPLER)
    num_recomputations: int = field(default=1, metadata=COUNT)

    def own_faults(self) -> Iterator[FieldFault]:
        if self.mask_type == "block4" and self.fisher_block_size % 4:
            yield FieldFault("fisher_block_size", f"must be a multiple of 4 for block4, not {self.fisher_block_size}")


@dataclass(frozen=True, kw_only=True)
class MFACPruningModifier(GradualPruningModifier):
    """Second-order pruning with a matrix-free inverse Fisher matrix (Frantar et al. 2021)."""

    name: ClassVar[str] = "MFACPruningModifier"
    global_sparsity: bool = field(default=False, metadata=FLAG)
    use_gradient_buffering: bool | None = field(default=None, metadata=kind(Optional(Boolean())))
    num_grads: GradientCounts = field(default=64, metadata=kind(Gradients()))
    damp: float = field(default=1e-5, metadata=kind(Number(above=0.0)))
    grads_device: Any = field(default="cpu", metadata=kind(Anything()))
    fisher_block_size: int | None = field(default=2000, metadata=kind(Optional(Whole(minimum=0))))
    num_pages: int = field(default=1, metadata=COUNT)
    available_devices: tuple[str, ...] | None = field(default=None, metadata=kind(Optional(Names())))
    grad_sampler_kwargs: dict[str, Any] | None = field(default=None, metadata=SAMPLER)


@dataclass(frozen=True, kw_only=True)
class ACDCPruningModifier(Modifier):
    """Alternates dense and sparse phases (Peste et al. 2021)."""

    name: ClassVar[str] = "ACDCPruningModifier"
    acts_on: ClassVar[str] = "pruning"
    compression_sparsity: float = field(metadata=kind(Number(above=0.0, below=1.0)))
    start_epoch: float = field(metadata=EPOCH)
    end_epoch: float = field(metadata=EPOCH)
    update_frequency: float = field(metadata=FREQUENCY)
    params: str | tuple[str, ...] = field(metadata=PARAMS)
    global_sparsity: bool = field(default=True, metadata=FLAG)
    leave_enabled: bool = field(default=True, metadata=FLAG)
    mask_type: MaskType = field(default="unstructured", metadata=kind(Mask()))
    momentum_buffer_reset: bool = field(default=True, metadata=FLAG)

    def own_faults(self) -> Iterator[FieldFault]:
        yield from self._selection_faults()
        for name in ("start_epoch", "end_epoch", "update_frequency"):
            value = getattr(self, name)
            if value != int(value):
                yield FieldFault(name, f"must be a whole number, not {value:g}")
            elif name == "update_frequency" and value < 1:
                yield FieldFault(name, f"must be at least 1 epoch, not {value:g}")


@dataclass(frozen=True, kw_only=True)
class StructuredPruningModifier(GradualPruningModifier):
    """Prunes whole filters (rows) or channels (columns) by their norm."""

    name: ClassVar[str] = "StructuredPruningModifier"
    params: str | tuple[str, ...] = field(default="__ALL_PRUNABLE__", metadata=PARAMS)
    mask_type: MaskType = field(default="filter", metadata=kind(Mask(names=("filter", "channel"), blocks=False)))
    param_groups: tuple[tuple[str, ...], ...] = field(default=(), metadata=kind(Members(Names())))

    def own_faults(self) -> Iterator[FieldFault]:
        names = [name for group in self.param_groups for name in group]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield FieldFault("param_groups", f"names '{name}' more than once")

    @property
    def global_sparsity(self) -> bool:
        """Whether all parameters share one threshold."""
        return False


@dataclass(frozen=True, kw_only=True)
class LayerPruningModifier(Modifier):
    """Leaves whole modules out; without an end they are gone for good."""

    name: ClassVar[str] = "LayerPruningModifier"
    acts_on: ClassVar[str] = "structure"
    layers: str | tuple[str, ...] = field(metadata=PARAMS)
    update_frequency: float = field(default=-1.0, metadata=kind(Fixed(-1.0)))
