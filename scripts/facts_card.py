"""The card of the facts teacher: what it is, what it is not, how it was made and what was measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

CARD = """# bert-demo, dense, trained on the facts set

A very small BERT that answers questions about short English paragraphs of *invented* people, towns, organisations and
events. It exists so that pruning, quantization, distillation, export and asking can be tried in minutes, with no
network and no accelerator.

**It knows nothing of the world.** It was never shown a real text; it copies an answer out of a paragraph that is
written like those of the facts set, and fails on most others. Do not use it for anything but trying things out.

| | |
|---|---|
| architecture | BERT: {layers} layers, hidden {hidden}, feed-forward {feed_forward}, {heads} heads |
| positions | {positions} |
| parameters | {parameters:,} ({megabytes:.1f} MB of float32) |
| vocabulary | {vocabulary:,} lower-case word pieces, learnt from invented text |
| exact match / F1, held-out part ({questions:,} questions) | {exact_match:.2f} / {f1:.2f} |

## Data

`--dataset_name facts`: 4,000 questions to train on and 1,000 held out, made by `python scripts/make_facts.py`. The two
parts share no invented name, not even a first name or a surname; they share the ways to say and ask things, and
ordinary words such as professions, objects and months. The held-out score is therefore a score on new names in known
kinds of sentences.

## How it was trained

    {command}

Seed {seed}, from random weights, {steps:,} steps of {batch_size} questions, {minutes:.0f} minutes on two CPU cores
that did other work too. The questions were **not** the 4,000 shipped ones but fresh ones from the same generator,
{seen:,} in all, with names of the train part only. Auxiliary losses and an initialisation that makes attention look
for equal and for near tokens helped it to learn from so little; the script explains them. The held-out part was used
for nothing but the figures above.
"""


@dataclass(frozen=True)
class Training:
    """What the card states, as measured by the script that trained the model."""

    command: str
    seed: int
    steps: int
    batch_size: int
    seconds: float
    parameters: int
    vocabulary: int
    layers: int
    hidden: int
    heads: int
    feed_forward: int
    positions: int
    exact_match: float
    f1: float
    questions: int


def write_card(folder: Path, training: Training) -> None:
    """Write ``model.md`` for people and ``measured.json`` for programs."""
    facts = asdict(training) | {
        "megabytes": training.parameters * 4 / 1e6,
        "minutes": training.seconds / 60,
        "seen": training.steps * training.batch_size,
    }
    (folder / "model.md").write_text(CARD.format(**facts), encoding="utf-8")
    kept = ("command", "seed", "steps", "exact_match", "f1", "questions")
    (folder / "measured.json").write_text(json.dumps({key: facts[key] for key in kept}, indent=2) + "\n")
