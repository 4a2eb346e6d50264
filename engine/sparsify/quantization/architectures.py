"""What is particular to an architecture: which attention has products that can be quantized, and the layers that
SparseML wraps in another way than others."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class AttentionTraits:
    """`scales_query`: the query is scaled before the score product instead of the scores behind it.
    `quantizes_context`: the context has a quantizer of its own besides that of the linear layer that reads it."""

    scales_query: bool = False
    quantizes_context: bool = True


USUAL = AttentionTraits()
ATTENTIONS = {
    "AlbertAttention": USUAL,
    "BertSelfAttention": USUAL,
    "CamembertSelfAttention": USUAL,
    "DistilBertSelfAttention": AttentionTraits(scales_query=True, quantizes_context=False),
    "ElectraSelfAttention": USUAL,
    "MobileBertSelfAttention": USUAL,
    "RobertaSelfAttention": USUAL,
    "XLMRobertaSelfAttention": USUAL,
}
"""Attention of transformers that asks its attention interface for the products, by class name."""

_BEHIND_EMBEDDINGS = {"MobileBertEmbeddings": "embedding_transformation"}

_READ_DIRECTLY = {"DebertaEncoder": "rel_embeddings", "DebertaV2Encoder": "rel_embeddings"}


def embedding_projections(model: nn.Module) -> set[str]:
    """Paths of linear layers that read embeddings, which come quantized already: not their input but their output is
    quantized, as in SparseML's `QATEmbeddingTransformation`."""
    return _members(model, _BEHIND_EMBEDDINGS)


def tables_read_directly(model: nn.Module) -> set[str]:
    """Paths of embeddings that are never called, only their weight is taken: nothing of them can be quantized."""
    return _members(model, _READ_DIRECTLY)


def _members(model: nn.Module, table: dict[str, str]) -> set[str]:
    owners = ((name, table.get(type(module).__name__)) for name, module in model.named_modules())
    return {f"{name}.{member}" for name, member in owners if member is not None}
