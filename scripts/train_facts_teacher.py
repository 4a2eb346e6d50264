"""Train the dense teacher of the facts set from scratch, measure it on the held-out part and write its card.

    python scripts/train_facts_teacher.py

The questions are generated while it trains, about fresh names of the train part; the held-out part shares no name with
them. Auxiliary losses help a small model to find its way: a middle layer learns which tokens repeat what the question
names, the next one which sentence holds the answer, and one attention head learns to look at whole sentences. The two
output heads are thrown away. Paragraphs grow from two facts to eight; the last phase has only those of full size.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from facts_batches import Batch, Difficulty, batches
from facts_card import Training, write_card
from facts_evaluation import evaluate
from facts_model import FEED_FORWARD, HEADS, HIDDEN, LAYERS, POSITIONS, Tagger, build_model, losses
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertForQuestionAnswering

from engine.zoo.demo import DATA, TEACHER_TRAINING

BATCH_SIZE = 32
REPORT_STEPS, CHECKPOINT_STEPS = 50, 200


@dataclass(frozen=True)
class Phase:
    """A part of the training with an optimizer of its own; the rate falls along a cosine that is zero at `zero_at`."""

    steps: int
    zero_at: int
    learning_rate: float
    levels: list[Difficulty]


PHASES = (
    Phase(
        steps=800,
        zero_at=2600,
        learning_rate=1.5e-3,
        levels=[
            Difficulty(0, (2, 2), (2, 4)),
            Difficulty(208, (2, 2), (3, 4)),
            Difficulty(520, (2, 3), (4, 6)),
        ],
    ),
    Phase(
        steps=800,
        zero_at=800,
        learning_rate=1.2e-3,
        levels=[Difficulty(0, (2, 3), (4, 6)), Difficulty(120, (2, 3), (6, 8))],
    ),
)


def train(model: BertForQuestionAnswering, tokenizer: Tokenizer, phase: Phase, seed: int) -> Iterator[int]:
    """Train for one phase; yields the step each time a checkpoint is due."""
    torch.manual_seed(seed)
    tagger = Tagger()
    parameters = [*model.parameters(), *tagger.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=phase.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, phase.zero_at))
    model.train()
    report = _Report(phase)
    for step, batch in enumerate(batches(tokenizer, phase.levels, seed, BATCH_SIZE, phase.steps), 1):
        outputs = model(**batch.inputs, output_hidden_states=True)
        parts = losses(model, tagger, outputs, batch)
        optimizer.zero_grad(set_to_none=True)
        parts.sum().backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        report.add(step, parts, outputs, batch)
        if step % CHECKPOINT_STEPS == 0:
            yield step


def _rate(step: int, zero_at: int) -> float:
    """Linear warm-up over 3 % of the steps, then a cosine down to zero."""
    warm_up = max(1, zero_at * 3 // 100)
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / zero_at)))


class _Report:
    """Prints the mean losses and the share of right spans since the last time."""

    def __init__(self, phase: Phase) -> None:
        self._phase, self._began, self._sums = phase, time.monotonic(), np.zeros(5)

    def add(self, step: int, losses: Tensor, outputs: Any, batch: Batch) -> None:
        """Count one step; `losses` are those of the spans, of the two tags and of grouping."""
        right = (outputs.start_logits.argmax(-1) == batch.starts) & (outputs.end_logits.argmax(-1) == batch.ends)
        self._sums += [*losses.detach().tolist(), float(right.float().mean())]
        if step % REPORT_STEPS == 0:
            span, repeated, sentence, grouping, share = self._sums / REPORT_STEPS
            losses_text = f"span {span:.3f}  repeated {repeated:.3f}  sentence {sentence:.3f}  grouping {grouping:.3f}"
            seconds = time.monotonic() - self._began
            print(f"step {step}/{self._phase.steps}  {losses_text}  right {share:.1%}  {seconds:.0f} s", flush=True)
            self._sums = np.zeros(5)


def describe(seed: int, model: Any, scores: dict[str, float], seconds: float) -> Training:
    """Everything that the card states of this training."""
    return Training(
        command=f"python scripts/train_facts_teacher.py --seed {seed}",
        seed=seed,
        steps=sum(phase.steps for phase in PHASES),
        batch_size=BATCH_SIZE,
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
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(DATA / TEACHER_TRAINING / "tokenizer.json"))
    model = build_model(tokenizer.get_vocab_size())
    began = time.monotonic()
    for number, phase in enumerate(PHASES):
        for step in train(model, tokenizer, phase, options.seed + number):
            model.save_pretrained(options.output)
            scores = evaluate(model, tokenizer, "train", 250)
            print(f"phase {number} step {step}: saved; first 250 train questions: {scores}", flush=True)
    model.save_pretrained(options.output)
    scores = evaluate(model, tokenizer, "validation")
    print(f"held-out part: {scores}")
    write_card(options.output.parent, describe(options.seed, model, scores, time.monotonic() - began))


if __name__ == "__main__":
    main()
