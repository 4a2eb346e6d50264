"""Attention whose two products are quantized, as an attention implementation of transformers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from engine.sparsify.quantization.fake_quantizer import FakeQuantizer
from engine.sparsify.quantization.layers import QuantizedMatmul
from engine.sparsify.quantization.placement import Products

IMPLEMENTATION = "fake_quantized"
ATTENTION_CLASSES = frozenset({"BertSelfAttention"})
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
    and the probabilities. The score product is quantized before it is scaled and masked.
    """
    scores_product = getattr(module, SCORES, torch.matmul)
    context_product = getattr(module, CONTEXT, torch.matmul)
    factor = query.size(-1) ** -0.5 if scaling is None else scaling
    scores = scores_product(query, key.transpose(2, 3)) * factor
    if attention_mask is not None:
        scores = scores + attention_mask
    probabilities = F.dropout(F.softmax(scores, dim=-1), p=dropout, training=module.training)
    return context_product(probabilities, value).transpose(1, 2).contiguous(), probabilities


AttentionInterface.register(IMPLEMENTATION, quantized_attention)
AttentionMaskInterface.register(IMPLEMENTATION, eager_mask)


def is_attention(module: nn.Module) -> bool:
    """Whether the products of `module` can be quantized."""
    return type(module).__name__ in ATTENTION_CLASSES


def quantize_attention(attention: nn.Module, products: Products, *, observes_in_eval: bool) -> None:
    """Give `attention` its two quantized products."""
    device = next(attention.parameters()).device
    for name in (SCORES, CONTEXT):
        made = [
            None if arguments is None else FakeQuantizer(arguments, observes_in_eval=observes_in_eval)
            for arguments in (products.left, products.right, products.result)
        ]
        setattr(attention, name, QuantizedMatmul(*made).to(device).train(attention.training))


def use_quantized_attention(model: nn.Module) -> None:
    """Switch `model` to the attention implementation above, if it has quantized products."""
    if any(hasattr(module, SCORES) for module in model.modules()) and isinstance(model, PreTrainedModel):
        model.set_attn_implementation(IMPLEMENTATION)
