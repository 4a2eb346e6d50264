"""The facts teacher: a small BERT, how its weights begin, and the losses it learns by."""

from __future__ import annotations

import math
from typing import Any

import torch
from facts_batches import IGNORED, Batch
from torch import Tensor, nn
from transformers import BertConfig, BertForQuestionAnswering

LAYERS, HIDDEN, HEADS, FEED_FORWARD, POSITIONS = 4, 128, 4, 512, 256
TAG_LAYERS = (2, 3)
TAG_WEIGHT = 1.0
GROUP_LAYER = 2
GROUP_WEIGHT = 0.5
POSITION_SCALE = 0.05
LOOK_ALIKE, LOOK_NEAR = 1.25, 1.25
NEAR_LAYERS = (1, 2)


def build_model(vocabulary_size: int) -> BertForQuestionAnswering:
    """A small BERT whose attention starts out looking for equal tokens, in its second layer for near ones.

    Query and key of a layer begin as the same projection and positions as sinusoids ("mimetic initialization",
    Trockman and Kolter, 2023): without it, matching the question's names with the context's is learnt very late.
    """
    config = BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=FEED_FORWARD,
        max_position_embeddings=POSITIONS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.05,
    )
    model = BertForQuestionAnswering(config)
    positions = POSITION_SCALE * sinusoids(POSITIONS, HIDDEN)
    with torch.no_grad():
        model.bert.embeddings.position_embeddings.weight.copy_(positions)
        model.bert.embeddings.token_type_embeddings.weight.mul_(0.3)
        for number, layer in enumerate(model.bert.encoder.layer):
            attention = layer.attention.self
            query = LOOK_NEAR * near(positions) if number in NEAR_LAYERS else LOOK_ALIKE * torch.randn(HIDDEN, HIDDEN)
            attention.query.weight.copy_(query * HIDDEN**-0.5)
            attention.key.weight.copy_(attention.query.weight)
            nn.init.normal_(attention.value.weight, std=HIDDEN**-0.5)
            nn.init.normal_(layer.attention.output.dense.weight, std=HIDDEN**-0.5)
    return model


def near(positions: Tensor) -> Tensor:
    """Projections [hidden, hidden] that keep, for every head, the directions in which positions differ most."""
    width = HIDDEN // HEADS
    directions = torch.linalg.svd(positions - positions.mean(0))[2][:width]
    heads = [torch.linalg.qr(torch.randn(width, width))[0] @ directions for _ in range(HEADS)]
    return torch.cat(heads) * HIDDEN**0.5


def sinusoids(positions: int, width: int) -> Tensor:
    """Position encodings of shape [positions, width], as in "Attention is all you need" but for short texts."""
    angles = torch.arange(positions)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(200.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Tagger(nn.Module):
    """Two auxiliary heads: each reads one layer's hidden states and tags every token of the context."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(HIDDEN, 1) for _ in TAG_LAYERS)

    def forward(self, hidden_states: tuple[Tensor, ...], tags: Tensor) -> Tensor:
        """Mean binary cross-entropy over the tagged tokens, one figure a head."""
        losses: list[Tensor] = []
        for number, (head, layer) in enumerate(zip(self.heads, TAG_LAYERS, strict=True)):
            known = tags[..., number] != IGNORED
            logits = head(hidden_states[layer]).squeeze(-1)[known]
            losses.append(nn.functional.binary_cross_entropy_with_logits(logits, tags[..., number][known]))
        return torch.stack(losses)


def losses(model: BertForQuestionAnswering, tagger: Tagger, outputs: Any, batch: Batch) -> Tensor:
    """The weighted losses of a batch, to be summed: answer span, repeated names, answer's sentence, grouping."""
    tags = TAG_WEIGHT * tagger(outputs.hidden_states, batch.tags)
    grouping = GROUP_WEIGHT * _grouping_loss(model, outputs.hidden_states, batch.sentences)
    return torch.cat([_span_loss(outputs, batch)[None], tags, grouping[None]])


def _span_loss(outputs: Any, batch: Batch) -> Tensor:
    starts = nn.functional.cross_entropy(outputs.start_logits, batch.starts)
    return (starts + nn.functional.cross_entropy(outputs.end_logits, batch.ends)) / 2


def _grouping_loss(model: BertForQuestionAnswering, hidden_states: tuple[Tensor, ...], sentences: Tensor) -> Tensor:
    """How far the attention of one layer's first head is from looking at a token's whole sentence and nothing else.

    The mean over tokens of the divergence of that attention from the uniform one over the sentence.
    """
    attention, width = model.bert.encoder.layer[GROUP_LAYER].attention.self, HIDDEN // HEADS
    query, key = (
        nn.functional.linear(hidden_states[GROUP_LAYER], projection.weight[:width], projection.bias[:width])
        for projection in (attention.query, attention.key)
    )
    scores = (query @ key.transpose(1, 2) * width**-0.5).log_softmax(-1)
    same = (sentences[:, :, None] == sentences[:, None, :]).float()
    length = same.sum(-1)
    divergence = -(scores * same).sum(-1) / length - length.log()
    return divergence[sentences > 0].mean()
