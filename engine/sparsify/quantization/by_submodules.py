"""Placement by submodules and flags: the older kind of quantization modifier."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers import QuantizationModifier
from engine.sparsify.quantization.fake_quantizer import QuantizationArguments
from engine.sparsify.quantization.placement import Products, Tensors, is_within

NEVER_QUANTIZED = ("Softmax",)
NOT_HANDLED = ("activation_qconfig_kwargs", "weight_qconfig_kwargs", "num_calibration_steps")
NOTHING = Tensors()


class PlacementBySubmodules:
    """Linear layers get quantized inputs and weights, embeddings quantized tables, attention quantized products; flags
    add outputs, excluded class names take everything away."""

    def __init__(self, modifier: QuantizationModifier) -> None:
        for name in NOT_HANDLED:
            if getattr(modifier, name):
                raise UserError(f"{modifier.name}: {name} is not supported", f"remove {name} from the recipe")
        self.modifier = modifier
        self.submodules = _names(modifier)
        self.excluded = {*(modifier.exclude_module_types or ()), *NEVER_QUANTIZED}
        symmetric = modifier.tensorrt
        self.weights = QuantizationArguments(signed=True, symmetric=True, bits=modifier.weight_bits)
        self.activations = QuantizationArguments(symmetric, symmetric, modifier.activation_bits, modifier.reduce_range)
        self.second_factor = replace(self.activations, symmetric=True)
        self.outputs = None if modifier.tensorrt else self.activations

    def check(self, model: nn.Module) -> None:
        modules = dict(model.named_modules())
        missing = [name for name in self.submodules or () if name not in modules]
        if missing:
            raise UserError(
                f"{self.modifier.name}: the model has no submodule {plain(', '.join(missing))}",
                "name modules of this architecture in `submodules`, or leave the field out for the whole model",
            )

    def tensors(self, name: str, module: nn.Module) -> Tensors:
        modifier, kind = self.modifier, type(module)
        if not self._chosen(name):
            lone = kind is nn.Embedding and modifier.quantize_embeddings
            return Tensors(weight=replace(self.weights, symmetric=False)) if lone else NOTHING
        if kind.__name__ in self.excluded:
            return NOTHING
        if kind is nn.Linear:
            output = self.outputs if modifier.quantize_linear_activations else None
            return Tensors(self.activations, self.weights, output)
        if kind is nn.Embedding:
            output = self.outputs if modifier.quantize_embedding_activations else None
            return Tensors(None, self.weights if modifier.quantize_embeddings else None, output)
        if kind.__name__ in (modifier.custom_quantizable_module_types or ()):
            return Tensors(self.activations, None, self.outputs if kind is nn.LayerNorm else None)
        return Tensors(output=self.outputs) if kind is nn.LayerNorm else NOTHING

    def products(self, name: str, attention: nn.Module) -> Products | None:
        return Products(self.activations, self.second_factor, self.outputs) if self._chosen(name) else None

    def _chosen(self, name: str) -> bool:
        return self.submodules is None or is_within(name, self.submodules)


def _names(modifier: QuantizationModifier) -> tuple[str, ...] | None:
    if modifier.submodules is None:
        return None
    return tuple(name.removeprefix("module.") for name in modifier.submodules)
