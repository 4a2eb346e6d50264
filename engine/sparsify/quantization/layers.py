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


def quantize_layer(
    layer: nn.Module, inputs: FakeQuantizer | None, weight: FakeQuantizer | None, output: FakeQuantizer | None
) -> None:
    """Turn `layer` into its quantized class in place, so that parameters, hooks and references stay what they were."""
    layer.__class__ = QUANTIZED_CLASSES[type(layer)]
    _attach(layer, input_fake_quant=inputs, weight_fake_quant=weight, output_fake_quant=output)


def quantize_calls(module: nn.Module, inputs: FakeQuantizer | None, output: FakeQuantizer | None) -> None:
    """Quantize the first positional argument and the result of every call of `module`, whatever its class."""
    if hasattr(module, "input_fake_quant"):
        return
    _attach(module, input_fake_quant=inputs, output_fake_quant=output)
    module.register_forward_pre_hook(_quantize_first_argument)
    module.register_forward_hook(_quantize_result)


def _quantize_first_argument(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if not (arguments and _can_be_rounded(arguments[0])):
        return arguments
    return (_through(module.input_fake_quant, arguments[0]), *arguments[1:])  # type: ignore[arg-type]


def _quantize_result(module: nn.Module, _: tuple[Any, ...], result: Any) -> Any:
    return _through(module.output_fake_quant, result) if _can_be_rounded(result) else result  # type: ignore[arg-type]


def _can_be_rounded(value: Any) -> bool:
    """Indices, and several tensors at once, pass as they are."""
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _attach(layer: nn.Module, **quantizers: FakeQuantizer | None) -> None:
    device = next((parameter.device for parameter in layer.parameters()), torch.device("cpu"))
    for name, quantizer in quantizers.items():
        setattr(layer, name, quantizer if quantizer is None else quantizer.to(device).train(layer.training))
