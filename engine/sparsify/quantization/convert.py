"""Conversion of a model for quantization-aware training."""

from __future__ import annotations

from torch import nn

from engine.sparsify.quantization.attention import SCORES, is_attention, quantize_attention, use_quantized_attention
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer, QuantizationArguments
from engine.sparsify.quantization.layers import QUANTIZED_CLASSES, quantize_calls, quantize_layer
from engine.sparsify.quantization.placement import Placement, Tensors


def quantize(model: nn.Module, placement: Placement, *, observes_in_eval: bool = False) -> None:
    """Place fake quantizers in `model`, in place; parameters keep their objects and names, and what is quantized
    already stays as it is. Raises `UserError` where `placement` does not fit the model."""
    placement.check(model)
    for name, module in list(model.named_modules()):
        if is_attention(module) and not hasattr(module, SCORES):
            products = placement.products(name, module)
            if products is not None:
                quantize_attention(module, products, observes_in_eval=observes_in_eval)
        tensors = placement.tensors(name, module)
        if not tensors.none and not isinstance(module, FakeQuantizer):
            _convert(module, tensors, observes_in_eval)
    use_quantized_attention(model)


def _convert(module: nn.Module, tensors: Tensors, observes_in_eval: bool) -> None:
    def made(arguments: QuantizationArguments | None) -> FakeQuantizer | None:
        return None if arguments is None else FakeQuantizer(arguments, observes_in_eval=observes_in_eval)

    if type(module) in QUANTIZED_CLASSES:
        quantize_layer(module, made(tensors.inputs), made(tensors.weight), made(tensors.output))
    elif not isinstance(module, tuple(QUANTIZED_CLASSES.values())):
        quantize_calls(module, made(tensors.inputs), made(tensors.output))
