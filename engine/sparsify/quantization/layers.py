"""Layers that quantize their tensors: the layer stays the same object with the same parameter names."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from engine.sparsify.quantization.fake_quantizer import FakeQuantizer


def _through(quantizer: nn.Module | None, tensor: torch.Tensor) -> torch.Tensor:
    return tensor if quantizer is None else quantizer(tensor)


class QuantizedLinear(nn.Linear):
    """A linear layer with quantized input and weight and, where asked for, output."""

    input_fake_quant: FakeQuantizer | None
    weight_fake_quant: FakeQuantizer | None
    output_fake_quant: FakeQuantizer | None

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the parameter's name in nn.Linear
        weight = _through(self.weight_fake_quant, self.weight)
        return _through(self.output_fake_quant, F.linear(_through(self.input_fake_quant, input), weight, self.bias))


class QuantizedEmbedding(nn.Embedding):
    """An embedding with a quantized table and, where asked for, quantized vectors."""

    weight_fake_quant: FakeQuantizer | None
    output_fake_quant: FakeQuantizer | None

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the parameter's name in nn.Embedding
        vectors = F.embedding(
            input,
            _through(self.weight_fake_quant, self.weight),
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )
        return _through(self.output_fake_quant, vectors)


class QuantizedLayerNorm(nn.LayerNorm):
    """A layer normalisation whose input or output is quantized."""

    input_fake_quant: FakeQuantizer | None
    output_fake_quant: FakeQuantizer | None

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the parameter's name in nn.LayerNorm
        return _through(self.output_fake_quant, super().forward(_through(self.input_fake_quant, input)))


class QuantizedMatmul(nn.Module):
    """The product of two activations with quantized factors and, where asked for, quantized product."""

    def __init__(self, left: FakeQuantizer | None, right: FakeQuantizer | None, product: FakeQuantizer | None) -> None:
        super().__init__()
        self.input0_fake_quant = left
        self.input1_fake_quant = right
        self.output_fake_quant = product

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        product = torch.matmul(_through(self.input0_fake_quant, left), _through(self.input1_fake_quant, right))
        return _through(self.output_fake_quant, product)


QUANTIZED_CLASSES: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: QuantizedLinear,
    nn.Embedding: QuantizedEmbedding,
    nn.LayerNorm: QuantizedLayerNorm,
}
QUANTIZERS = ("input_fake_quant", "weight_fake_quant", "output_fake_quant")


def quantize_layer(layer: nn.Module, **quantizers: FakeQuantizer | None) -> None:
    """Turn `layer` into its quantized class in place, so that parameters, hooks and references stay what they were.

    `quantizers`: the quantizers of the layer's input, weight and output; the missing ones are none.
    """
    device = next((parameter.device for parameter in layer.parameters()), torch.device("cpu"))
    layer.__class__ = QUANTIZED_CLASSES[type(layer)]
    for name in QUANTIZERS:
        quantizer = quantizers.get(name)
        setattr(layer, name, quantizer if quantizer is None else quantizer.to(device).train(layer.training))


def original_class(layer: nn.Module) -> type[Any]:
    """The class `layer` had before it was quantized."""
    return next((plain for plain, made in QUANTIZED_CLASSES.items() if type(layer) is made), type(layer))
