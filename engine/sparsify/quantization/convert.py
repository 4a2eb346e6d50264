"""Conversion of a model for quantization-aware training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from engine.errors import UserError, plain
from engine.sparsify.quantization.attention import SCORES, is_attention, quantize_attention, use_quantized_attention
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer, QuantizationArguments
from engine.sparsify.quantization.layers import quantize_layer
from engine.sparsify.quantization.settings import QuantizationSettings


def quantize(model: nn.Module, settings: QuantizationSettings, *, observes_in_eval: bool = False) -> None:
    """Place fake quantizers in `model`, in place; parameters keep their objects and names.

    Raises `UserError` where a submodule of the settings does not exist.
    """
    converter = _Converter(settings, observes_in_eval)
    inside = list(_chosen(model, settings))
    chosen = {id(module) for module in inside}
    for module in inside:
        converter.convert(module)
    if settings.embeddings:
        for module in model.modules():
            if type(module) is nn.Embedding and id(module) not in chosen:
                converter.convert_lone_embedding(module)
    use_quantized_attention(model)


def _chosen(model: nn.Module, settings: QuantizationSettings) -> Iterator[nn.Module]:
    seen: set[int] = set()
    for root in _roots(model, settings.submodules):
        for module in root.modules():
            if id(module) not in seen:
                seen.add(id(module))
                yield module


def _roots(model: nn.Module, names: tuple[str, ...] | None) -> list[nn.Module]:
    if names is None:
        return [model]
    modules = dict(model.named_modules())
    missing = [name for name in names if name not in modules]
    if missing:
        raise UserError(
            f"QuantizationModifier: the model has no submodule {plain(', '.join(missing))}",
            "name modules of this architecture in `submodules`, or leave the field out for the whole model",
        )
    return [modules[name] for name in names]


class _Converter:
    def __init__(self, settings: QuantizationSettings, observes_in_eval: bool) -> None:
        self.settings = settings
        self.observes_in_eval = observes_in_eval

    def convert(self, module: nn.Module) -> None:
        settings = self.settings
        if is_attention(module) and not hasattr(module, SCORES):
            self._convert_attention(module)
        if type(module).__name__ in settings.excluded:
            return
        output = settings.activations if settings.outputs else None
        if type(module) is nn.Linear:
            quantize_layer(
                module,
                input_fake_quant=self._made(settings.activations),
                weight_fake_quant=self._made(settings.weights),
                output_fake_quant=self._made(output if settings.linear_outputs else None),
            )
        elif type(module) is nn.Embedding:
            quantize_layer(
                module,
                weight_fake_quant=self._made(settings.weights if settings.embeddings else None),
                output_fake_quant=self._made(output if settings.embedding_outputs else None),
            )
        elif type(module) is nn.LayerNorm and output is not None:
            quantize_layer(module, output_fake_quant=self._made(output))

    def convert_lone_embedding(self, module: nn.Module) -> None:
        """An embedding outside the submodules: its table only, asymmetric."""
        quantize_layer(module, weight_fake_quant=self._made(replace(self.settings.weights, symmetric=False)))

    def _convert_attention(self, module: nn.Module) -> None:
        settings = self.settings
        quantize_attention(
            module,
            settings.activations,
            settings.second_factor,
            settings.activations if settings.outputs else None,
            observes_in_eval=self.observes_in_eval,
        )

    def _made(self, arguments: QuantizationArguments | None) -> FakeQuantizer | None:
        return None if arguments is None else FakeQuantizer(arguments, observes_in_eval=self.observes_in_eval)
