"""Train the dense teacher of the facts set from scratch, measure it on the held-out part and write its card.

    python scripts/train_facts_teacher.py

The questions are generated while it trains, about fresh names of the train part; the held-out part shares no name with
them. Auxiliary losses help a small model to find its way: a middle layer learns which tokens repeat what the question
names, the next one which sentence holds the answer, and one attention head learns to stay within a sentence. Their
two output heads are thrown away.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from facts_batches import IGNORED, Batch, Difficulty, batches
from facts_card import Training, write_card
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertForQuestionAnswering

from engine.question_answering.metrics import squad_v1
from engine.question_answering.spans import WindowLogits, decode
from engine.zoo.demo import DATA, TEACHER_TRAINING, dataset_file

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


def train(model: BertForQuestionAnswering, tokenizer: Tokenizer, options: argparse.Namespace) -> Iterator[int]:
    """Train for the given number of steps; yields the step each time a checkpoint is due."""
    tagger = Tagger()
    parameters = [*model.parameters(), *tagger.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, options.steps))
    levels = [
        Difficulty(0, (2, 2), (2, 4)),
        Difficulty(int(options.steps * 0.08), (2, 2), (3, 4)),
        Difficulty(int(options.steps * 0.20), (2, 3), (4, 6)),
        Difficulty(int(options.steps * 0.40), (2, 3), (6, 8)),
    ]
    if options.start_from:
        levels = [Difficulty(0, (2, 3), (4, 6)), Difficulty(int(options.steps * 0.15), (2, 3), (6, 8))]
    model.train()
    report = _Report(options)
    for step, batch in enumerate(batches(tokenizer, levels, options.seed, options.batch_size, options.steps), 1):
        outputs = model(**batch.inputs, output_hidden_states=True)
        task = _span_loss(outputs, batch)
        tagging = tagger(outputs.hidden_states, batch.tags)
        grouping = _grouping_loss(model, outputs.hidden_states, batch.sentences)
        loss = task + TAG_WEIGHT * tagging.sum() + GROUP_WEIGHT * grouping
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        report.add(step, torch.cat([task[None], tagging, grouping[None]]), outputs, batch)
        if step % options.checkpoint_steps == 0:
            yield step
        if step >= options.stop_after:
            return


def _rate(step: int, steps: int) -> float:
    """Linear warm-up over 3 % of the steps, then a cosine down to zero."""
    warm_up = max(1, steps * 3 // 100)
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


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


class _Report:
    """Prints the mean losses and the share of right spans since the last time."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._began, self._sums = options, time.monotonic(), np.zeros(5)

    def add(self, step: int, losses: Tensor, outputs: Any, batch: Batch) -> None:
        """Count one step; `losses` are those of the spans, of the two tags and of grouping."""
        right = (outputs.start_logits.argmax(-1) == batch.starts) & (outputs.end_logits.argmax(-1) == batch.ends)
        self._sums += [*losses.detach().tolist(), float(right.float().mean())]
        if step % self._options.report_steps == 0:
            span, repeated, sentence, grouping, share = self._sums / self._options.report_steps
            losses_text = f"span {span:.3f}  repeated {repeated:.3f}  sentence {sentence:.3f}  grouping {grouping:.3f}"
            seconds = time.monotonic() - self._began
            print(f"step {step}/{self._options.steps}  {losses_text}  right {share:.1%}  {seconds:.0f} s", flush=True)
            self._sums = np.zeros(5)


@torch.no_grad()
def evaluate(
    model: BertForQuestionAnswering, tokenizer: Tokenizer, split: str, limit: int = sys.maxsize
) -> dict[str, float]:
    """Exact match and F1 on a split of the shipped set, answers decoded as everywhere else."""
    model.eval()
    examples = [
        (paragraph["context"], question)
        for entry in json.loads(gzip.decompress(dataset_file(split).read_bytes()))["data"]
        for paragraph in entry["paragraphs"]
        for question in paragraph["qas"]
    ][:limit]
    predictions: dict[str, str] = {}
    for begin in range(0, len(examples), 100):
        predictions |= _answers(model, tokenizer, examples[begin : begin + 100])
    references = {question["id"]: [answer["text"] for answer in question["answers"]] for _, question in examples}
    model.train()
    return squad_v1(references, predictions)


def _answers(model: Any, tokenizer: Tokenizer, examples: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch([(question["question"], context) for context, question in examples])
    tokenizer.no_padding()
    inputs = {
        "input_ids": torch.tensor([encoding.ids for encoding in encodings]),
        "token_type_ids": torch.tensor([encoding.type_ids for encoding in encodings]),
        "attention_mask": torch.tensor([encoding.attention_mask for encoding in encodings]),
    }
    outputs = model(**inputs)
    answers: dict[str, str] = {}
    for row, ((context, question), encoding) in enumerate(zip(examples, encodings, strict=True)):
        inside = np.array([sequence == 1 for sequence in encoding.sequence_ids])
        offsets = np.where(inside[:, None], np.array(encoding.offsets), -1)
        logits = outputs.start_logits[row].numpy(), outputs.end_logits[row].numpy()
        answers[question["id"]] = decode(context, [WindowLogits(*logits, offsets)]).answer
    return answers


def describe(options: argparse.Namespace, model: Any, scores: dict[str, float], seconds: float) -> Training:
    """Everything that the card states of this training."""
    flags = f"--steps {options.steps} --batch-size {options.batch_size} --learning-rate {options.learning_rate:g}"
    return Training(
        command=f"python scripts/train_facts_teacher.py {flags} --seed {options.seed}",
        seed=options.seed,
        steps=options.steps,
        batch_size=options.batch_size,
        seconds=seconds,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vocabulary=model.config.vocab_size,
        layers=LAYERS,
        hidden=HIDDEN,
        heads=HEADS,
        feed_forward=FEED_FORWARD,
        positions=POSITIONS,
        exact_match=round(scores["exact_match"], 2),
        f1=round(scores["f1"], 2),
        questions=int(scores["total"]),
    )


def main() -> None:
    """Train, measure, and write the model and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=DATA / TEACHER_TRAINING)
    parser.add_argument("--start-from", type=Path, help="model folder to train further, on paragraphs of full size")
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--stop-after", type=int, default=sys.maxsize, help="stop at this step, before the rate is zero")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--checkpoint-steps", type=int, default=400)
    parser.add_argument("--report-steps", type=int, default=50)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(DATA / TEACHER_TRAINING / "tokenizer.json"))
    model = build_model(tokenizer.get_vocab_size())
    if options.start_from:
        model = BertForQuestionAnswering.from_pretrained(options.start_from)
    began = time.monotonic()
    for step in train(model, tokenizer, options):
        model.save_pretrained(options.output)
        print(f"step {step}: saved; first 250 train questions: {evaluate(model, tokenizer, 'train', 250)}", flush=True)
    model.save_pretrained(options.output)
    scores = evaluate(model, tokenizer, "validation")
    print(f"held-out part: {scores}")
    seconds = time.monotonic() - began
    write_card(options.output.parent, describe(options, model, scores, seconds))


if __name__ == "__main__":
    main()
