"""Attention whose two products are quantized, as an attention implementation of transformers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from engine.errors import UserError
from engine.sparsify.quantization.architectures import ATTENTIONS, USUAL
from engine.sparsify.quantization.fake_quantizer import FakeQuantizer
from engine.sparsify.quantization.layers import QuantizedMatmul
from engine.sparsify.quantization.placement import Products

IMPLEMENTATION = "fake_quantized"
SCORES = "attention_scores_matmul"
CONTEXT = "context_layer_matmul"


def quantized_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Eager attention through the products of `module`; plain products where it has none.

    `query`, `key`, `value`: [batch, heads, length, head size]. Returns the context [batch, length, heads, head size]
    and the probabilities. The score product is quantized before it is scaled and masked, or, in DistilBERT as SparseML
    wraps it, after the query was scaled.
    """
    scores_product = getattr(module, SCORES, torch.matmul)
    context_product = getattr(module, CONTEXT, torch.matmul)
    factor = query.size(-1) ** -0.5 if scaling is None else scaling
    if ATTENTIONS.get(type(module).__name__, USUAL).scales_query:
        query, factor = query * factor, 1.0
    scores = scores_product(query, key.transpose(2, 3)) * factor
    if attention_mask is not None:
        scores = scores + attention_mask
    probabilities = F.dropout(F.softmax(scores, dim=-1), p=dropout, training=module.training)
    return context_product(probabilities, value).transpose(1, 2).contiguous(), probabilities


AttentionInterface.register(IMPLEMENTATION, quantized_attention)
AttentionMaskInterface.register(IMPLEMENTATION, eager_mask)


def is_attention(module: nn.Module) -> bool:
    """Whether the products of `module` can be quantized."""
    return type(module).__name__ in ATTENTIONS


def other_attentions(model: nn.Module) -> dict[str, nn.Module]:
    """Attention by its path whose products stay in float: of an architecture that is not known here."""
    named = {name: module for name, module in model.named_modules() if "Attention" in type(module).__name__}
    outer = {name for name in named if any(other.startswith(f"{name}.") for other in named)}
    return {name: module for name, module in named.items() if name not in outer and not is_attention(module)}


def quantize_attention(attention: nn.Module, products: Products, *, observes_in_eval: bool) -> None:
    """Give `attention` its two quantized products."""
    device = next(attention.parameters()).device
    results = {SCORES: products.result, CONTEXT: products.result}
    if not ATTENTIONS[type(attention).__name__].quantizes_context:
        results[CONTEXT] = None
    for name, result in results.items():
        made = [
            None if arguments is None else FakeQuantizer(arguments, observes_in_eval=observes_in_eval)
            for arguments in (products.left, products.right, result)
        ]
        setattr(attention, name, QuantizedMatmul(*made).to(device).train(attention.training))


def use_quantized_attention(model: nn.Module) -> None:
    """Switch `model` to the attention implementation above, if it has quantized products. Raises `UserError` where it
    keeps another one, in which nothing would be quantized."""
    with_products = [module for module in model.modules() if hasattr(module, SCORES)]
    if not with_products or not isinstance(model, PreTrainedModel):
        return
    model.set_attn_implementation(IMPLEMENTATION)
    kept = {getattr(module.config, "_attn_implementation", None) for module in with_products} - {IMPLEMENTATION}
    if kept:
        raise UserError(
            f"{type(model).__name__} keeps its {kept.pop()} attention, whose products cannot be quantized",
            "load the model with eager attention, or take its attention out of the QuantizationModifier's submodules",
        )
