"""Conversion of a model for quantization-aware training."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from engine.sparsify.quantization.architectures import embedding_projections, tables_read_directly
from engine.sparsify.quantization.arguments import QuantizationArguments
from engine.sparsify.quantization.attention import (
    SCORES,
    is_attention,
    other_attentions,
    quantize_attention,
    use_quantized_attention,
)
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer
from engine.sparsify.quantization.layers import QUANTIZED_CLASSES, quantize_calls, quantize_layer
from engine.sparsify.quantization.placement import Placement, Tensors


def quantize(model: nn.Module, placement: Placement, *, observes_in_eval: bool = False) -> None:
    """Place fake quantizers in `model`, in place; parameters keep their objects and names, and what is quantized
    already stays as it is. Raises `UserError` where `placement` does not fit the model."""
    placement.check(model)
    projections, passed_over = embedding_projections(model), tables_read_directly(model)
    for name, module in list(model.named_modules()):
        if name in passed_over:
            continue
        if is_attention(module) and not hasattr(module, SCORES):
            products = placement.products(name, module)
            if products is not None:
                quantize_attention(module, products, observes_in_eval=observes_in_eval)
        tensors = placement.tensors(name, module)
        if name in projections:
            tensors = replace(tensors, inputs=None, output=tensors.inputs)
        if not tensors.none and not isinstance(module, FakeQuantizer):
            _convert(module, tensors, observes_in_eval)
    use_quantized_attention(model)


def _convert(module: nn.Module, tensors: Tensors, observes_in_eval: bool) -> None:
    def made(arguments: QuantizationArguments | None, channels: int | None = None) -> FakeQuantizer | None:
        if arguments is None:
            return None
        return FakeQuantizer(arguments, channels=channels, observes_in_eval=observes_in_eval)

    if type(module) in QUANTIZED_CLASSES:
        rows = getattr(module, "out_features", None) or getattr(module, "num_embeddings", None)
        weight = made(tensors.weight, rows)
        quantize_layer(module, made(tensors.inputs), weight, made(tensors.output))
    elif not isinstance(module, tuple(QUANTIZED_CLASSES.values())):
        quantize_calls(module, made(tensors.inputs), made(tensors.output))


def left_in_float(model: nn.Module, placement: Placement) -> list[str]:
    """Class names of the attention that `placement` would quantize, but whose products nothing here can reach."""
    others = other_attentions(model).items()
    return sorted({type(module).__name__ for name, module in others if placement.products(name, module) is not None})
