"""Quantization-aware training: two sets of fields under one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.recipes.modifiers.base import FieldFault, Modifier
from engine.recipes.modifiers.kinds import (
    BadValueError,
    Boolean,
    Epoch,
    Names,
    Optional,
    OrElse,
    Settings,
    Text,
    Whole,
    kind,
)
from engine.recipes.modifiers.observers import ObserverSettings, check_limits, observer_arguments
from engine.recipes.modifiers.scheme import OverrideMapping, QuantizationScheme, SchemeKind

FLAG: dict[str, Any] = kind(Boolean())
BITS: dict[str, Any] = kind(Whole(minimum=2, maximum=8))
NAMES: dict[str, Any] = kind(Optional(Names()))
LATER: dict[str, Any] = kind(Optional(Epoch()))

FUSION = "conv_bn_relus"

LEGACY_FIELDS = frozenset(
    {
        "submodules",
        "quantize_embeddings",
        "reduce_range",
        "quantize_linear_activations",
        "quantize_conv_activations",
        "quantize_embedding_activations",
        "custom_quantizable_module_types",
        "exclude_module_types",
        "exclude_batchnorm",
        "activation_bits",
        "weight_bits",
        "activation_qconfig_kwargs",
        "weight_qconfig_kwargs",
        "tensorrt",
    }
)
"""Any of these in a recipe chooses `QuantizationModifier`, none of them `SchemeQuantizationModifier`."""


@dataclass(frozen=True, kw_only=True)
class AnyQuantizationModifier(Modifier):
    """The fields both have in common."""

    name: ClassVar[str] = "QuantizationModifier"
    end_is: ClassVar[str] = "never"
    acts_on: ClassVar[str] = "structure"
    disable_quantization_observer_epoch: float | None = field(default=None, metadata=LATER)
    freeze_bn_stats_epoch: float | None = field(default=None, metadata=LATER)
    num_calibration_steps: int | None = field(default=None, metadata=kind(Optional(Whole(minimum=0))))

    def own_faults(self) -> Iterator[FieldFault]:
        for name in ("disable_quantization_observer_epoch", "freeze_bn_stats_epoch"):
            epoch = getattr(self, name)
            if epoch is not None and epoch < self.start_epoch:
                yield FieldFault(name, f"must be at least start_epoch ({self.start_epoch:g}), not {epoch:g}")


@dataclass(frozen=True, kw_only=True)
class QuantizationModifier(AnyQuantizationModifier):
    """Quantization-aware training by submodules and flags."""

    implementation: ClassVar[str] = "legacy"
    submodules: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    model_fuse_fn_name: str = field(default=FUSION, metadata=kind(OrElse(Text(), FUSION)))
    model_fuse_fn_kwargs: dict[str, Any] | None = field(default=None, metadata=kind(Optional(Settings()), saved=False))
    quantize_embeddings: bool = field(default=True, metadata=FLAG)
    quantize_linear_activations: bool = field(default=True, metadata=FLAG)
    quantize_conv_activations: bool = field(default=True, metadata=FLAG)
    quantize_embedding_activations: bool = field(default=True, metadata=FLAG)
    reduce_range: bool = field(default=False, metadata=FLAG)
    activation_bits: int = field(default=8, metadata=BITS)
    weight_bits: int = field(default=8, metadata=BITS)
    exclude_module_types: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    exclude_batchnorm: bool = field(default=True, metadata=FLAG)
    custom_quantizable_module_types: tuple[str, ...] | None = field(default=None, metadata=NAMES)
    activation_qconfig_kwargs: dict[str, Any] | None = field(
        default=None, metadata=kind(Optional(ObserverSettings(channels=False)))
    )
    weight_qconfig_kwargs: dict[str, Any] | None = field(
        default=None, metadata=kind(Optional(ObserverSettings(signed=True)))
    )
    tensorrt: bool = field(default=False, metadata=FLAG)

    def own_faults(self) -> Iterator[FieldFault]:
        found = observer_arguments(self.activation_qconfig_kwargs)
        try:
            check_limits(found.get("limits"), found.get("signed", self.tensorrt))
        except BadValueError as fault:
            yield FieldFault("activation_qconfig_kwargs", str(fault))


@dataclass(frozen=True, kw_only=True)
class SchemeQuantizationModifier(AnyQuantizationModifier):
    """Quantization-aware training by a scheme for inputs, weights and outputs."""

    implementation: ClassVar[str] = "scheme"
    scheme: QuantizationScheme = field(default=QuantizationScheme(), metadata=kind(SchemeKind()))
    scheme_overrides: Mapping[str, QuantizationScheme] = field(
        default_factory=dict[str, QuantizationScheme], metadata=kind(OverrideMapping())
    )
    ignore: tuple[str, ...] = field(default=(), metadata=kind(OrElse(Names(), ())))
    model_fuse_fn_name: str | None = field(default=None, metadata=kind(Optional(Text())))
    model_fuse_fn_kwargs: dict[str, Any] = field(default_factory=dict[str, Any], metadata=kind(OrElse(Settings(), {})))
    strict: bool = field(default=True, metadata=FLAG)
