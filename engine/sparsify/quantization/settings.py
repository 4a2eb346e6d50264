"""Which tensors are quantized and how, read from a quantization modifier of the older kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import UserError
from engine.sparsify.quantization.fake_quantizer import QuantizationArguments

NEVER_QUANTIZED = ("Softmax",)
NOT_HANDLED = (
    "custom_quantizable_module_types",
    "activation_qconfig_kwargs",
    "weight_qconfig_kwargs",
    "num_calibration_steps",
)


@dataclass(frozen=True)
class QuantizationSettings:
    """Placement and integer ranges of the older quantization modifier.

    `submodules` None is the whole model; `excluded` are class names that get no quantizer at all.
    """

    submodules: tuple[str, ...] | None
    excluded: frozenset[str]
    embeddings: bool
    linear_outputs: bool
    embedding_outputs: bool
    activations: QuantizationArguments
    weights: QuantizationArguments
    second_factor: QuantizationArguments
    outputs: bool

    @classmethod
    def of(cls, modifier: Any) -> QuantizationSettings:
        """Settings of `modifier`; raises `UserError` for fields this engine cannot honour."""
        for name in NOT_HANDLED:
            if getattr(modifier, name, None):
                raise UserError(
                    f"QuantizationModifier: {name} is not supported",
                    f"remove {name} from the recipe, or leave it empty",
                )
        symmetric = bool(modifier.tensorrt)
        activations = QuantizationArguments(symmetric, symmetric, modifier.activation_bits, modifier.reduce_range)
        return cls(
            submodules=_names(modifier.submodules),
            excluded=frozenset([*(modifier.exclude_module_types or ()), *NEVER_QUANTIZED]),
            embeddings=bool(modifier.quantize_embeddings),
            linear_outputs=bool(modifier.quantize_linear_activations),
            embedding_outputs=bool(modifier.quantize_embedding_activations),
            activations=activations,
            weights=QuantizationArguments(signed=True, symmetric=True, bits=modifier.weight_bits),
            second_factor=QuantizationArguments(symmetric, True, modifier.activation_bits, modifier.reduce_range),
            outputs=not symmetric,
        )


def _names(submodules: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if submodules is None else tuple(name.removeprefix("module.") for name in submodules)
