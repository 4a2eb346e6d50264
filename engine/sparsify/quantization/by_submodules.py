"""Placement by submodules and flags: the older kind of quantization modifier."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from engine.errors import UserError, plain
from engine.recipes.modifiers import QuantizationModifier
from engine.recipes.modifiers.observers import observer_arguments
from engine.recipes.problems import did_you_mean
from engine.sparsify.quantization.arguments import QuantizationArguments
from engine.sparsify.quantization.placement import PRODUCTS, Products, Tensors, is_within

NEVER_QUANTIZED = ("Softmax",)
NOTHING = Tensors()


class PlacementBySubmodules:
    """Linear layers get quantized inputs and weights, embeddings quantized tables, attention quantized products; flags
    add outputs, excluded class names take everything away."""

    def __init__(self, modifier: QuantizationModifier) -> None:
        self.modifier = modifier
        self.submodules = _names(modifier)
        self.excluded = {*(modifier.exclude_module_types or ()), *NEVER_QUANTIZED}
        self.weights, self.lone_tables = _weights(modifier)
        self.activations, self.second_factor = _activations(modifier)
        self.outputs = None if modifier.tensorrt else self.activations

    def check(self, model: nn.Module) -> None:
        modules = dict(model.named_modules())
        missing = [name for name in self.submodules or () if name not in modules]
        if missing:
            near = did_you_mean(missing[0], modules)
            raise UserError(
                f"{self.modifier.name}: the model has no submodule {plain(', '.join(missing))}",
                (plain(near) + " " if near else "")
                + "name modules of this architecture in `submodules`, or leave the field out for the whole model",
            )

    def tensors(self, name: str, module: nn.Module) -> Tensors:
        modifier, kind = self.modifier, type(module)
        if not self._chosen(name):
            lone = kind is nn.Embedding and modifier.quantize_embeddings
            return Tensors(weight=self.lone_tables) if lone else NOTHING
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
        if PRODUCTS in self.excluded or not self._chosen(name):
            return None
        return Products(self.activations, self.second_factor, self.outputs)

    def _chosen(self, name: str) -> bool:
        return self.submodules is None or is_within(name, self.submodules)


def _names(modifier: QuantizationModifier) -> tuple[str, ...] | None:
    if modifier.submodules is None:
        return None
    return tuple(name.removeprefix("module.") for name in modifier.submodules)


def _weights(modifier: QuantizationModifier) -> tuple[QuantizationArguments, QuantizationArguments]:
    """How weights are quantized, and how the tables of embeddings outside the submodules are."""
    usual = QuantizationArguments(signed=True, symmetric=True, bits=modifier.weight_bits)
    told = observer_arguments(modifier.weight_qconfig_kwargs)
    return replace(usual, **told), replace(usual, **{"symmetric": False, **told})


def _activations(modifier: QuantizationModifier) -> tuple[QuantizationArguments, QuantizationArguments]:
    """How activations are quantized, and how the second factor of a product of two of them is."""
    symmetric = modifier.tensorrt
    usual = QuantizationArguments(symmetric, symmetric, modifier.activation_bits, modifier.reduce_range)
    told = observer_arguments(modifier.activation_qconfig_kwargs)
    return replace(usual, **told), replace(usual, **{"symmetric": True, **told})
